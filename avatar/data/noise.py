"""Procedural noise on sheets and on points in space. Knows no skin and no cloth."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def sheet_noise(rng: np.random.Generator, size: int, cells: int, octaves: int = 1) -> Floats:
    """Smooth noise, about unit variance, `cells` bumps across a size x size sheet."""
    out = np.zeros((size, size), np.float32)
    gain = 1.0
    for _ in range(octaves):
        grid = rng.standard_normal((min(cells, size), min(cells, size))).astype(np.float32)
        out += gain * cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC)
        cells *= 2
        gain *= 0.55
    return (out / (out.std() + 1e-6)).astype(np.float32)


def space_noise(
    rng: np.random.Generator, points: Floats, wavelength: float, num_waves: int = 24
) -> Floats:
    """Unit-variance noise at points (..., 3): a sum of random plane waves (no seams anywhere)."""
    directions = rng.standard_normal((num_waves, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    rate = 2 * np.pi / wavelength * rng.uniform(0.6, 1.5, (num_waves, 1))
    phase = rng.uniform(0, 2 * np.pi, num_waves)
    flat = points.reshape(-1, 3).astype(np.float32)
    out = np.zeros(len(flat), np.float32)
    for k in range(num_waves):
        out += np.cos(flat @ (directions[k] * rate[k]).astype(np.float32) + np.float32(phase[k]))
    return (out * np.sqrt(2.0 / num_waves)).reshape(points.shape[:-1]).astype(np.float32)
