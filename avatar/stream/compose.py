"""Pictures across the model's border: the canvas brought to the model's size, its correction back.

Knows bytes, sizes and the model's range ([-1, 1] for colours, [0, 1] for coverage); does not know
what the pictures show.

Legend: H, W canvas pixels; h, w the model's; 3 colours; 4 colours and coverage; a, b cells.
"""

from __future__ import annotations

import cv2
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


def add_correction(
    rgb_HW3: ByteArray,
    alpha_HW: ByteArray,
    rgb_3hw: FloatArray,
    alpha_hw: FloatArray,
    trust_ab: FloatArray,
) -> None:
    """Warp plus correction x trust, in place; each is enlarged bilinearly, the sum clamped."""
    rows, columns = alpha_hw.shape
    height, width = alpha_HW.shape
    trust_hw = cv2.resize(trust_ab, (columns, rows), interpolation=cv2.INTER_LINEAR)
    added_hw3 = cv2.merge([cv2.multiply(each, trust_hw, scale=127.5) for each in rgb_3hw])
    cover_hw = cv2.multiply(alpha_hw, trust_hw, scale=255.0)
    for warp, added in ((rgb_HW3, added_hw3), (alpha_HW, cover_hw)):
        enlarged = cv2.resize(added, (width, height), interpolation=cv2.INTER_LINEAR)
        cv2.add(warp, enlarged, dst=warp, dtype=cv2.CV_8U)
