"""Rotations as the motion room needs them: vectors, matrices, blends, named angles, soft limits.

Knows 3-D rotations in the axes of `avatar.frames` (x right, y down, z away); knows no faces.
"""

from __future__ import annotations

import numpy as np

from avatar.frames import FloatArray

IDENTITY: FloatArray = np.eye(3, dtype=np.float32)
IDENTITY.flags.writeable = False


def exp_rotation(vector_3: FloatArray) -> FloatArray:
    """Rotation matrix of a rotation vector (axis times angle in radians; Rodrigues)."""
    v = np.asarray(vector_3, dtype=np.float64)
    angle = float(np.linalg.norm(v))
    cross = np.array([[0.0, -v[2], v[1]], [v[2], 0.0, -v[0]], [-v[1], v[0], 0.0]])
    if angle < 1e-8:
        return (np.eye(3) + cross).astype(np.float32)
    a, b = np.sin(angle) / angle, (1.0 - np.cos(angle)) / angle**2
    return np.asarray(np.eye(3) + a * cross + b * cross @ cross, dtype=np.float32)


def log_rotation(rotation_33: FloatArray) -> FloatArray:
    """Rotation vector of a rotation matrix, angle in [0, pi]."""
    r = np.asarray(rotation_33, dtype=np.float64)
    skew = np.array([r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]])
    sine = 0.5 * float(np.linalg.norm(skew))
    cosine = 0.5 * (float(np.trace(r)) - 1.0)
    angle = float(np.arctan2(sine, cosine))
    if sine > 1e-6:
        return np.asarray(skew * (angle / (2.0 * sine)), dtype=np.float32)
    if cosine > 0:
        return (0.5 * skew).astype(np.float32)
    # Half a turn: the axis is the column of r + 1 with the largest diagonal entry.
    column = int(np.argmax(np.diag(r)))
    axis = r[:, column] + np.eye(3)[column]
    return np.asarray(angle * axis / np.linalg.norm(axis), dtype=np.float32)


def blend_rotations(from_33: FloatArray, to_33: FloatArray, weight: float) -> FloatArray:
    """The rotation `weight` of the way along the shortest path (0 gives `from`, 1 gives `to`)."""
    step = log_rotation(to_33 @ from_33.T)
    return np.asarray(exp_rotation(weight * step) @ from_33, dtype=np.float32)


def rotation_between(from_3: FloatArray, to_3: FloatArray) -> FloatArray:
    """Smallest rotation that turns one unit vector into another."""
    a = np.asarray(from_3, dtype=np.float64)
    b = np.asarray(to_3, dtype=np.float64)
    axis = np.cross(a, b)
    sine, cosine = float(np.linalg.norm(axis)), float(a @ b)
    if sine < 1e-9:
        if cosine > 0:
            return IDENTITY
        axis = np.cross(a, np.eye(3)[int(np.argmin(np.abs(a)))])
        return exp_rotation((np.pi * axis / np.linalg.norm(axis)).astype(np.float32))
    angle = np.arctan2(sine, cosine)
    return exp_rotation((axis * (angle / sine)).astype(np.float32))


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
