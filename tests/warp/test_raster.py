from __future__ import annotations

import numpy as np

from avatar.warp.raster import FAR, RasterTarget, extended, rasterise, sample_over

SQUARE = np.array([[2, 2, 0], [14, 2, 0], [14, 14, 0], [2, 14, 0]], np.float32)
TWO_TRIANGLES = np.array([[0, 1, 2], [0, 2, 3]], np.int32)


def draw(position: np.ndarray, texture: np.ndarray, label: int, target: RasterTarget) -> None:
    labels = np.full(len(TWO_TRIANGLES), label, np.uint8)
    rasterise(
        position.astype(np.float32),
        texture.astype(np.float32),
        TWO_TRIANGLES,
        labels,
        target.map_HW2,
        target.depth_HW,
        target.label_HW,
    )


def test_a_square_is_covered_without_a_crack_and_maps_affinely() -> None:
    target = RasterTarget.of_size(16, 16)
    draw(SQUARE, SQUARE[:, :2] * 2.0 + 1.0, 1, target)
    assert (target.label_HW[2:15, 2:15] == 1).all()
    assert (target.label_HW[:2] == 0).all()
    np.testing.assert_allclose(target.map_HW2[7, 9], [19.0, 15.0], atol=1e-3)


def test_the_nearer_triangle_wins_in_either_order() -> None:
    near, far = SQUARE - [0, 0, 5], SQUARE + [0, 0, 5]
    for first, second in (((near, 1), (far, 2)), ((far, 2), (near, 1))):
        target = RasterTarget.of_size(16, 16)
        draw(first[0], SQUARE[:, :2], first[1], target)
        draw(second[0], SQUARE[:, :2], second[1], target)
        assert target.label_HW[8, 8] == 1


def test_a_fold_shows_its_inside_but_only_where_nothing_faces_us() -> None:
    target = RasterTarget.of_size(16, 16)
    away = SQUARE[::-1] - [0, 0, 50]
    draw(away, SQUARE[:, :2], 1, target)
    assert target.label_HW[8, 8] == 1
    assert target.depth_HW[0, 0] == FAR
    draw(SQUARE, SQUARE[:, :2], 2, target)
    assert target.label_HW[8, 8] == 2


def test_triangles_beyond_the_canvas_are_cut_not_wrapped() -> None:
    target = RasterTarget.of_size(16, 16)
    draw(SQUARE + [10, -8, 0], SQUARE[:, :2], 1, target)
    assert target.label_HW[0:6, 13:].any()
    assert not target.label_HW[8:].any()


def test_half_covered_texture_mixes_with_what_lies_under_it() -> None:
    target = RasterTarget.of_size(16, 16)
    draw(SQUARE, SQUARE[:, :2], 1, target)
    texture = np.zeros((16, 16, 4), np.uint8)
    texture[..., :3] = 200
    texture[..., 3] = 128
    rgb = np.full((16, 16, 3), 100, np.uint8)
    alpha = np.zeros((16, 16), np.uint8)
    sample_over(texture, target.map_HW2, target.label_HW, rgb, alpha)
    assert abs(int(rgb[8, 8, 0]) - 150) <= 1
    assert alpha[8, 8] == 128
    assert (rgb[0, 0] == 100).all()
    assert alpha[0, 0] == 0


def test_a_head_cut_off_by_the_picture_goes_on_as_a_dome() -> None:
    texture = np.zeros((40, 60, 4), np.uint8)
    texture[:, 18:42] = 255
    texture[:, 50:, :] = 255
    margin, crown = 20, 15.0
    above = extended(texture, margin, crown)[:margin, margin:-margin, 3]
    height = (above > 127).sum(axis=0)
    expected = crown - np.sqrt(crown**2 - 12.0**2)  # of a segment 24 wide of a circle
    assert abs(float(height[18:42].max()) - expected) <= 1.0
    assert height[30] > height[22] > height[18] == 0
    assert (height[:18] == 0).all()
    assert (extended(texture, margin, crown)[-margin:, margin + 30, 3] == 255).all()
