"""Rotary position embedding over time, rows and columns (Su et al. 2021, split per axis).

Time is relative to the window: the current latent always stands at `num_history`, the ring's slots
before it, so that phases stay bounded however long the stream lives. Keys are remembered un-rotated
and turned when they are looked at. Shapes: P time positions, N tokens per latent, E head size.
"""

from __future__ import annotations

import torch
from torch import Tensor

BASE = 100.0
"""Positions are small (tens at most), so wavelengths need not grow to thousands."""
REFERENCE_TIME = -8.0
"""Where the first reference view stands on the time axis; further views stand before it."""
REFERENCE_STRIDE = 4.0


def _frequencies(size: int, like: Tensor) -> Tensor:
    exponent = torch.arange(size // 2, dtype=torch.float32, device=like.device) / (size // 2)
    return BASE**-exponent


def angles(position_P: Tensor, grid_hw: tuple[int, int], sizes: tuple[int, int, int]) -> Tensor:
    """Angles (P * N, E / 2) of the tokens of P latents, each `grid_hw` tokens in size."""
    height, width = grid_hw
    position_P = position_P.float()
    time = position_P[:, None] * _frequencies(sizes[0], position_P)
    y = torch.arange(height, dtype=torch.float32, device=position_P.device)
    x = torch.arange(width, dtype=torch.float32, device=position_P.device)
    rows = y[:, None] * _frequencies(sizes[1], position_P)
    columns = x[:, None] * _frequencies(sizes[2], position_P)
    count = position_P.shape[0]
    return torch.cat(
        [
            time[:, None, None].expand(count, height, width, -1),
            rows[None, :, None].expand(count, height, width, -1),
            columns[None, None].expand(count, height, width, -1),
        ],
        -1,
    ).flatten(0, 2)


def rotate(x: Tensor, angle_NE: Tensor) -> Tensor:
    """Turn (..., N, E) by angles (N, E / 2); the result has x's type."""
    cosine, sine = angle_NE.cos().to(x.dtype), angle_NE.sin().to(x.dtype)
    first, second = x.chunk(2, -1)
    return torch.cat([first * cosine - second * sine, second * cosine + first * sine], -1)
