"""Tracker noise has the size it says, keeps shape, and holds on dropout."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from avatar.data.tracker_noise import TrackerNoise, corrupt


def _still(num_frames: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(0)
    return np.tile(rng.uniform(0, 200, (1, 478, 3)), (num_frames, 1, 1)).astype(np.float32)


def test_bias_and_jitter_have_the_stated_size_on_average() -> None:
    noise = TrackerNoise(dropout=0.0, max_lag_frames=0.0)
    lengths, steps = [], []
    for seed in range(60):
        still = _still(6)
        out = corrupt(still, 50.0, noise, np.random.default_rng(seed)) - still
        lengths.append(np.linalg.norm(out.mean(0), axis=1).mean() / 50.0)
        steps.append(np.linalg.norm(out - out.mean(0), axis=2).mean() / 50.0)
    assert np.median(lengths) == pytest.approx(noise.bias, rel=0.25)
    assert np.median(steps) == pytest.approx(noise.jitter, rel=0.25)


def test_a_lost_face_is_held() -> None:
    moving = _still(4) + np.arange(4, dtype=np.float32)[:, None, None]
    out = corrupt(moving, 50.0, TrackerNoise(dropout=1.0), np.random.default_rng(1))
    np.testing.assert_array_equal(out[3], out[0])


def test_a_face_without_size_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        corrupt(_still(1), 0.0, TrackerNoise(), np.random.default_rng(0))
