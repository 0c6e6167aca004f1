"""Across the model's border: means of blocks in, corrections enlarged bilinearly out."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from avatar.model.autoencoder import enlarged
from avatar.stream.compose import add_correction, shrink_into


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_a_canvas_shrinks_by_block_means(factor: int) -> None:
    random = np.random.default_rng(0)
    rgb = random.integers(0, 256, (8 * factor, 6 * factor, 3), dtype=np.uint8)
    alpha = random.integers(0, 256, (8 * factor, 6 * factor), dtype=np.uint8)
    out = np.empty((4, 8, 6), np.float32)
    shrink_into(rgb, alpha, factor, out)
    joined = np.dstack([rgb, alpha]).astype(np.float32)
    means = joined.reshape(8, factor, 6, factor, 4).mean((1, 3)) / 255
    np.testing.assert_allclose(out[:3], means[..., :3].transpose(2, 0, 1) * 2 - 1, atol=1e-5)
    np.testing.assert_allclose(out[3], means[..., 3], atol=1e-5)


@pytest.mark.parametrize("size_hw", [(16, 12), (32, 24), (40, 27)])
def test_a_correction_is_enlarged_bilinearly_as_far_as_it_is_trusted(
    size_hw: tuple[int, int],
) -> None:
    random = np.random.default_rng(1)
    rows, columns = size_hw
    warp = random.integers(0, 256, (rows, columns, 3), dtype=np.uint8)
    cover = random.integers(0, 256, (rows, columns), dtype=np.uint8)
    rgb = random.normal(0, 0.5, (3, 16, 12)).astype(np.float32)
    alpha = random.normal(0, 0.5, (16, 12)).astype(np.float32)
    trust = random.uniform(0, 1, (4, 3)).astype(np.float32)
    out, out_cover = warp.copy(), cover.copy()
    add_correction(out, out_cover, rgb, alpha, trust)
    # What training learned with: the decoder's own way of enlarging trust.
    by_pixel = enlarged(torch.from_numpy(trust)[None, None, None], (16, 12))[0, 0, 0].numpy()
    added = np.dstack([(rgb * by_pixel).transpose(1, 2, 0) * 127.5, alpha * by_pixel * 255.0])
    added = cv2.resize(added, (columns, rows), interpolation=cv2.INTER_LINEAR)
    expected = np.clip(np.dstack([warp, cover]) + added, 0, 255)
    got = np.dstack([out, out_cover]).astype(np.float32)
    assert np.abs(got - expected).max() < 0.6


def test_a_part_of_the_canvas_is_corrected_in_place() -> None:
    warp, cover = np.full((32, 32, 3), 100, np.uint8), np.full((32, 32), 200, np.uint8)
    part = np.s_[8:24, 4:20]
    ones = np.ones((3, 8, 8), np.float32)
    add_correction(warp[part], cover[part], 0.4 * ones, -0.2 * ones[0], ones[0, :2, :2])
    assert (warp[part] == 151).all()
    assert (cover[part] == 149).all()
    assert int(warp.sum()) == 100 * 3 * 32 * 32 + 51 * 3 * 16 * 16
    assert int(cover.sum()) == 200 * 32 * 32 - 51 * 16 * 16


def test_without_trust_the_warp_stays_to_the_bit() -> None:
    random = np.random.default_rng(2)
    warp = random.integers(0, 256, (32, 24, 3), dtype=np.uint8)
    cover = random.integers(0, 256, (32, 24), dtype=np.uint8)
    wild = random.normal(0, 9, (3, 16, 12)).astype(np.float32)
    out, out_cover = warp.copy(), cover.copy()
    add_correction(out, out_cover, wild, wild[0], np.zeros((4, 3), np.float32))
    assert np.array_equal(out, warp)
    assert np.array_equal(out_cover, cover)
