"""Pictures across the model's border: the canvas brought to the model's size, its correction back.

Compiled, because a canvas of 512 x 512 crosses twice per frame. Knows bytes, sizes and the model's
range ([-1, 1] for colours, [0, 1] for coverage); does not know what the pictures show.

Legend: H, W canvas pixels; h, w the model's; 3 colours; 4 colours and coverage.
"""

from __future__ import annotations

import numpy as np

from avatar.frames import ByteArray, FloatArray
from avatar.jit import kernel


@kernel
def shrink_into(rgb_HW3: ByteArray, alpha_HW: ByteArray, factor: int, out_4hw: FloatArray) -> None:
    """The mean of each factor x factor block, in the model's range."""
    rows, columns = out_4hw.shape[1:]
    share = np.float32(1.0 / (factor * factor))
    colour = share / np.float32(127.5)
    cover = share / np.float32(255.0)
    one = np.float32(1.0)
    for y in range(rows):
        for x in range(columns):
            red = 0
            green = 0
            blue = 0
            alpha = 0
            for v in range(y * factor, (y + 1) * factor):
                for u in range(x * factor, (x + 1) * factor):
                    red += rgb_HW3[v, u, 0]
                    green += rgb_HW3[v, u, 1]
                    blue += rgb_HW3[v, u, 2]
                    alpha += alpha_HW[v, u]
            out_4hw[0, y, x] = min(np.float32(red) * colour - one, one)
            out_4hw[1, y, x] = min(np.float32(green) * colour - one, one)
            out_4hw[2, y, x] = min(np.float32(blue) * colour - one, one)
            out_4hw[3, y, x] = min(np.float32(alpha) * cover, one)


@kernel
def add_correction(
    warp_HW3: ByteArray,
    warp_HW: ByteArray,
    rgb_3hw: FloatArray,
    alpha_hw: FloatArray,
    trust_hw: FloatArray,
    out_HW3: ByteArray,
    out_HW: ByteArray,
) -> None:
    """Warp plus correction x trust; the product is enlarged bilinearly, rounded and clamped."""
    height, width = warp_HW.shape
    rows, columns = trust_hw.shape
    step_y = np.float32(rows) / np.float32(height)
    step_x = np.float32(columns) / np.float32(width)
    half = np.float32(0.5)
    line_w4 = np.empty((columns, 4), np.float32)
    for y in range(height):
        at_y = min(max((y + half) * step_y - half, np.float32(0.0)), np.float32(rows - 1))
        y0 = int(at_y)
        y1 = min(y0 + 1, rows - 1)
        below = at_y - np.float32(y0)
        above = np.float32(1.0) - below
        for x in range(columns):
            upper = above * trust_hw[y0, x]
            lower = below * trust_hw[y1, x]
            for k in range(3):
                line_w4[x, k] = np.float32(127.5) * (
                    upper * rgb_3hw[k, y0, x] + lower * rgb_3hw[k, y1, x]
                )
            line_w4[x, 3] = np.float32(255.0) * (upper * alpha_hw[y0, x] + lower * alpha_hw[y1, x])
        for x in range(width):
            at_x = min(max((x + half) * step_x - half, np.float32(0.0)), np.float32(columns - 1))
            x0 = int(at_x)
            x1 = min(x0 + 1, columns - 1)
            right = at_x - np.float32(x0)
            left = np.float32(1.0) - right
            for k in range(3):
                value = warp_HW3[y, x, k] + left * line_w4[x0, k] + right * line_w4[x1, k] + half
                out_HW3[y, x, k] = int(min(max(value, np.float32(0.0)), np.float32(255.0)))
            value = warp_HW[y, x] + left * line_w4[x0, 3] + right * line_w4[x1, 3] + half
            out_HW[y, x] = int(min(max(value, np.float32(0.0)), np.float32(255.0)))
