"""Bones pointed where a driver's point: the arithmetic of a chain of limbs, one bone at a time.

Knows directions on the unit sphere and how sure they are; does not know whose bones they are
(`retarget_body`). Compiled: a dozen bones of three numbers each cost numpy a millisecond in calls.

Legend: J 33 body joints, B bones from a first joint to a second, parents before children.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from avatar.frames import FloatArray
from avatar.jit import kernel

Vector = tuple[float, float, float]


@kernel
def place_bones(
    joints_J3: FloatArray,
    bone_B2: NDArray[np.int64],
    own_B3: FloatArray,
    length_B: FloatArray,
    now_J3: FloatArray,
    rest_J3: FloatArray,
    seen_B: FloatArray,
    seen_at_rest_B: FloatArray,
    is_gesture_B: NDArray[np.bool_],
    absolute_rad: tuple[float, float],
) -> None:
    """Place the second joint of every bone in `joints_J3`.

    A bone keeps its own direction `own_B3` as far as it is not seen. What is seen turns it as the
    driver's turned away from rest; gestures beyond the first of the angles `absolute_rad` go over
    to the driver's very direction.
    """
    for b in range(len(bone_B2)):
        start = bone_B2[b, 0]
        end = bone_B2[b, 1]
        own = (own_B3[b, 0], own_B3[b, 1], own_B3[b, 2])
        direction = own
        has_now, now = _direction(now_J3, start, end)
        if seen_B[b] > 0.0 and has_now:
            has_rest, rest = _direction(rest_J3, start, end)
            wanted = now
            if has_rest and seen_at_rest_B[b] > 0.0:
                relative = turned(own, rest, now)
                absolute = 0.0
                if is_gesture_B[b]:
                    cosine = min(max(_dot(rest, now), -1.0), 1.0)
                    t = (math.acos(cosine) - absolute_rad[0]) / (absolute_rad[1] - absolute_rad[0])
                    t = min(max(t, 0.0), 1.0)
                    absolute = t * t * (3.0 - 2.0 * t)
                wanted = between(relative, now, 1.0 - seen_at_rest_B[b] * (1.0 - absolute))
            elif not is_gesture_B[b]:
                wanted = own  # a leg never seen at rest says nothing relative
            direction = between(own, wanted, seen_B[b])
        for k in range(3):
            joints_J3[end, k] = joints_J3[start, k] + length_B[b] * direction[k]


@kernel
def turned(vector: Vector, rest: Vector, now: Vector) -> Vector:
    """A vector turned by the smallest rotation that takes the unit vector `rest` to `now`."""
    axis = _cross(rest, now)
    square = _dot(axis, axis)
    cosine = _dot(rest, now)
    if square < 1e-12:
        if cosine > 0.0:
            return vector
        axis = _across(rest)  # half a turn about any axis
        along = 2.0 * _dot(axis, vector)
        return (
            along * axis[0] - vector[0],
            along * axis[1] - vector[1],
            along * axis[2] - vector[2],
        )
    aside = _cross(axis, vector)
    along = _dot(axis, vector) * (1.0 - cosine) / square
    return (
        cosine * vector[0] + aside[0] + along * axis[0],
        cosine * vector[1] + aside[1] + along * axis[1],
        cosine * vector[2] + aside[2] + along * axis[2],
    )


@kernel
def between(start: Vector, end: Vector, weight: float) -> Vector:
    """The direction `weight` of the way along the arc between two unit vectors."""
    if weight <= 0.0:
        return start
    if weight >= 1.0:
        return end
    cosine = _dot(start, end)
    if cosine < -0.9999:  # opposite: the arc's plane is any
        axis = _across(start)
        aside = _cross(axis, start)
        c = math.cos(weight * math.pi)
        s = math.sin(weight * math.pi)
        return (
            c * start[0] + s * aside[0],
            c * start[1] + s * aside[1],
            c * start[2] + s * aside[2],
        )
    angle = math.acos(min(cosine, 1.0))
    if angle < 1e-4:
        return end
    a = math.sin((1.0 - weight) * angle) / math.sin(angle)
    b = math.sin(weight * angle) / math.sin(angle)
    return (
        a * start[0] + b * end[0],
        a * start[1] + b * end[1],
        a * start[2] + b * end[2],
    )


@kernel
def _direction(joints_J3: FloatArray, start: int, end: int) -> tuple[bool, Vector]:
    x = float(joints_J3[end, 0] - joints_J3[start, 0])
    y = float(joints_J3[end, 1] - joints_J3[start, 1])
    z = float(joints_J3[end, 2] - joints_J3[start, 2])
    length = math.sqrt(x * x + y * y + z * z)
    if length < 1e-6:
        return False, (0.0, 1.0, 0.0)
    return True, (x / length, y / length, z / length)


@kernel
def _dot(a: Vector, b: Vector) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@kernel
def _cross(a: Vector, b: Vector) -> Vector:
    return (
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    )


@kernel
def _across(a: Vector) -> Vector:
    """A unit vector at right angles to one."""
    x, y, z = 0.0, -a[2], a[1]
    if abs(a[0]) > 0.8:
        x, y, z = -a[1], a[0], 0.0
    length = math.sqrt(x * x + y * y + z * z)
    return (x / length, y / length, z / length)
