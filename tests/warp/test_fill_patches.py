from __future__ import annotations

import numpy as np

from avatar.warp.fill_patches import continue_texture


def stripes(
    rows: int = 120, columns: int = 160
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Cloth with vertical stripes, eight pixels wide."""
    picture = np.full((rows, columns, 3), (40, 60, 120), np.float32)
    picture[:, (np.arange(columns) // 8) % 2 == 0] = (200, 190, 170)
    return picture


def test_stripes_go_on_behind_what_hid_them() -> None:
    cloth = stripes()
    is_hole = np.zeros(cloth.shape[:2], bool)
    is_hole[40:80, 60:100] = True
    hidden = cloth.copy()
    hidden[is_hole] = (230, 30, 30)
    filled = continue_texture(hidden, ~is_hole, is_hole)
    error = np.abs(filled - cloth)[is_hole].mean()
    assert error < 25.0, "a smooth fill is off by 70"
    np.testing.assert_array_equal(filled[~is_hole], cloth[~is_hole])


def test_the_same_hole_is_filled_the_same_way() -> None:
    cloth = stripes()
    is_hole = np.zeros(cloth.shape[:2], bool)
    is_hole[50:70, 50:90] = True
    first, second = (continue_texture(cloth, ~is_hole, is_hole) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_with_almost_nothing_known_colours_are_spread() -> None:
    picture = np.full((60, 60, 3), 90.0, np.float32)
    is_known = np.zeros((60, 60), bool)
    is_known[:2, :2] = True
    filled = continue_texture(picture, is_known, ~is_known)
    np.testing.assert_allclose(filled, 90.0, atol=1.0)


def test_nothing_missing_changes_nothing() -> None:
    cloth = stripes()
    known = np.ones(cloth.shape[:2], bool)
    np.testing.assert_allclose(continue_texture(cloth, known, ~known), cloth, atol=1e-3)
