"""Across the model's border: means of blocks in, corrections enlarged bilinearly out."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

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
def test_a_correction_is_enlarged_bilinearly(size_hw: tuple[int, int]) -> None:
    random = np.random.default_rng(1)
    rows, columns = size_hw
    warp = random.integers(0, 256, (rows, columns, 3), dtype=np.uint8)
    cover = random.integers(0, 256, (rows, columns), dtype=np.uint8)
    rgb = random.normal(0, 0.5, (3, 16, 12)).astype(np.float32)
    alpha = random.normal(0, 0.5, (16, 12)).astype(np.float32)
    trust = random.uniform(0, 1, (16, 12)).astype(np.float32)
    out, out_cover = np.empty_like(warp), np.empty_like(cover)
    add_correction(warp, cover, rgb, alpha, trust, out, out_cover)
    added = np.dstack([(rgb * trust).transpose(1, 2, 0) * 127.5, alpha * trust * 255.0])
    added = cv2.resize(added, (columns, rows), interpolation=cv2.INTER_LINEAR)
    expected = np.clip(np.dstack([warp, cover]) + added, 0, 255)
    got = np.dstack([out, out_cover]).astype(np.float32)
    assert np.abs(got - expected).max() < 0.6


def test_without_trust_the_warp_stays_to_the_bit() -> None:
    random = np.random.default_rng(2)
    warp = random.integers(0, 256, (32, 24, 3), dtype=np.uint8)
    cover = random.integers(0, 256, (32, 24), dtype=np.uint8)
    wild = random.normal(0, 9, (3, 16, 12)).astype(np.float32)
    out, out_cover = np.empty_like(warp), np.empty_like(cover)
    add_correction(warp, cover, wild, wild[0], np.zeros((16, 12), np.float32), out, out_cover)
    assert np.array_equal(out, warp)
    assert np.array_equal(out_cover, cover)
