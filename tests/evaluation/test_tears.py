from __future__ import annotations

from fractions import Fraction

import numpy as np

from avatar.evaluation.tears import find_tears
from avatar.frames import FloatArray, ReferenceGeometry, RetargetedMotion, Stamp, Tracking
from avatar.motion import topology
from avatar.motion.geometry import place_head, reference_geometry
from avatar.motion.rotation import from_yaw_pitch_roll

SIDE = 256


def reference() -> ReferenceGeometry:
    landmarks = topology.canonical_face() * 50.0
    landmarks[:, :2] += SIDE / 2
    return reference_geometry(landmarks.astype(np.float32), (SIDE, SIDE))


def drawn(
    of: ReferenceGeometry, *, yaw: float = 0.0, shape_N3: FloatArray | None = None
) -> RetargetedMotion:
    shape = of.shape_N3 if shape_N3 is None else shape_N3
    rotation = from_yaw_pitch_roll(yaw, 0.0, 0.0)
    return RetargetedMotion(
        stamp=Stamp(0, Fraction(1, 25), 0.0),
        tracking=Tracking.TRACKED,
        rotation_33=rotation,
        translation_2=of.translation_2,
        scale=of.scale,
        shape_N3=shape,
        landmarks_N3=place_head(shape, rotation, of.translation_2, of.scale),
        gaze_22=of.gaze_22,
        lid_apertures_2=of.lid_apertures_2,
        lip_aperture=of.lip_aperture,
    )


COVERED = np.full((SIDE, SIDE), 255, np.uint8)


def test_a_face_that_only_turns_has_no_tears() -> None:
    of = reference()
    for yaw in (0.0, 0.7, -0.7):
        assert find_tears(of, drawn(of, yaw=yaw), COVERED) == find_tears(of, drawn(of), COVERED)
    assert find_tears(of, drawn(of), COVERED).folded == 0.0


def test_a_chin_pulled_over_the_nose_is_a_fold() -> None:
    of = reference()
    shape = of.shape_N3.copy()
    below = shape[:, 1] > shape[topology.CHIN, 1] - 0.5
    shape[below, 1] -= 1.4
    assert find_tears(of, drawn(of, shape_N3=shape), COVERED).folded > 0.02


def test_uncovered_pixels_of_the_face_are_holes() -> None:
    of = reference()
    motion = drawn(of)
    assert find_tears(of, motion, COVERED).holes == 0.0
    half = COVERED.copy()
    half[:, : SIDE // 2] = 0
    assert 0.4 < find_tears(of, motion, half).holes < 0.6
