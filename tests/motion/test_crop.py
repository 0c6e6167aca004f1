"""Square crops and the way back."""

from __future__ import annotations

import numpy as np
import pytest

from avatar.motion.crop import Square, cut, fit_within


def dot_picture(rows: int, columns: int, x: int, y: int, size: int = 9) -> np.ndarray:
    picture = np.zeros((rows, columns, 3), dtype=np.uint8)
    picture[y - size // 2 : y + size // 2 + 1, x - size // 2 : x + size // 2 + 1] = 255
    return picture


@pytest.mark.parametrize("side", [60.0, 200.0, 513.0, 900.0])
@pytest.mark.parametrize("place", [(400, 300), (30, 25), (770, 570)])
def test_a_point_found_in_a_crop_is_found_again_in_the_picture(side: float, place: tuple[int, int]):
    x, y = place
    picture = dot_picture(600, 800, x, y)
    crop, square = cut(picture, Square(x - 0.4 * side, y - 0.6 * side, side), 128)
    weights = crop[..., 0].astype(float)
    rows, columns = np.mgrid[0:128, 0:128] + 0.5
    found = [(columns * weights).sum() / weights.sum(), (rows * weights).sum() / weights.sum()]
    back = square.to_picture(np.array(found, dtype=np.float32) / 128)
    np.testing.assert_allclose(back, [x + 0.5, y + 0.5], atol=max(0.15, 0.6 * side / 128))


def test_what_lies_beyond_the_border_is_black():
    white = np.full((100, 100, 3), 255, dtype=np.uint8)
    crop, _ = cut(white, Square(-50, -50, 100), 64)
    assert crop[10, 10].max() == 0
    assert crop[50, 50].min() == 255


def test_a_square_far_outside_is_black():
    white = np.full((100, 100, 3), 255, dtype=np.uint8)
    crop, _ = cut(white, Square(500, 500, 80), 64)
    assert crop.shape == (64, 64, 3)
    assert crop.max() == 0


def test_fit_within_keeps_small_pictures_and_shrinks_large_ones():
    small = np.zeros((100, 200, 3), dtype=np.uint8)
    assert fit_within(small, 640) == (small, 1.0)
    large, factor = fit_within(np.zeros((2000, 3000, 3), dtype=np.uint8), 640)
    assert large.shape == (427, 640, 3)
    assert factor == pytest.approx(640 / 3000)
