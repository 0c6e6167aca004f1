"""Rotations as the motion room needs them: vectors, matrices, blends, named angles, soft limits.

Knows 3-D rotations in the axes of `avatar.frames` (x right, y down, z away); knows no faces.
"""

from __future__ import annotations

import math

import numpy as np

from avatar.frames import FloatArray

IDENTITY: FloatArray = np.eye(3, dtype=np.float32)
IDENTITY.flags.writeable = False


def exp_rotation(vector_3: FloatArray) -> FloatArray:
    """Rotation matrix of a rotation vector (axis times angle in radians; Rodrigues)."""
    # Plain floats: on three numbers numpy spends ten times the arithmetic on its own overhead.
    x, y, z = (float(v) for v in vector_3)
    square = x * x + y * y + z * z
    if square < 1e-16:
        a, b = 1.0, 0.5
    else:
        angle = math.sqrt(square)
        a, b = math.sin(angle) / angle, (1.0 - math.cos(angle)) / square
    return np.array(
        [
            [1.0 - b * (y * y + z * z), b * x * y - a * z, b * x * z + a * y],
            [b * x * y + a * z, 1.0 - b * (x * x + z * z), b * y * z - a * x],
            [b * x * z - a * y, b * y * z + a * x, 1.0 - b * (x * x + y * y)],
        ],
        dtype=np.float32,
    )


def log_rotation(rotation_33: FloatArray) -> FloatArray:
    """Rotation vector of a rotation matrix, angle in [0, pi]."""
    r = np.asarray(rotation_33, dtype=np.float64).tolist()
    x, y, z = r[2][1] - r[1][2], r[0][2] - r[2][0], r[1][0] - r[0][1]
    sine = 0.5 * math.sqrt(x * x + y * y + z * z)
    cosine = 0.5 * (r[0][0] + r[1][1] + r[2][2] - 1.0)
    angle = math.atan2(sine, cosine)
    if sine > 1e-6:
        share = angle / (2.0 * sine)
        return np.array([x * share, y * share, z * share], dtype=np.float32)
    if cosine > 0:
        return np.array([0.5 * x, 0.5 * y, 0.5 * z], dtype=np.float32)
    # Half a turn: the axis is the column of r + 1 with the largest diagonal entry.
    column = max(range(3), key=lambda i: float(r[i][i]))
    axis = np.array([r[row][column] + float(row == column) for row in range(3)])
    return np.asarray(angle * axis / np.linalg.norm(axis), dtype=np.float32)


def blend_rotations(from_33: FloatArray, to_33: FloatArray, weight: float) -> FloatArray:
    """The rotation `weight` of the way along the shortest path (0 gives `from`, 1 gives `to`)."""
    step = log_rotation(to_33 @ from_33.T)
    return np.asarray(exp_rotation(weight * step) @ from_33, dtype=np.float32)


def rotation_between(from_3: FloatArray, to_3: FloatArray) -> FloatArray:
    """Smallest rotation that turns one unit vector into another."""
    ax, ay, az = (float(v) for v in from_3)
    bx, by, bz = (float(v) for v in to_3)
    x, y, z = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
    sine, cosine = math.sqrt(x * x + y * y + z * z), ax * bx + ay * by + az * bz
    if sine < 1e-9:
        if cosine > 0:
            return IDENTITY
        a = np.array([ax, ay, az])
        axis = np.cross(a, np.eye(3)[int(np.argmin(np.abs(a)))])
        return exp_rotation((np.pi * axis / np.linalg.norm(axis)).astype(np.float32))
    share = math.atan2(sine, cosine) / sine
    return exp_rotation(np.array([x * share, y * share, z * share], dtype=np.float32))


def yaw_pitch_roll(rotation_33: FloatArray) -> tuple[float, float, float]:
    """Radians: yaw > 0 turns the nose to picture right, pitch > 0 down, roll > 0 clockwise."""
    r = np.asarray(rotation_33, dtype=np.float64)
    nose_x, nose_y, nose_z = -r[:, 2]
    yaw = float(np.arctan2(nose_x, -nose_z))
    pitch = float(np.arctan2(nose_y, np.hypot(nose_x, nose_z)))
    # Take yaw and pitch off again; what is left turns about the nose.
    upright = from_yaw_pitch_roll(yaw, pitch, 0.0).astype(np.float64)
    rest = upright.T @ r
    return yaw, pitch, float(np.arctan2(rest[1, 0], rest[0, 0]))


def from_yaw_pitch_roll(yaw: float, pitch: float, roll: float) -> FloatArray:
    """Inverse of `yaw_pitch_roll`: roll about the nose, then pitch, then yaw."""
    about_y = exp_rotation(np.array([0.0, -yaw, 0.0], dtype=np.float32))
    about_x = exp_rotation(np.array([pitch, 0.0, 0.0], dtype=np.float32))
    about_z = exp_rotation(np.array([0.0, 0.0, roll], dtype=np.float32))
    return np.asarray(about_y @ about_x @ about_z, dtype=np.float32)


def soft_limit(value: FloatArray, limit: FloatArray | float, *, knee: float = 0.6) -> FloatArray:
    """Identity up to `knee * limit`, then bends smoothly and never reaches `limit` in size."""
    value = np.asarray(value, dtype=np.float32)
    bound = np.maximum(np.asarray(limit, dtype=np.float32), 1e-6)
    start = knee * bound
    rest = bound - start
    size = np.abs(value)
    bent = start + rest * np.tanh((size - start) / rest)
    return np.asarray(np.where(size <= start, value, np.sign(value) * bent), dtype=np.float32)
