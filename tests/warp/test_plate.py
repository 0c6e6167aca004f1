from __future__ import annotations

import cv2
import numpy as np
import pytest

from avatar.frames import ByteArray
from avatar.warp.plate import Plate, still_background

HW = (192, 192)
HAIR = np.array([40, 20, 10], np.uint8)


def scene() -> tuple[ByteArray, ByteArray, ByteArray, ByteArray]:
    """Picture, person's colours, matte and a filled background that differs from the true one."""
    wall = scene_without_person()
    disc = np.zeros(HW, np.uint8)
    cv2.circle(disc, (96, 96), 40, (255.0,), -1)
    alpha: ByteArray = np.asarray(cv2.GaussianBlur(disc, (0, 0), 1.5), np.uint8)
    person = np.broadcast_to(HAIR, (*HW, 3)).copy()
    share = alpha[..., None].astype(np.float32) / 255
    picture = (person * share + wall * (1 - share)).round().astype(np.uint8)
    fill = np.clip(wall.astype(int) + 50, 0, 255).astype(np.uint8)
    return picture, person, alpha, fill


def drawn(shift: int) -> tuple[ByteArray, ByteArray, Plate]:
    """A frame in which the person has moved by whole columns, and its coverage."""
    picture, person, alpha, fill = scene()
    plate = Plate(fill, still_background(picture, person, alpha))
    moved = np.roll(alpha, shift, axis=1)
    share = moved[..., None].astype(np.float32) / 255
    frame = (person * share + plate.rest_HW3 * (1 - share)).round().astype(np.uint8)
    plate.uncover(frame, moved)
    return frame, moved, plate


def test_at_rest_the_picture_is_its_own_background_to_the_bit() -> None:
    picture, _, alpha, _ = scene()
    frame, _, _ = drawn(0)
    np.testing.assert_array_equal(frame[alpha == 0], picture[alpha == 0])


def test_at_rest_soft_edges_give_the_picture_back() -> None:
    picture, _, alpha, _ = scene()
    frame, _, _ = drawn(0)
    soft = (alpha > 0) & (alpha < 0.24 * 255)
    assert soft.sum() > 100
    assert np.abs(frame[soft].astype(int) - picture[soft]).max() <= 3


def test_where_the_person_has_left_lies_the_fill_and_no_rim_of_hair() -> None:
    _, _, alpha, fill = scene()
    frame, moved, plate = drawn(30)
    left = (alpha > 250) & (moved == 0)
    assert left.sum() > 300
    assert np.abs(frame[left].astype(int) - fill[left]).max() <= 1
    rim = (alpha > 0) & (alpha < 120) & (moved == 0)
    assert rim.sum() > 100
    wall = scene_without_person()
    lightest_of_both = np.minimum(wall, fill)[rim].astype(int)
    assert (frame[rim].astype(int) - lightest_of_both).min() >= -6, "hair is left behind"


def scene_without_person() -> ByteArray:
    y, x = np.mgrid[0 : HW[0], 0 : HW[1]]
    return np.asarray(np.dstack([x % 256, y % 256, (x + y) % 256]), np.uint8)


def test_far_from_the_uncovered_place_the_picture_stays() -> None:
    picture, _, alpha, _ = scene()
    frame, moved, _ = drawn(30)
    x = np.mgrid[0 : HW[0], 0 : HW[1]][1]
    ahead = (x > 135) & (moved == 0) & (alpha == 0)
    np.testing.assert_array_equal(frame[ahead], picture[ahead])


def test_the_fill_comes_in_without_an_edge() -> None:
    _, _, _, fill = scene()
    frame, moved, plate = drawn(30)
    strength = np.abs(frame.astype(int) - plate.rest_HW3).max(2).astype(float)
    most = np.abs(fill.astype(int) - plate.rest_HW3).max(2)
    weight = np.where((moved == 0) & (most > 40), strength / np.maximum(most, 1), np.nan)
    steps = np.abs(np.diff(weight, axis=1))
    assert np.nanmax(steps) < 0.45


@pytest.mark.parametrize("shift", [0, 25])
def test_a_background_known_everywhere_is_left_alone(shift: int) -> None:
    _, person, alpha, fill = scene()
    plate = Plate(fill, None)
    moved = np.roll(alpha, shift, axis=1)
    frame = plate.rest_HW3.copy()
    plate.uncover(frame, moved)
    np.testing.assert_array_equal(frame, fill)
    assert person.shape == frame.shape


def test_a_bad_matte_leaves_no_bright_outline() -> None:
    picture, person, alpha, fill = scene()
    guessed = np.where(alpha > 0, np.minimum(alpha.astype(int) + 60, 255), 0).astype(np.uint8)
    plate = Plate(fill, still_background(picture, person, guessed))
    edge = guessed > 0
    assert np.abs(plate.rest_HW3[edge].astype(int) - fill[edge]).max() <= 65
