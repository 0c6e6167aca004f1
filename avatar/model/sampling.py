"""Looking up features and pictures along a sampling map. Knows maps, not what they depict.

A map holds, per target cell, where to look in the source: (x, y) in [-1, 1] over the source's area,
edges of the outer cells at -1 and 1 (grid_sample's align_corners=False).
Shapes: B batch, C channels, H, W cells, 2 = (x, y).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def sample(source_BCHW: Tensor, map_B2HW: Tensor) -> Tensor:
    """Bilinear look-up; beyond the rim the rim's value goes on."""
    # In float32 whatever comes in: bfloat16's eight bits would move a place by a pixel.
    looked = F.grid_sample(
        source_BCHW.float(),
        map_B2HW.float().permute(0, 2, 3, 1),
        mode="bilinear",
        padding_mode="border",
        align_corners=False,
    )
    return looked.to(source_BCHW.dtype)


def halve(x_BCHW: Tensor) -> Tensor:
    """Mean over 2 x 2 cells: maps and validity for the next smaller features."""
    return F.avg_pool2d(x_BCHW, 2)


def identity_map(height: int, width: int, device: torch.device | None = None) -> Tensor:
    """The map (1, 2, H, W) that samples every cell where it is."""
    y = (torch.arange(height, device=device, dtype=torch.float32) + 0.5) * (2.0 / height) - 1.0
    x = (torch.arange(width, device=device, dtype=torch.float32) + 0.5) * (2.0 / width) - 1.0
    return torch.stack([x.expand(height, width), y[:, None].expand(height, width)])[None]
