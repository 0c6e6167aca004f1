"""Pictures between colour spaces: RGB for animators, I420 (BT.601, limited range) for codecs.

WebRTC's VP8 and H264 pictures without colour information are BT.601 limited range (16..235), which
is what OpenCV's I420 conversions and swscale's default are. Knows arrays; does not know codecs.

An I420 picture of H x W is one array of (H * 3/2) x W bytes: Y, then U and V at half size.
"""

from __future__ import annotations

import cv2
import numpy as np

from avatar.frames import ByteArray

STRIP_DIVISOR = 16
"""The probe's marker fills the top 1/16 of the picture's height (see client/web/probe.js)."""


def rgb_to_i420(rgb_HW3: ByteArray) -> ByteArray:
    """H x W x 3 to (H*3/2) x W; an odd last row or column is cut off."""
    rows, columns = rgb_HW3.shape[0] & ~1, rgb_HW3.shape[1] & ~1
    even = np.ascontiguousarray(rgb_HW3[:rows, :columns])
    return cv2.cvtColor(even, cv2.COLOR_RGB2YUV_I420)  # type: ignore[return-value]


def rgb_to_i420_over_alpha(rgb_HW3: ByteArray, alpha_HW: ByteArray) -> ByteArray:
    """Colours above, coverage below as grey, as one I420 picture of twice the height.

    Video codecs of WebRTC carry no alpha; whoever shows the picture puts the halves together again
    (client/web/overlay_canvas.js).
    """
    grey_HW3 = np.repeat(alpha_HW[:, :, np.newaxis], 3, axis=2)
    rows = rgb_HW3.shape[0] & ~1
    return rgb_to_i420(np.concatenate([rgb_HW3[:rows], grey_HW3[:rows]]))


def i420_to_rgb(i420: ByteArray) -> ByteArray:
    """(H*3/2) x W to H x W x 3."""
    return cv2.cvtColor(i420, cv2.COLOR_YUV2RGB_I420)  # type: ignore[return-value]


def top_strip(driving_HW3: ByteArray) -> ByteArray:
    """A copy of the top of a driving picture, where the probe's marker is."""
    return driving_HW3[: max(1, driving_HW3.shape[0] // STRIP_DIVISOR)].copy()


def copy_strip(strip_HW3: ByteArray, rendered_HW3: ByteArray) -> ByteArray:
    """The rendered picture with a driving picture's strip copied over its own."""
    rows, columns = max(1, rendered_HW3.shape[0] // STRIP_DIVISOR), rendered_HW3.shape[1]
    marked = rendered_HW3.copy()
    marked[:rows] = cv2.resize(strip_HW3, (columns, rows), interpolation=cv2.INTER_AREA)
    return marked


def fitted_size(width: int, height: int, max_side_px: int) -> tuple[int, int]:
    """Width and height scaled down so that neither exceeds `max_side_px`; both even."""
    scale = min(1.0, max_side_px / max(width, height))
    return max(2, round(width * scale) & ~1), max(2, round(height * scale) & ~1)
