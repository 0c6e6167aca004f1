"""The rasteriser: coverage, depth order, perspective."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from avatar.data.camera import look_at
from avatar.data.raster import raster


def _square(z: float) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    v = np.array([[2, 2, z], [12, 2, z], [12, 12, z], [2, 12, z]], np.float32)
    return v, np.array([[0, 1, 2], [0, 2, 3]], np.int32)


def test_a_square_covers_exactly_the_pixels_whose_centres_it_holds() -> None:
    v, t = _square(1.0)
    index, _ = raster(v, t, (16, 16))
    assert (index >= 0).sum() == 100
    assert (index[2:12, 2:12] >= 0).all()


def test_the_nearer_triangle_wins_whatever_the_order() -> None:
    far, t = _square(1.0)
    near, _ = _square(2.0)
    both = np.concatenate([far, near])
    first, _ = raster(both, np.concatenate([t, t + 4]), (16, 16))
    second, _ = raster(both, np.concatenate([t + 4, t]), (16, 16))
    assert (first[3:11, 3:11] >= 2).all()
    assert (second[3:11, 3:11] < 2).all()


def test_triangles_behind_the_camera_are_left_out() -> None:
    v, t = _square(-1.0)
    index, _ = raster(v, t, (16, 16))
    assert (index < 0).all()


def test_the_subjects_left_is_on_picture_right_and_up_is_up() -> None:
    camera = look_at(np.zeros(3, np.float32), distance_cm=100.0, height_cm=50.0, size_hw=(100, 100))
    left, up, nearer = camera.project(np.array([[10, 0, 0], [0, 10, 0], [0, 0, 10]], np.float32))
    assert left[0] > 60
    assert up[1] < 40
    assert nearer[2] > left[2]
