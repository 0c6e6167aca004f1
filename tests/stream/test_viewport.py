"""The viewport: about the head, inside the picture, the same place at every resolution."""

from __future__ import annotations

import numpy as np
import pytest

from avatar.frames import FloatArray, ReferenceGeometry
from avatar.model.presets import PICO
from avatar.motion.geometry import reference_geometry
from avatar.stream.viewport import Viewport, about_the_head, whole_picture
from avatar.training.toy import ToyPeople


@pytest.fixture(scope="module")
def landmarks() -> FloatArray:
    return ToyPeople(512).clip(np.random.default_rng(0), 1).landmarks_FN3[0]


def _reference(landmarks: FloatArray, shift_px: float) -> ReferenceGeometry:
    moved = landmarks + np.array([shift_px, 0.0, 0.0], np.float32)
    return reference_geometry(moved.astype(np.float32), (512, 512))


def test_it_lies_about_the_face_and_inside_the_picture(landmarks: FloatArray) -> None:
    for shift_px in (-400.0, 0.0, 400.0):
        reference = _reference(landmarks, shift_px)
        seen = about_the_head(reference, PICO, (256, 256))
        assert seen.hw == (192, 192)
        assert 0 <= seen.left <= 64
        assert 0 <= seen.top <= 64
        if shift_px == 0.0:
            middle = reference.landmarks_N3[:, :2].mean(0) / 2.0 - (seen.left, seen.top)
            assert np.abs(middle - 96).max() < 24
    assert about_the_head(_reference(landmarks, 400.0), PICO, (256, 256)).left == 64


def test_its_place_is_the_same_at_every_resolution() -> None:
    seen = Viewport(32, 8, (192, 192), (256, 256))
    assert seen.place((512, 512)) == (slice(64, 448), slice(16, 400))
    assert seen.place((64, 64)) == (slice(8, 56), slice(2, 50))
    cells = np.arange(2 * 64 * 64).reshape(2, 64, 64)
    assert np.array_equal(seen.of(cells, (64, 64)), cells[:, 8:56, 2:50])


def test_corrections_fade_towards_sides_that_are_not_the_pictures_own() -> None:
    rim = Viewport(0, 32, (192, 192), (256, 256)).rim((48, 48))
    assert rim[0, 24] == 1.0, "the picture's own upper side"
    assert rim[47, 24] == 0.25
    assert rim[24, 0] == rim[24, 47] == 0.25
    assert rim[24, 1] == 0.75
    assert (rim[2:-2, 2:-2] == 1.0).all()
    assert (whole_picture((256, 256)).rim((64, 64)) == 1.0).all()
