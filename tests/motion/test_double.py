"""A double makes the same motion with another face; driven by it a character keeps its own."""

from __future__ import annotations

import numpy as np
import pytest

from avatar.frames import FloatArray
from avatar.motion import topology as topo
from avatar.motion.double import face_of_double, motions_of_double
from avatar.motion.geometry import face_motion, place_head, reference_geometry
from avatar.motion.rotation import from_yaw_pitch_roll
from tests.motion.synthetic import open_mouth

CANVAS = (256, 256)
NARROW = np.array([0.9, 1.1, 1.0], np.float32)
WIDE = np.array([1.12, 0.95, 1.0], np.float32)


def _acted(proportions_3: FloatArray) -> FloatArray:
    """A face of these proportions that turns, nods and speaks."""
    frames = []
    for index in range(6):
        shape = open_mouth(topo.canonical_face(), 0.08 * index) * proportions_3
        rotation = from_yaw_pitch_roll(0.08 * index, 0.03 * index, 0.0)
        centre = np.array([120.0 + 2.0 * index, 118.0], np.float32)
        frames.append(place_head(shape, rotation, centre, 55.0))
    return np.stack(frames)


def test_the_double_of_the_reference_is_the_same_other_person() -> None:
    own_FN3, double_FN3 = _acted(NARROW), _acted(WIDE)
    own, double = ([face_motion(points) for points in each] for each in (own_FN3, double_FN3))
    found = face_of_double(own[0], own, double)
    error = np.abs(found.shape_N3 - double[0].shape_N3).mean()
    assert error < 0.15 * np.abs(own[0].shape_N3 - double[0].shape_N3).mean()
    assert found.scale == pytest.approx(double[0].scale, rel=0.02)
    np.testing.assert_array_equal(found.rotation_33, own[0].rotation_33)


def test_driven_by_its_double_a_face_makes_its_own_motion_with_its_own_shape() -> None:
    own_FN3, double_FN3 = _acted(NARROW), _acted(WIDE)
    reference = reference_geometry(own_FN3[0], CANVAS)
    motions = motions_of_double(reference, own_FN3, double_FN3, double_FN3)
    scale = reference.scale
    for motion, own, double in zip(motions, own_FN3, double_FN3, strict=True):
        mine = np.linalg.norm(motion.landmarks_N3[:468, :2] - own[:468, :2], axis=1).mean()
        theirs = np.linalg.norm(motion.landmarks_N3[:468, :2] - double[:468, :2], axis=1).mean()
        assert mine < 0.06 * scale
        assert mine < 0.6 * theirs
    assert motions[-1].lip_aperture > motions[0].lip_aperture + 0.1
    assert all(motion.mouth_interior is None for motion in motions)
