"""How a mouth's interior is coloured: by the painter's own guess, or by what the camera saw.

The guess is anatomy: teeth and tongue where they must be, shaded by the lips. What a camera saw of
the driver's mouth (`avatar.motion.mouth_interior`) is coarse, but true: it decides how light and
how red each part is, and the anatomy keeps only its detail, the edges of teeth.

Knows pixels of one small window; does not know where teeth are. Legend: H, W pixels of the window.
"""

from __future__ import annotations

import cv2
import numpy as np

from avatar.frames import ByteArray, FloatArray, MouthInterior
from avatar.jit import kernel
from avatar.motion.mouth_interior import spread_interior, tinted
from avatar.warp.polygon import Box

DETAIL_SIGMA = 0.04
"""What counts as detail: finer than this share of the inter-ocular distance, across the mouth only
(the edges between teeth: their free edges lie where the camera sees them, not where guessed)."""
DETAIL_GAIN = 0.8
_LIGHTEST_DETAIL = 0.5
"""Light from which an interior is teeth, with all of their detail; the dark has none."""


def as_seen(
    painted_HW3: FloatArray,
    coverage_HW: FloatArray,
    interior: MouthInterior,
    white_3: FloatArray,
    landmarks_N3: FloatArray,
    box: Box,
    unit_px: float,
) -> FloatArray:
    """The painted interior with the light and colours that were seen, as far as that is certain.

    `white_3` is white in the character's own light, `unit_px` its inter-ocular distance.
    """
    light_HW, red_HW = spread_interior(interior, landmarks_N3, box.left, box.top, box.hw)
    seen_HW3 = tinted(light_HW, red_HW) * white_3
    inside_HW = (coverage_HW > 0.0).astype(np.float32)
    across = 2 * max(1, round(2 * DETAIL_SIGMA * unit_px)) + 1
    weight_HW = np.maximum(_blurred(inside_HW, across), 1e-3)
    smooth_HW3 = _blurred(painted_HW3 * inside_HW[..., None], across)
    detail_HW3 = painted_HW3 - smooth_HW3 / weight_HW[..., None]
    gain_HW = DETAIL_GAIN * np.clip(light_HW / _LIGHTEST_DETAIL, 0.0, 1.0) ** 2
    wanted_HW3 = seen_HW3 + gain_HW[..., None] * detail_HW3
    share = np.float32(interior.certainty)
    return np.asarray(painted_HW3 + share * (wanted_HW3 - painted_HW3), np.float32)


def _blurred(values: FloatArray, across: int) -> FloatArray:
    return np.asarray(cv2.GaussianBlur(values, (across, 1), 0), np.float32)


@kernel
def paint_interior(
    painted_HW3: FloatArray,
    coverage_HW: FloatArray,
    depth_HW: FloatArray,
    map_HW2: FloatArray,
    part_HW: ByteArray,
    atlas_HW4: ByteArray,
    light_3: FloatArray,
    cavity_3: FloatArray,
    shadow_px: float,
    darkest: float,
    own_HW4: ByteArray,
) -> None:
    """Paint teeth, tongue and the dark behind them wherever the lips leave room (coverage > 0)."""
    rows, columns = atlas_HW4.shape[:2]
    height = coverage_HW.shape[0]
    for y in range(height):
        for x in range(coverage_HW.shape[1]):
            cover = coverage_HW[y, x]
            if cover <= 0.0:
                continue
            # The lips shade what lies behind them.
            shade = min(max(depth_HW[y, x] / shadow_px, 0.0), 1.0)
            shade = darkest + (1.0 - darkest) * shade * (2.0 - shade)
            alpha = 0.0
            u0 = 0
            v0 = 0
            fu = 0.0
            fv = 0.0
            if part_HW[y, x] != 0:
                u = min(max(map_HW2[y, x, 0], 0.0), columns - 1.001)
                v = min(max(map_HW2[y, x, 1], 0.0), rows - 1.001)
                u0 = int(u)
                v0 = int(v)
                fu = u - u0
                fv = v - v0
                alpha = (
                    (1 - fu) * (1 - fv) * atlas_HW4[v0, u0, 3]
                    + fu * (1 - fv) * atlas_HW4[v0, u0 + 1, 3]
                    + (1 - fu) * fv * atlas_HW4[v0 + 1, u0, 3]
                    + fu * fv * atlas_HW4[v0 + 1, u0 + 1, 3]
                ) / 255.0
            for k in range(3):
                value = cavity_3[k]
                if alpha > 0.0:
                    part = (
                        (1 - fu) * (1 - fv) * atlas_HW4[v0, u0, k]
                        + fu * (1 - fv) * atlas_HW4[v0, u0 + 1, k]
                        + (1 - fu) * fv * atlas_HW4[v0 + 1, u0, k]
                        + fu * fv * atlas_HW4[v0 + 1, u0 + 1, k]
                    )
                    value += (part - value) * alpha
                value *= shade * light_3[k]
                value += (own_HW4[y, x, k] - value) * (own_HW4[y, x, 3] / 255.0)
                painted_HW3[y, x, k] = value
