"""Motion seen in a mirror: x flips, and left and right of everything change places.

Knows the mirror's rules for every signal; does not know who wants a mirror image, or why.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from avatar.frames import (
    BodyMotion,
    FaceMotion,
    FloatArray,
    HandsMotion,
    Motion,
    MouthInterior,
)
from avatar.motion import topology as topo
from avatar.motion.neutral import Neutral

_FLIP = np.array([-1.0, 1.0, 1.0], dtype=np.float32)

# MediaPipe's joints: nose, then pairs (left, right) but for the eyes' triples, mouth onward paired.
MIRROR_JOINTS = np.array(
    [0, 4, 5, 6, 1, 2, 3, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15, 18, 17, 20, 19, 22, 21, 24, 23]
    + [26, 25, 28, 27, 30, 29, 32, 31],
    dtype=np.intp,
)
"""For each body joint the one at its mirror place."""


def mirror_rotation(rotation_33: FloatArray) -> FloatArray:
    """The rotation as a mirror shows it."""
    return np.asarray(rotation_33 * _FLIP[:, None] * _FLIP[None, :], dtype=np.float32)


def mirror_gaze(gaze_22: FloatArray) -> FloatArray:
    """Left and right eye swapped, yaw negated."""
    return np.asarray(gaze_22[::-1] * np.array([-1.0, 1.0], dtype=np.float32), dtype=np.float32)


def mirror_shape(shape_N3: FloatArray) -> FloatArray:
    """Head-space landmarks of the mirrored face."""
    return np.asarray((shape_N3 * _FLIP)[topo.mirror_map()], dtype=np.float32)


def _flip_x(points: FloatArray, width: int) -> FloatArray:
    flipped = points.astype(np.float32, copy=True)
    # Pixel centres lie at whole numbers plus one half: the picture's edges are 0 and `width`.
    flipped[..., 0] = width - flipped[..., 0]
    return flipped


def mirror_face(face: FaceMotion, width: int) -> FaceMotion:
    """The face in a picture of `width` columns seen in a mirror."""
    return replace(
        face,
        landmarks_N3=_flip_x(face.landmarks_N3, width)[topo.mirror_map()],
        rotation_33=mirror_rotation(face.rotation_33),
        translation_2=_flip_x(face.translation_2, width),
        shape_N3=mirror_shape(face.shape_N3),
        gaze_22=mirror_gaze(face.gaze_22),
        lid_apertures_2=np.ascontiguousarray(face.lid_apertures_2[::-1]),
        mouth_interior=_mirror_interior(face.mouth_interior),
    )


def _mirror_interior(interior: MouthInterior | None) -> MouthInterior | None:
    if interior is None:
        return None
    return replace(
        interior,
        light_RC=np.ascontiguousarray(interior.light_RC[:, ::-1]),
        red_RC=np.ascontiguousarray(interior.red_RC[:, ::-1]),
    )


def mirror_motion(motion: Motion) -> Motion:
    """All of a motion seen in a mirror."""
    width = motion.picture_hw[1]
    face, body, hands = motion.face, motion.body, motion.hands
    return replace(
        motion,
        face=None if face is None else mirror_face(face, width),
        body=None
        if body is None
        else BodyMotion(
            joints_J3=_flip_x(body.joints_J3, width)[MIRROR_JOINTS],
            visibility_J=body.visibility_J[MIRROR_JOINTS],
        ),
        hands=None
        if hands is None
        else HandsMotion(
            joints_2K3=np.ascontiguousarray(_flip_x(hands.joints_2K3, width)[::-1]),
            is_present_2=np.ascontiguousarray(hands.is_present_2[::-1]),
        ),
    )


def mirror_neutral(neutral: Neutral) -> Neutral:
    """The neutral that goes with mirrored motion."""
    joints, visibility = neutral.joints_J3, neutral.visibility_J
    return replace(
        neutral,
        shape_N3=mirror_shape(neutral.shape_N3),
        lid_apertures_2=np.ascontiguousarray(neutral.lid_apertures_2[::-1]),
        gaze_22=mirror_gaze(neutral.gaze_22),
        rotation_33=mirror_rotation(neutral.rotation_33),
        translation_2=neutral.translation_2 * _FLIP[:2],
        joints_J3=None if joints is None else (joints * _FLIP)[MIRROR_JOINTS],
        visibility_J=None if visibility is None else visibility[MIRROR_JOINTS],
    )
