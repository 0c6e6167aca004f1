"""Lids and lips set to a wanted opening."""

from __future__ import annotations

import numpy as np
import pytest

from avatar.motion import topology as topo
from avatar.motion.expression import healthy_aperture, with_lid_apertures, with_lip_gap
from avatar.motion.geometry import lid_apertures_of, lip_aperture_of
from tests.motion.synthetic import open_eyes, open_mouth


@pytest.mark.parametrize("before", [0.0, 0.12, 0.3])
@pytest.mark.parametrize("after", [0.0, 0.15, 0.3, 0.4])
def test_lids_reach_the_wanted_aperture_from_any(before: float, after: float):
    shape = with_lid_apertures(open_eyes(aperture=before), np.full(2, after, dtype=np.float32))
    np.testing.assert_allclose(lid_apertures_of(shape), after, atol=0.012)


def test_eyes_are_set_independently():
    shape = with_lid_apertures(open_eyes(), np.array([0.0, 0.3], dtype=np.float32))
    left, right = lid_apertures_of(shape)
    assert left < 0.01
    assert right == pytest.approx(0.3, abs=0.01)


def test_closing_lids_moves_neither_irises_nor_corners_nor_the_rest_of_the_face():
    before = open_eyes()
    after = with_lid_apertures(before, np.zeros(2, dtype=np.float32))
    moved = np.linalg.norm(after - before, axis=1)
    assert moved[topo.LEFT_IRIS].max() == 0.0
    assert moved[topo.EYE_CORNERS].max() < 1e-6
    assert moved[topo.LIPS].max() < 1e-4
    assert moved[topo.LEFT_LID_UPPER[4]] > 3 * moved[topo.LEFT_LID_LOWER[4]]
    # The crease follows, less than the lid: the skin between does not fold over.
    assert 0.05 < moved[topo.LEFT_LID_UPPER_CREASE[4]] / moved[topo.LEFT_LID_UPPER[4]] < 0.9


def test_opening_a_shut_eye_gives_it_the_form_of_an_eye():
    shut = open_eyes(aperture=0.0)
    shape = with_lid_apertures(shut, np.full(2, 0.3, dtype=np.float32))
    gaps = shape[topo.LEFT_LID_LOWER, 1] - shape[topo.LEFT_LID_UPPER, 1]
    assert (gaps[1:-1] > 0).all()
    assert gaps[4] > gaps[1]


def test_setting_what_is_already_there_changes_nothing():
    shape = open_mouth(open_eyes(aperture=0.25), 0.2)
    same = with_lip_gap(with_lid_apertures(shape, lid_apertures_of(shape)), lip_aperture_of(shape))
    np.testing.assert_allclose(same, shape, atol=2e-3)


def test_closing_the_lips_lifts_the_jaw_and_keeps_the_corners():
    opened = open_mouth(open_eyes(), 0.4)
    closed = with_lip_gap(opened, 0.0)
    assert lip_aperture_of(closed) < 0.005
    assert closed[topo.CHIN, 1] < opened[topo.CHIN, 1] - 0.05
    np.testing.assert_allclose(closed[topo.MOUTH_CORNERS], opened[topo.MOUTH_CORNERS], atol=0.02)
    np.testing.assert_allclose(closed[topo.NOSE_TIP], opened[topo.NOSE_TIP], atol=1e-3)


def test_crossed_lips_are_parted():
    crossed = open_eyes().copy()
    crossed[topo.LIPS_INNER_LOWER[1:-1], 1] -= 0.1
    parted = with_lip_gap(crossed, 0.0)
    gap = parted[topo.LIPS_INNER_LOWER, 1] - parted[topo.LIPS_INNER_UPPER, 1]
    assert (gap > -1e-5).all()


def test_narrow_eyes_are_healthy_and_shut_eyes_are_not():
    assert healthy_aperture(0.2) == pytest.approx(0.2)
    assert healthy_aperture(0.35) == pytest.approx(0.35)
    assert healthy_aperture(0.05) == pytest.approx(0.30)
