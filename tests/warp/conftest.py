"""A painted person whose geometry is exactly known: no tracker needed to test the warp."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import cv2
import numpy as np
import pytest

from avatar.frames import (
    ByteArray,
    FloatArray,
    ReferenceGeometry,
    RetargetedMotion,
    Stamp,
    Tracking,
)
from avatar.motion import topology
from avatar.motion.geometry import place_head, reference_geometry
from avatar.motion.rotation import from_yaw_pitch_roll
from avatar.warp.eyes import LID_OUTLINES
from avatar.warp.rig import WarpRig, build_rig

SIDE = 256
SKIN = (205, 150, 120)
WHITE = (235, 232, 228)
IRIS = (40, 60, 30)
SHIRT = (40, 70, 140)
WALL = (90, 160, 90)


@dataclass(frozen=True)
class Painted:
    rgb_HW3: ByteArray
    alpha_HW: ByteArray
    background_HW3: ByteArray
    reference: ReferenceGeometry
    rig: WarpRig

    def motion(
        self,
        *,
        yaw: float = 0.0,
        pitch: float = 0.0,
        shape_N3: FloatArray | None = None,
        gaze: tuple[float, float] = (0.0, 0.0),
        shift: tuple[float, float] = (0.0, 0.0),
    ) -> RetargetedMotion:
        """The reference, turned and shifted (radians, pixels)."""
        reference = self.reference
        rotation = (from_yaw_pitch_roll(yaw, pitch, 0.0) @ reference.rotation_33).astype(np.float32)
        shape = reference.shape_N3 if shape_N3 is None else shape_N3
        translation = reference.translation_2 + np.array(shift, np.float32)
        return RetargetedMotion(
            stamp=Stamp(0, Fraction(1, 25), 0.0),
            tracking=Tracking.TRACKED,
            rotation_33=rotation,
            translation_2=translation,
            scale=reference.scale,
            shape_N3=shape,
            landmarks_N3=place_head(shape, rotation, translation, reference.scale),
            gaze_22=reference.gaze_22 + np.array([gaze, gaze], np.float32),
            lid_apertures_2=reference.lid_apertures_2,
            lip_aperture=reference.lip_aperture,
        )

    def with_open_mouth(self, gap: float) -> FloatArray:
        """The reference's shape with the lower lip `gap` inter-ocular units further down."""
        shape = self.reference.shape_N3.copy()
        for contour in (topology.LIPS_INNER_LOWER, topology.LIPS_OUTER_LOWER):
            shape[contour[1:-1], 1] += gap * np.sin(np.linspace(0, np.pi, len(contour)))[1:-1]
        return shape

    def with_closed_eyes(self) -> FloatArray:
        """The reference's shape with the upper lids on the lower ones."""
        shape = self.reference.shape_N3.copy()
        shape[topology.LEFT_LID_UPPER] = shape[topology.LEFT_LID_LOWER]
        shape[topology.RIGHT_LID_UPPER] = shape[topology.RIGHT_LID_LOWER]
        return shape


@pytest.fixture(scope="session")
def painted() -> Painted:
    face = topology.canonical_face()
    scale, centre = 46.0, np.array([SIDE / 2, 110.0], np.float32)
    landmarks = face * scale
    landmarks[:, :2] += centre
    reference = reference_geometry(landmarks.astype(np.float32), (SIDE, SIDE))
    background: ByteArray = np.full((SIDE, SIDE, 3), WALL, np.uint8)
    rgb = background.copy()
    alpha = np.zeros((SIDE, SIDE), np.uint8)
    chin = reference.landmarks_N3[topology.CHIN, :2]
    shoulders = (int(chin[0]), int(chin[1] + 1.3 * scale))
    for canvas, shirt, skin in ((rgb, SHIRT, SKIN), (alpha, 255, 255)):
        cv2.ellipse(canvas, (shoulders[0], SIDE), (105, SIDE - shoulders[1]), 0, 0, 360, shirt, -1)
        cv2.rectangle(
            canvas,
            (int(chin[0]) - 22, int(chin[1]) - 20),
            (int(chin[0]) + 22, shoulders[1] + 12),
            skin,
            -1,
        )
        oval = reference.landmarks_N3[topology.FACE_OVAL, :2]
        grown = oval.mean(0) + 1.15 * (oval - oval.mean(0))
        cv2.fillPoly(canvas, [np.rint(grown).astype(np.int32)], skin)
    for outline, iris in zip(LID_OUTLINES, (topology.LEFT_IRIS, topology.RIGHT_IRIS), strict=True):
        lids = np.zeros((SIDE, SIDE), np.uint8)
        cv2.fillPoly(lids, [np.rint(reference.landmarks_N3[outline, :2]).astype(np.int32)], 1)
        disc = np.zeros_like(lids)
        points = reference.landmarks_N3[iris, :2]
        radius = np.linalg.norm(points[1:] - points[0], axis=1).mean()
        cv2.circle(disc, tuple(np.rint(points[0]).astype(int)), int(round(radius)), 1, -1)
        rgb[lids == 1] = WHITE
        rgb[(lids == 1) & (disc == 1)] = IRIS
    rig = build_rig(reference, rgb, alpha)
    return Painted(rgb, alpha, background, reference, replace(rig))
