"""Faces made from the canonical one, for tests that need to know the truth."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from avatar.frames import (
    BodyMotion,
    FaceMotion,
    FloatArray,
    HandsMotion,
    Motion,
    ReferenceGeometry,
    Stamp,
    Tracking,
)
from avatar.motion import topology as topo
from avatar.motion.expression import lip_spread, with_lid_apertures
from avatar.motion.geometry import (
    EYEBALL_DEPTH,
    EYEBALL_RADIUS,
    face_motion,
    place_head,
    reference_geometry,
)
from avatar.motion.rotation import from_yaw_pitch_roll

PICTURE_HW = (480, 640)


def open_mouth(shape_N3: FloatArray, gap: float) -> FloatArray:
    """A dropped jaw: the lower lip and chin go down by about `gap`."""
    arch = np.sin(np.linspace(0.0, np.pi, 11)).astype(np.float32)
    drop = np.zeros((11, 3), dtype=np.float32)
    drop[:, 1] = gap * arch
    return np.asarray(shape_N3 + lip_spread(False) @ drop, dtype=np.float32)


def raise_brows(shape_N3: FloatArray, height: float) -> FloatArray:
    shape = shape_N3.copy()
    for brow in (topo.LEFT_BROW_UPPER, topo.LEFT_BROW_LOWER):
        shape[brow, 1] -= height
    for brow in (topo.RIGHT_BROW_UPPER, topo.RIGHT_BROW_LOWER):
        shape[brow, 1] -= height
    return shape


def smile(shape_N3: FloatArray, width: float) -> FloatArray:
    shape = shape_N3.copy()
    reach = np.abs(shape[topo.LIPS, 0]) / 0.4
    shape[topo.LIPS, 0] += np.sign(shape[topo.LIPS, 0]) * width * np.minimum(reach, 1.0)
    shape[topo.LIPS, 1] -= 0.5 * width * np.minimum(reach, 1.0) ** 2
    return shape


def look(shape_N3: FloatArray, yaw: float, pitch: float) -> FloatArray:
    """Irises on their eyeballs, turned to a gaze."""
    shape = shape_N3.copy()
    direction = np.array(
        [np.sin(yaw) * np.cos(pitch), np.sin(pitch), -np.cos(yaw) * np.cos(pitch)],
        dtype=np.float32,
    )
    for outer, inner, iris in ((263, 362, topo.LEFT_IRIS), (33, 133, topo.RIGHT_IRIS)):
        centre = 0.5 * (shape[outer] + shape[inner])
        centre[2] = shape[outer, 2] + EYEBALL_DEPTH
        shape[iris] += centre + EYEBALL_RADIUS * direction - shape[iris[0]]
    return shape


def other_person(shape_N3: FloatArray) -> FloatArray:
    """A longer, narrower face with a smaller mouth: not the canonical proportions."""
    shape = shape_N3 * np.array([0.94, 1.08, 1.03], dtype=np.float32)
    shape[topo.LIPS, 0] *= 0.85
    shape[topo.NOSE, 2] *= 1.04
    return shape.astype(np.float32)


def landmarks(
    shape_N3: FloatArray | None = None,
    *,
    yaw: float = 0.0,
    pitch: float = 0.0,
    roll: float = 0.0,
    centre: tuple[float, float] = (320.0, 240.0),
    scale: float = 60.0,
) -> FloatArray:
    shape = topo.canonical_face() if shape_N3 is None else shape_N3
    return place_head(
        shape,
        from_yaw_pitch_roll(yaw, pitch, roll),
        np.array(centre, dtype=np.float32),
        scale,
    )


def face(shape_N3: FloatArray | None = None, **pose: float | tuple[float, float]) -> FaceMotion:
    return face_motion(landmarks(shape_N3, **pose))  # type: ignore[arg-type]


def stamp(index: int, fps: int = 25) -> Stamp:
    return Stamp(index, Fraction(1, fps), 0.0)


def motion(
    face_motion_: FaceMotion | None,
    *,
    body: BodyMotion | None = None,
    hands: HandsMotion | None = None,
    tracking: Tracking = Tracking.TRACKED,
) -> Motion:
    return Motion(stamp(0), tracking, PICTURE_HW, face_motion_, body, hands)


def open_eyes(shape_N3: FloatArray | None = None, aperture: float = 0.3) -> FloatArray:
    shape = topo.canonical_face() if shape_N3 is None else shape_N3
    return with_lid_apertures(shape, np.full(2, aperture, dtype=np.float32))


def body(scale: float = 60.0, centre: tuple[float, float] = (320.0, 240.0)) -> BodyMotion:
    """Someone standing upright with hanging arms, head where `landmarks` puts it."""
    unit = np.zeros((33, 3), dtype=np.float32)
    unit[:11, :2] = 0.0
    pairs = {
        11: (2.9, 3.2),
        13: (3.3, 7.2),
        15: (3.4, 11.0),
        17: (3.4, 12.0),
        19: (3.3, 12.1),
        21: (3.2, 11.8),
        23: (1.9, 10.5),
        25: (2.0, 16.5),
        27: (2.0, 22.5),
        29: (1.9, 23.2),
        31: (2.3, 23.6),
    }
    for left, (x, y) in pairs.items():
        unit[left, :2] = (x, y)
        unit[left + 1, :2] = (-x, y)
    joints = unit * scale
    joints[:, :2] += np.array(centre, dtype=np.float32)
    return BodyMotion(joints, np.ones(33, dtype=np.float32))


def with_raised_arm(posture: BodyMotion, side: int, *, forearm_up: float = 1.0) -> BodyMotion:
    """The left (0) or right (1) hand up beside the head."""
    joints = posture.joints_J3.copy()
    shoulder, elbow, wrist = 11 + side, 13 + side, 15 + side
    upper = float(np.linalg.norm(joints[elbow] - joints[shoulder]))
    fore = float(np.linalg.norm(joints[wrist] - joints[elbow]))
    out = 1.0 if side == 0 else -1.0
    joints[elbow] = joints[shoulder] + upper * np.array([0.8 * out, 0.6, 0.0], dtype=np.float32)
    moved = joints[elbow] + fore * forearm_up * np.array([0.0, -1.0, 0.0], dtype=np.float32)
    for joint in (17 + side, 19 + side, 21 + side):
        joints[joint] = joints[joint] - joints[wrist] + moved
    joints[wrist] = moved
    return BodyMotion(joints.astype(np.float32), posture.visibility_J)


def reference(
    shape_N3: FloatArray | None = None,
    *,
    canvas_hw: tuple[int, int] = (512, 512),
    scale: float = 80.0,
    yaw: float = 0.0,
    has_body: bool = False,
) -> ReferenceGeometry:
    centre = (canvas_hw[1] / 2, canvas_hw[0] * 0.45)
    posture = body(scale, centre) if has_body else None
    return reference_geometry(
        landmarks(
            open_eyes() if shape_N3 is None else shape_N3, centre=centre, scale=scale, yaw=yaw
        ),
        canvas_hw,
        joints_J3=None if posture is None else posture.joints_J3,
        visibility_J=None if posture is None else posture.visibility_J,
    )


def hand(wrist: FloatArray, palm: float, *, spread: float = 0.3) -> FloatArray:
    """A flat open hand pointing up: 21 joints in the unit of `palm`."""
    joints = np.zeros((21, 3), dtype=np.float32)
    for finger in range(5):
        angle = (finger - 2) * spread
        direction = np.array([np.sin(angle), -np.cos(angle), 0.0], dtype=np.float32)
        for knuckle in range(4):
            joints[1 + 4 * finger + knuckle] = direction * palm * (1.0 + 0.35 * knuckle)
    return np.asarray(joints + wrist, dtype=np.float32)
