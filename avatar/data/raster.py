"""Which triangle is seen where: numba rasterisation into a visibility buffer. Knows no colours.

A buffer holds, per sample, the index of the nearest triangle and its inverse depth; everything
else (colour, flow, masks) is worked out from the two. Samples lie at cell centres (x + 0.5,
y + 0.5). Of two equally near triangles the one with the larger index wins, so that every
implementation gives the same picture.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from avatar.jit import kernel

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Bytes = NDArray[np.uint8]

_NARROW = 5
"""Boxes up to this wide are not worth solving for each row's span."""
_FAR = np.float32(1e9)
_TILE = 8
"""Samples along a tile's side."""
_REFRESH = 24_000
"""Samples written after which the tiles' farthest samples are looked up again."""


@kernel
def _farthest_into(near_HW: Floats, tiles: Floats) -> None:
    """Nearness of each tile's farthest sample; 0 where one is still empty."""
    height, width = near_HW.shape
    least = np.empty(width, np.float32)
    for i in range(tiles.shape[0]):
        least[:] = near_HW[i * _TILE]
        for y in range(i * _TILE + 1, min((i + 1) * _TILE, height)):
            for x in range(width):
                least[x] = min(least[x], near_HW[y, x])
        for j in range(tiles.shape[1]):
            tiles[i, j] = least[j * _TILE : (j + 1) * _TILE].min()


@kernel
def _is_hidden(tiles: Floats, x0: int, x1: int, y0: int, y1: int, nearest: float) -> bool:
    """Whether everything in a box of samples is nearer than `nearest`."""
    for i in range(y0 // _TILE, y1 // _TILE + 1):
        for j in range(x0 // _TILE, x1 // _TILE + 1):
            if tiles[i, j] <= nearest:
                return False
    return True


@kernel
def raster_into(
    screen_V3: Floats, triangles_T3: Ints, first: int, last: int, index_HW: Ints, near_HW: Floats
) -> None:
    """Draw triangles first..last-1; `screen` = (column, row, nearness), larger is nearer.

    Nearness must be affine on the picture (1/z in perspective, -z in parallel projection) and
    positive; triangles with a nearness <= 0 are left out.
    """
    height, width = index_HW.shape
    half, zero, one = np.float32(0.5), np.float32(0.0), np.float32(1.0)
    right, bottom = np.float32(width - 1), np.float32(height - 1)
    # hair is drawn a dozen times over: what lies behind full tiles is left out before its samples
    tiles = np.empty((-(-height // _TILE), -(-width // _TILE)), np.float32)
    _farthest_into(near_HW, tiles)
    num_written = 0
    for t in range(first, last):
        a, b, c = triangles_T3[t, 0], triangles_T3[t, 1], triangles_T3[t, 2]
        ax, bx, cx = screen_V3[a, 0], screen_V3[b, 0], screen_V3[c, 0]
        # most triangles lie between two samples or beside the picture: leave early
        low, high = min(ax, bx, cx) - half, max(ax, bx, cx) - half
        if high < zero or low > right:
            continue
        x0, x1 = int(np.ceil(max(low, zero))), int(np.floor(min(high, right)))
        if x1 < x0:
            continue
        ay, by, cy = screen_V3[a, 1], screen_V3[b, 1], screen_V3[c, 1]
        low, high = min(ay, by, cy) - half, max(ay, by, cy) - half
        if high < zero or low > bottom:
            continue
        y0, y1 = int(np.ceil(max(low, zero))), int(np.floor(min(high, bottom)))
        if y1 < y0:
            continue
        wa, wb, wc = screen_V3[a, 2], screen_V3[b, 2], screen_V3[c, 2]
        if wa <= zero or wb <= zero or wc <= zero:
            continue
        nearest = max(wa, wb, wc) * np.float32(1.000001)
        if _is_hidden(tiles, x0, x1, y0, y1, nearest):
            continue
        bx -= ax
        by -= ay
        cx -= ax
        cy -= ay
        area = bx * cy - by * cx
        if area == zero:
            continue
        inverse = np.float32(1.0) / area
        dw_b, dw_c = wb - wa, wc - wa
        # A long thin triangle leaves most of its box empty. Each edge x = base + slope * row bounds
        # the rows' spans from one side; taken a little wider than solved, since rounding must not
        # lose a sample: the exact test below decides.
        left_base, left_slope, right_base, right_slope = -_FAR, zero, _FAR, zero
        left_base2, left_slope2, right_base2, right_slope2 = -_FAR, zero, _FAR, zero
        if x1 - x0 >= _NARROW:
            slack = np.float32(0.05) + np.float32(1e-5) * (
                abs(ax) + abs(ay) + abs(bx) + abs(by) + abs(cx) + abs(cy)
            )
            middle = ax - half
            if cy != zero:  # u >= 0
                slope = cx / cy
                if cy * inverse > zero:
                    left_base, left_slope = middle - slack, slope
                else:
                    right_base, right_slope = middle + slack, slope
            if by != zero:  # v >= 0
                slope = bx / by
                if by * inverse < zero:
                    left_base2, left_slope2 = middle - slack, slope
                else:
                    right_base2, right_slope2 = middle + slack, slope
            if cy != by:  # u + v <= 1
                slope = (cx - bx) / (cy - by)
                base = middle + bx - by * slope
                if (cy - by) * inverse > zero:
                    if right_slope == zero and right_base == _FAR:
                        right_base, right_slope = base + slack, slope
                    else:
                        right_base2, right_slope2 = base + slack, slope
                elif left_base == -_FAR:
                    left_base, left_slope = base - slack, slope
                else:
                    left_base2, left_slope2 = base - slack, slope
        low_x, high_x = np.float32(x0), np.float32(x1)
        for y in range(y0, y1 + 1):
            py = np.float32(y) + half - ay
            low = max(low_x, left_base + left_slope * py, left_base2 + left_slope2 * py)
            high = min(high_x, right_base + right_slope * py, right_base2 + right_slope2 * py)
            if high < low:
                continue
            first_x, last_x = int(np.ceil(low)), int(np.floor(high))
            for x in range(first_x, last_x + 1):
                px = np.float32(x) + half - ax
                u = (px * cy - py * cx) * inverse
                v = (bx * py - by * px) * inverse
                w = wa + u * dw_b + v * dw_c
                was, who = near_HW[y, x], index_HW[y, x]
                # no branches here: hair is as unforeseeable as a coin, and a wrong guess costs more
                is_inside = (u >= zero) & (v >= zero) & (u + v <= one)
                is_seen = is_inside & ((w > was) | ((w == was) & (t > who)))
                near_HW[y, x] = w if is_seen else was
                index_HW[y, x] = t if is_seen else who
                num_written += is_seen
        if num_written > _REFRESH:
            _farthest_into(near_HW, tiles)
            num_written = 0


@kernel
def raster_cut_into(
    screen_V3: Floats, triangles_T3: Ints, first: int, last: int, uv_V2: Floats, cover_HW: Bytes,
    index_HW: Ints, near_HW: Floats,
) -> None:  # fmt: skip
    """Draw triangles whose outline a cover sheet cuts (screen-door transparency on a 2 x 2 grid).

    A sample is covered where the sheet's opacity (0..255, nearest texel) exceeds the sample's own
    threshold, so that four samples of a pixel give five levels in any order of drawing.
    """
    height, width = index_HW.shape
    rows, columns = cover_HW.shape
    for t in range(first, last):
        a, b, c = triangles_T3[t, 0], triangles_T3[t, 1], triangles_T3[t, 2]
        wa, wb, wc = screen_V3[a, 2], screen_V3[b, 2], screen_V3[c, 2]
        if wa <= 0.0 or wb <= 0.0 or wc <= 0.0:
            continue
        ax, ay = screen_V3[a, 0], screen_V3[a, 1]
        bx, by = screen_V3[b, 0] - ax, screen_V3[b, 1] - ay
        cx, cy = screen_V3[c, 0] - ax, screen_V3[c, 1] - ay
        x0 = int(np.ceil(max(ax + min(0.0, bx, cx) - 0.5, 0.0)))
        x1 = int(np.floor(min(ax + max(0.0, bx, cx) - 0.5, width - 1.0)))
        y0 = int(np.ceil(max(ay + min(0.0, by, cy) - 0.5, 0.0)))
        y1 = int(np.floor(min(ay + max(0.0, by, cy) - 0.5, height - 1.0)))
        area = bx * cy - by * cx
        if area == 0.0:
            continue
        inverse = np.float32(1.0) / area
        for y in range(y0, y1 + 1):
            py = np.float32(y) + np.float32(0.5) - ay
            for x in range(x0, x1 + 1):
                px = np.float32(x) + np.float32(0.5) - ax
                u = (px * cy - py * cx) * inverse
                v = (bx * py - by * px) * inverse
                if u < 0.0 or v < 0.0 or u + v > 1.0:
                    continue
                w = wa + u * (wb - wa) + v * (wc - wa)
                if w <= near_HW[y, x]:
                    continue
                ka, kb, kc = (1.0 - u - v) * wa / w, u * wb / w, v * wc / w
                i = int((ka * uv_V2[a, 1] + kb * uv_V2[b, 1] + kc * uv_V2[c, 1]) * rows)
                j = int((ka * uv_V2[a, 0] + kb * uv_V2[b, 0] + kc * uv_V2[c, 0]) * columns)
                opacity = cover_HW[min(max(i, 0), rows - 1), min(max(j, 0), columns - 1)]
                threshold = 96 if (x + y) % 2 == 0 else 224
                if y % 2 == 1:
                    threshold = 32 if (x + y) % 2 == 0 else 160
                if opacity > threshold:
                    near_HW[y, x] = w
                    index_HW[y, x] = t


def raster(screen_V3: Floats, triangles_T3: Ints, size_hw: tuple[int, int]) -> tuple[Ints, Floats]:
    """(triangle index or -1, nearness or 0) per sample."""
    index = np.full(size_hw, -1, np.int32)
    near = np.zeros(size_hw, np.float32)
    raster_into(screen_V3, triangles_T3, 0, len(triangles_T3), index, near)
    return index, near
