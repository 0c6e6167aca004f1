"""The rasteriser for batches, in plain torch: the picture of `avatar.data.raster` on any device.

Triangles are sorted by the size of their box into classes of 2, 4, 8, ... pixels; every class is
drawn at once, each triangle over all cells of its box, and cells keep the largest key
(nearness, triangle) by a scatter-maximum. One key is 64 bits: the bits of the positive float
nearness above the triangle's index, so that ties go to the larger index as in numba.

Shape legend: B pictures, V vertices, T triangles, H, W pixels, 3 components.
"""

from __future__ import annotations

import torch
from torch import Tensor

_CELLS_AT_ONCE = 1 << 24
"""Bound on work memory: about 24 bytes per cell."""


def raster_batch(
    screen_BV3: Tensor, triangles: Tensor, size_hw: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """(index_BHW int64 or -1, near_BHW float32 or 0).

    `screen` = (column, row, nearness) float32; triangles int64, (T, 3) shared by the
    batch or (B, T, 3); triangles without area are not drawn.
    """
    batch = screen_BV3.shape[0]
    height, width = size_hw
    device = screen_BV3.device
    if triangles.ndim == 2:
        corners_BT33 = screen_BV3[:, triangles]
    else:
        corners_BT33 = screen_BV3[torch.arange(batch, device=device)[:, None, None], triangles]
    low_BT2 = corners_BT33[..., :2].amin(2)
    high_BT2 = corners_BT33[..., :2].amax(2)
    limit_2 = torch.tensor([width - 1.0, height - 1.0], device=device)
    first_BT2 = torch.ceil((low_BT2 - 0.5).clamp(min=0)).to(torch.int64)
    last_BT2 = torch.floor(torch.minimum(high_BT2 - 0.5, limit_2)).to(torch.int64)
    span_BT = (last_BT2 - first_BT2).amax(-1) + 1
    is_drawn_BT = ((last_BT2 >= first_BT2).all(-1)) & (corners_BT33[..., 2] > 0).all(-1)
    keys = torch.zeros(batch * height * width, dtype=torch.int64, device=device)
    side = 1
    biggest = int(span_BT[is_drawn_BT].max()) if bool(is_drawn_BT.any()) else 0
    while side // 2 < biggest:
        chosen = (is_drawn_BT & (span_BT <= side) & (span_BT > side // 2)).nonzero()
        for part in torch.split(chosen, max(_CELLS_AT_ONCE // (side * side), 1)):
            _draw(corners_BT33, first_BT2, part, side, size_hw, keys)
        side *= 2
    near = (keys >> 32).to(torch.int32).view(torch.float32)
    index = torch.where(keys > 0, (keys & 0xFFFFFFFF) - 1, torch.full_like(keys, -1))
    shape = (batch, height, width)
    return index.view(shape), near.view(shape)


def _draw(
    corners_BT33: Tensor,
    first_BT2: Tensor,
    chosen_M2: Tensor,
    side: int,
    size_hw: tuple[int, int],
    keys: Tensor,
) -> None:
    """Draw triangles (picture, index) over boxes of side x side cells into flat keys."""
    height, width = size_hw
    picture_M, triangle_M = chosen_M2[:, 0], chosen_M2[:, 1]
    corner_M33 = corners_BT33[picture_M, triangle_M]
    first_M2 = first_BT2[picture_M, triangle_M]
    steps = torch.arange(side, device=keys.device)
    x_M1S = first_M2[:, 0, None, None] + steps[None, None, :]
    y_MS1 = first_M2[:, 1, None, None] + steps[None, :, None]
    a, b, c = (corner_M33[:, k, :, None, None] for k in range(3))
    bx, by = b[:, 0] - a[:, 0], b[:, 1] - a[:, 1]
    cx, cy = c[:, 0] - a[:, 0], c[:, 1] - a[:, 1]
    px, py = x_M1S + 0.5 - a[:, 0], y_MS1 + 0.5 - a[:, 1]
    area = bx * cy - by * cx
    inverse = torch.where(area == 0, torch.zeros_like(area), 1.0 / area)
    u = (px * cy - py * cx) * inverse
    v = (bx * py - by * px) * inverse
    near = a[:, 2] + u * (b[:, 2] - a[:, 2]) + v * (c[:, 2] - a[:, 2])
    inside = (u >= 0) & (v >= 0) & (u + v <= 1) & (area != 0) & (near > 0)
    inside &= (x_M1S < width) & (y_MS1 < height)
    key = (near.contiguous().view(torch.int32).to(torch.int64) << 32) | (
        triangle_M[:, None, None] + 1
    )
    cell = picture_M[:, None, None] * (height * width) + y_MS1 * width + x_M1S
    keys.scatter_reduce_(0, cell[inside], key[inside], "amax")
