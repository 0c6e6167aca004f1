from __future__ import annotations

import cv2
import numpy as np

from avatar.character.layers import estimate_foreground, fill_background
from avatar.character.matte import keep_own_person, refine_matte
from avatar.frames import FloatArray
from avatar.warp.fill import push_pull

SIZE = 160
RED, GREEN = np.array([200.0, 40.0, 40.0]), np.array([40.0, 160.0, 60.0])


def _soft_disc(radius: float, softness: float) -> FloatArray:
    y, x = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32)
    distance = np.hypot(x - SIZE / 2, y - SIZE / 2)
    return np.clip(0.5 + (radius - distance) / softness, 0.0, 1.0).astype(np.float32)


def _composite(alpha: FloatArray) -> np.ndarray:
    noise = np.random.default_rng(1).normal(0, 2, (SIZE, SIZE, 3))
    picture = RED * alpha[..., None] + GREEN * (1 - alpha[..., None]) + noise
    return np.clip(picture, 0, 255).astype(np.uint8)


def test_a_coarse_mask_becomes_the_true_soft_edge() -> None:
    truth = _soft_disc(45, 8)
    coarse = _soft_disc(49, 1)  # too large, too hard: what a segmentation gives
    refined = refine_matte(_composite(truth), coarse, band_px=10)
    assert np.abs(refined - truth).mean() < 0.35 * np.abs(coarse - truth).mean()
    assert refined[SIZE // 2, SIZE // 2] == 1.0
    assert refined[2, 2] == 0.0


def test_foreground_carries_nothing_of_the_old_background() -> None:
    alpha = _soft_disc(45, 12)
    foreground = estimate_foreground(_composite(alpha), alpha).astype(float)
    edge = (alpha > 0.2) & (alpha < 0.8)
    assert np.abs(foreground[edge] - RED).mean() < 16
    assert np.abs(_composite(alpha)[edge].astype(float) - RED).mean() > 50, "it had to be removed"


def test_compositing_the_layers_gives_the_picture_back() -> None:
    alpha = _soft_disc(45, 12)
    picture = _composite(alpha)
    foreground = estimate_foreground(picture, alpha).astype(float)
    plate = fill_background(picture, alpha).astype(float)
    again = foreground * alpha[..., None] + plate * (1 - alpha[..., None])
    assert np.abs(again - picture).mean() < 4


def test_the_person_is_gone_from_the_plate_and_grain_is_not() -> None:
    alpha = _soft_disc(45, 4)
    plate = fill_background(_composite(alpha), alpha)
    filled = plate[60:100, 60:100].astype(float)
    assert np.abs(filled.mean(axis=(0, 1)) - GREEN).max() < 8
    assert 0.5 < filled.std(axis=(0, 1)).mean() < 5


def test_a_person_who_fills_the_canvas_leaves_a_plain_plate() -> None:
    picture = _composite(np.ones((SIZE, SIZE), np.float32))
    plate = fill_background(picture, np.ones((SIZE, SIZE), np.float32))
    assert plate.shape == picture.shape
    assert np.abs(plate.astype(float) - RED).max() < 8


def test_push_pull_keeps_what_is_known() -> None:
    picture = np.random.default_rng(2).uniform(0, 255, (37, 50, 3)).astype(np.float32)
    weight = np.ones((37, 50), np.float32)
    weight[10:20, 10:30] = 0
    filled = push_pull(picture, weight)
    np.testing.assert_allclose(filled[weight > 0], picture[weight > 0], atol=1e-3)
    assert np.isfinite(filled).all()
    assert 0 < filled[15, 20].mean() < 255


def test_neighbours_are_cut_out_of_a_mask_of_everybody() -> None:
    everybody = np.ones((SIZE, SIZE), np.float32)
    own, other = np.array([40.0, 60.0]), np.array([120.0, 60.0])
    kept = keep_own_person(everybody, own, other[None], 4.0)
    assert kept[60, 40] == 1.0
    assert kept[60, 120] == 0.0
    assert kept[SIZE - 1, 45] == 1.0
    alone = keep_own_person(everybody, own, np.zeros((0, 2), np.float32), 4.0)
    np.testing.assert_array_equal(alone, everybody)
    assert cv2.countNonZero(kept) < 0.6 * SIZE * SIZE
