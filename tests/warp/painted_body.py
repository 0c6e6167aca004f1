"""A painted whole body whose joints are exactly known: no tracker needed to test limbs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar.frames import (
    ByteArray,
    FloatArray,
    ReferenceGeometry,
    RetargetedMotion,
    Stamp,
    Tracking,
)
from avatar.motion import topology
from avatar.motion.geometry import reference_geometry
from avatar.warp.rig import WarpRig, build_rig

CANVAS_HW = (360, 280)
WALL, SKIN, SHIRT = (90, 160, 90), (205, 150, 120), (40, 70, 140)
LEFT_SLEEVE, RIGHT_SLEEVE = (190, 40, 40), (190, 160, 30)
LEFT_TROUSER, RIGHT_TROUSER = (120, 40, 120), (40, 130, 130)
HALF_WIDTH_PX = 7

# The subject's left is on the picture's right.
STANDING = {
    11: (166, 100),
    12: (114, 100),
    13: (206, 122),
    14: (74, 122),
    15: (214, 166),
    16: (66, 166),
    23: (156, 190),
    24: (124, 190),
    25: (164, 254),
    26: (116, 254),
    27: (166, 318),
    28: (114, 318),
}
_LIMBS = (
    ((23, 25, 27, 31), LEFT_TROUSER),
    ((24, 26, 28, 32), RIGHT_TROUSER),
    ((11, 13, 15, 19), LEFT_SLEEVE),
    ((12, 14, 16, 20), RIGHT_SLEEVE),
)


def joints(**moved: tuple[float, float]) -> FloatArray:
    """All 33 joints (J, 3) of the standing figure; `j13=(x, y)` moves joint 13."""
    result = np.zeros((33, 3), np.float32)
    for joint, standing in STANDING.items():
        result[joint, :2] = standing
    for key, place in moved.items():
        result[int(key[1:]), :2] = place
    result[:11, :2] = (140, 55)
    for wrist, elbow, tips in ((15, 13, (17, 19, 21)), (16, 14, (18, 20, 22))):
        forearm = result[wrist] - result[elbow]
        reach = 14.0 * forearm / max(float(np.linalg.norm(forearm)), 1e-6)
        for tip in tips:
            result[tip] = result[wrist] + reach
    for ankle, heel, toe, out in ((27, 29, 31, 8), (28, 30, 32, -8)):
        result[heel] = result[ankle] + [0, 6, 0]
        result[toe] = result[ankle] + [out, 10, 0]
    return result


@dataclass(frozen=True)
class PaintedBody:
    """A figure in plain colours, its matte, background and geometry."""

    rgb_HW3: ByteArray
    alpha_HW: ByteArray
    background_HW3: ByteArray
    reference: ReferenceGeometry

    @cached_property
    def rig(self) -> WarpRig:
        return build_rig(self.reference, self.rgb_HW3, self.alpha_HW)

    def motion(
        self, joints_J3: FloatArray | None = None, visibility_J: FloatArray | None = None
    ) -> RetargetedMotion:
        """The reference's head with these joints (None: the reference's)."""
        reference = self.reference
        return RetargetedMotion(
            stamp=Stamp(0, Fraction(1, 25), 0.0),
            tracking=Tracking.TRACKED,
            rotation_33=reference.rotation_33,
            translation_2=reference.translation_2,
            scale=reference.scale,
            shape_N3=reference.shape_N3,
            landmarks_N3=reference.landmarks_N3,
            gaze_22=reference.gaze_22,
            lid_apertures_2=reference.lid_apertures_2,
            lip_aperture=reference.lip_aperture,
            joints_J3=reference.joints_J3 if joints_J3 is None else joints_J3,
            visibility_J=reference.visibility_J if visibility_J is None else visibility_J,
        )

    def with_joints(self, joints_J3: FloatArray) -> ReferenceGeometry:
        return replace(self.reference, joints_J3=joints_J3)


def paint(joints_J3: FloatArray | None = None, *, is_skirt: bool = False) -> PaintedBody:
    """Paint a figure with these joints (None: standing)."""
    joints_J3 = joints() if joints_J3 is None else joints_J3
    scale, centre = 15.0, np.array([140.0, 55.0], np.float32)
    landmarks = topology.canonical_face() * scale
    landmarks[:, :2] += centre
    reference = reference_geometry(
        landmarks.astype(np.float32),
        CANVAS_HW,
        joints_J3=joints_J3,
        visibility_J=np.ones(33, np.float32),
    )
    background: ByteArray = np.full((*CANVAS_HW, 3), WALL, np.uint8)
    rgb, alpha = background.copy(), np.zeros(CANVAS_HW, np.uint8)

    def at(*indices: int) -> NDArray[np.int32]:
        return np.rint(joints_J3[list(indices), :2]).astype(np.int32)

    for chain, colour in _LIMBS[:2]:
        cv2.polylines(rgb, [at(*chain)], False, colour, 2 * HALF_WIDTH_PX + 4)
        cv2.polylines(alpha, [at(*chain)], False, (255,), 2 * HALF_WIDTH_PX + 4)
    trunk = at(11, 12, 24, 23) + np.array([[0, -6], [0, -6], [-8, 8], [8, 8]], np.int32)
    if is_skirt:
        trunk[2:] = [[92, 300], [188, 300]]
    for canvas, shirt, skin in ((rgb, SHIRT, SKIN), (alpha, (255,), (255,))):
        cv2.fillPoly(canvas, [trunk], shirt)
        cv2.rectangle(canvas, (132, 70), (148, 104), skin, -1)
        cv2.ellipse(canvas, (140, 54), (22, 30), 0, 0, 360, skin, -1)
    for chain, colour in _LIMBS[2:]:
        cv2.polylines(rgb, [at(*chain)], False, colour, 2 * HALF_WIDTH_PX)
        cv2.polylines(alpha, [at(*chain)], False, (255,), 2 * HALF_WIDTH_PX)
    return PaintedBody(rgb, alpha, background, reference)


def is_colour(rgb_HW3: ByteArray, colour: tuple[int, int, int]) -> NDArray[np.bool_]:
    """Where a picture shows a painted colour."""
    return np.abs(rgb_HW3.astype(int) - colour).max(axis=2) < 40
