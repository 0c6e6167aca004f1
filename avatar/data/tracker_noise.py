"""What a tracker does to true landmarks: jitter, bias, dropout and lag, for training inputs.

Knows points over time, no pictures. Measured with the project's tracker: jitter as the second
difference of head-motion-free landmarks on eight real clips of up to 90 frames (median 0.0036
inter-ocular units, from 0.0030 on a still studio face to 0.0110 on a shaky one); bias as the
distance of the landmark table to the tracker on six unseen rendered people (mean 0.023).

Lag: seven real clips of tier A played twice, once with every picture held for four frames; what is
missing of each movement at the first look is 0.00 to 0.28 frames (median 0.12). Dropout: 0 of 1213
frames in which a face was there, so below 0.0025 a frame (95 %): the default is that bound.

Shape legend: F frames, N landmarks, 3 components.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackerNoise:
    """Sizes in inter-ocular units; one draw per clip spreads them by a factor of about 1.6."""

    jitter: float = 0.0036
    bias: float = 0.023
    """Mean length of a constant offset per landmark; half of it is shared by neighbours."""
    dropout: float = 0.0025
    """Chance per frame that the face is lost; the last landmarks are then held."""
    max_lag_frames: float = 0.28
    """Landmarks may be late by up to this much."""


def corrupt(
    landmarks_FN3: Floats, iod_px: float, noise: TrackerNoise, rng: np.random.Generator
) -> Floats:
    """Landmarks as a tracker would have given them; pixels in, pixels out."""
    num_frames, num_points, _ = landmarks_FN3.shape
    if iod_px <= 0:
        raise ValueError(f"inter-ocular distance {iod_px} px: must be positive")
    strength = float(np.exp(rng.normal(0, 0.45)))
    out = landmarks_FN3.astype(np.float32).copy()
    lag = rng.uniform(0, noise.max_lag_frames)
    if num_frames > 1 and lag > 0:
        before = np.concatenate([out[:1], out[:-1]])
        out = np.asarray((1 - lag) * out + lag * before, np.float32)
    # mean length of a 3D Gaussian is 1.6 sigma
    sigma = noise.bias * strength * iod_px / 1.6
    shared = rng.normal(0, 1, (8, 3))
    at = landmarks_FN3[0] / iod_px
    phase = at @ rng.normal(0, 2.0, (3, 8)) + rng.uniform(0, 6.28, 8)
    smooth = np.cos(phase) @ shared / 2.0
    out += sigma * (0.7 * smooth + 0.7 * rng.normal(0, 1, (num_points, 3))).astype(np.float32)
    out += (
        noise.jitter * strength * iod_px / 1.6 * rng.normal(0, 1, (num_frames, num_points, 3))
    ).astype(np.float32)
    for frame in range(1, num_frames):
        if rng.random() < noise.dropout:
            out[frame] = out[frame - 1]
    return out
