"""Triangles to pixels: a z-buffered rasteriser that yields, for each target pixel, where to sample.

Knows triangles, depth and texture coordinates; does not know what they depict. The sampling map is
piecewise affine (parallel projection), so depth and texture coordinates interpolate linearly.

Legend: V vertices, T triangles, H, W target pixels; depth grows away from the camera.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar.frames import ByteArray, FloatArray
from avatar.jit import kernel

FAR = np.float32(1e9)
BACK_FACE_OFFSET = 1e4
OPAQUE_V: FloatArray = np.empty(0, np.float32)
OPAQUE_HW: FloatArray = np.empty((0, 0), np.float32)
"""Stand for opacities of 1 everywhere."""
IntArray = NDArray[np.int32]


@dataclass(slots=True)
class RasterTarget:
    """Reused buffers of one picture size."""

    map_HW2: FloatArray
    """Sampling position (column, row) in the texture, undefined where nothing was drawn."""
    depth_HW: FloatArray
    """Depth of the nearest triangle, FAR where nothing was drawn."""
    label_HW: ByteArray
    """Label of the nearest triangle, 0 where nothing was drawn."""

    @classmethod
    def of_size(cls, height: int, width: int) -> RasterTarget:
        """Allocate buffers for a picture of `height` rows and `width` columns."""
        return cls(
            np.zeros((height, width, 2), np.float32),
            np.full((height, width), FAR, np.float32),
            np.zeros((height, width), np.uint8),
        )

    def clear(self) -> None:
        """Forget everything drawn."""
        self.depth_HW.fill(FAR)
        self.label_HW.fill(0)

    def window(self, points_V2: FloatArray) -> tuple[int, int, RasterTarget] | None:
        """The same buffers, cleared, as a target just large enough for some points.

        Returns the column and row of its first pixel too; None where all points lie outside.
        """
        height, width = self.depth_HW.shape
        low = np.clip(np.floor(points_V2.min(0)), 0, [width, height]).astype(int)
        high = np.clip(np.ceil(points_V2.max(0)) + 1, 0, [width, height]).astype(int)
        columns, rows = (high - low).tolist()
        if rows <= 0 or columns <= 0:
            return None
        size = rows * columns
        part = RasterTarget(
            self.map_HW2.reshape(-1, 2)[:size].reshape(rows, columns, 2),
            self.depth_HW.reshape(-1)[:size].reshape(rows, columns),
            self.label_HW.reshape(-1)[:size].reshape(rows, columns),
        )
        part.clear()
        return int(low[0]), int(low[1]), part


@kernel
def rasterise(
    position_V3: FloatArray,
    texture_V2: FloatArray,
    triangle_T3: IntArray,
    label_T: ByteArray,
    map_HW2: FloatArray,
    depth_HW: FloatArray,
    label_HW: ByteArray,
    opacity_V: FloatArray = OPAQUE_V,
    opacity_HW: FloatArray = OPAQUE_HW,
) -> None:
    """Draw triangles into the target buffers, nearest first wins.

    Triangles are wound clockwise on screen (y down). Flipped ones face away: they are drawn
    `BACK_FACE_OFFSET` further back, so that a fold shows its inside rather than a hole. Opacities
    (0..1 per vertex) are interpolated into `opacity_HW` where they are given.
    """
    height, width = depth_HW.shape
    has_opacity = opacity_HW.size > 0
    for t in range(triangle_T3.shape[0]):
        a = triangle_T3[t, 0]
        b = triangle_T3[t, 1]
        c = triangle_T3[t, 2]
        ax = position_V3[a, 0]
        ay = position_V3[a, 1]
        bx = position_V3[b, 0]
        by = position_V3[b, 1]
        cx = position_V3[c, 0]
        cy = position_V3[c, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if abs(area) < 1e-4:
            continue
        left = max(int(np.floor(min(ax, bx, cx))), 0)
        right = min(int(np.ceil(max(ax, bx, cx))), width - 1)
        top = max(int(np.floor(min(ay, by, cy))), 0)
        bottom = min(int(np.ceil(max(ay, by, cy))), height - 1)
        if left > right or top > bottom:
            continue
        inverse = 1.0 / area
        # Barycentric weights are affine in (x, y); step them along the row.
        wb_dx = (cy - ay) * inverse
        wb_dy = -(cx - ax) * inverse
        wc_dx = -(by - ay) * inverse
        wc_dy = (bx - ax) * inverse
        az = position_V3[a, 2]
        bz = position_V3[b, 2] - az
        cz = position_V3[c, 2] - az
        if area < 0:
            az += BACK_FACE_OFFSET
        au = texture_V2[a, 0]
        av = texture_V2[a, 1]
        bu = texture_V2[b, 0] - au
        bv = texture_V2[b, 1] - av
        cu = texture_V2[c, 0] - au
        cv = texture_V2[c, 1] - av
        ao = np.float32(1.0)
        bo = np.float32(0.0)
        co = np.float32(0.0)
        if has_opacity:
            ao = opacity_V[a]
            bo = opacity_V[b] - ao
            co = opacity_V[c] - ao
        label = label_T[t]
        # A hair of overlap closes the cracks between neighbours.
        slack = np.float32(-1e-3)
        wa_dx = -(wb_dx + wc_dx)
        for y in range(top, bottom + 1):
            wb = (left - ax) * wb_dx + (y - ay) * wb_dy
            wc = (left - ax) * wc_dx + (y - ay) * wc_dy
            # The columns where all three weights are at least `slack`.
            first = np.float32(0.0)
            last = np.float32(right - left)
            for weight, step in ((wb, wb_dx), (wc, wc_dx), (1.0 - wb - wc, wa_dx)):
                if step > 1e-9:
                    first = max(first, (slack - weight) / step)
                elif step < -1e-9:
                    last = min(last, (slack - weight) / step)
                elif weight < slack:
                    last = np.float32(-1.0)
            for x in range(int(np.ceil(first)), int(np.floor(last)) + 1):
                b_share = wb + x * wb_dx
                c_share = wc + x * wc_dx
                z = az + b_share * bz + c_share * cz
                column = left + x
                if z < depth_HW[y, column]:
                    depth_HW[y, column] = z
                    map_HW2[y, column, 0] = au + b_share * bu + c_share * cu
                    map_HW2[y, column, 1] = av + b_share * bv + c_share * cv
                    if has_opacity:
                        opacity_HW[y, column] = ao + b_share * bo + c_share * co
                    label_HW[y, column] = label


def sample_over(
    texture_HW4: ByteArray,
    map_HW2: FloatArray,
    label_HW: ByteArray,
    rgb_HW3: ByteArray,
    alpha_HW: ByteArray,
    left: int = 0,
    top: int = 0,
    opacity_HW: FloatArray = OPAQUE_HW,
    scratch_HW4: ByteArray | None = None,
) -> None:
    """Composite the sampled texture (straight alpha) over a picture wherever a label was drawn.

    Map, labels and opacity may cover a window of the picture whose first pixel is (`left`, `top`).
    The coverage of what was drawn is composited over `alpha_HW` too. Sampling is bilinear and
    clamped at the rim. `scratch_HW4`, of the map's size, spares an allocation.
    """
    # OpenCV's vectorised sampling takes half the time of a loop over drawn pixels alone.
    sampled_HW4 = cv2.remap(  # type: ignore[call-overload]  # one map of two channels is enough
        texture_HW4, map_HW2, None, cv2.INTER_LINEAR, scratch_HW4, cv2.BORDER_REPLICATE
    )
    _composite(
        np.asarray(sampled_HW4, np.uint8), label_HW, opacity_HW, rgb_HW3, alpha_HW, left, top
    )


@kernel
def _composite(
    sampled_HW4: ByteArray,
    label_HW: ByteArray,
    opacity_HW: FloatArray,
    rgb_HW3: ByteArray,
    alpha_HW: ByteArray,
    left: int,
    top: int,
) -> None:
    height, width = label_HW.shape
    has_opacity = opacity_HW.size > 0
    for y in range(height):
        row = y + top
        for x in range(width):
            if label_HW[y, x] == 0:
                continue
            alpha = int(sampled_HW4[y, x, 3])
            if has_opacity:
                alpha = int(alpha * opacity_HW[y, x] + np.float32(0.5))
            if alpha == 0:
                continue
            column = x + left
            if alpha >= 255:
                alpha_HW[row, column] = 255
                rgb_HW3[row, column, 0] = sampled_HW4[y, x, 0]
                rgb_HW3[row, column, 1] = sampled_HW4[y, x, 1]
                rgb_HW3[row, column, 2] = sampled_HW4[y, x, 2]
                continue
            covered = int(alpha_HW[row, column])
            alpha_HW[row, column] = covered + ((255 - covered) * alpha + 127) // 255
            for k in range(3):
                under = int(rgb_HW3[row, column, k])
                value = int(sampled_HW4[y, x, k])
                rgb_HW3[row, column, k] = under + ((value - under) * alpha + 127) // 255


def extended(texture_HW4: ByteArray, margin_px: int, crown_px: float) -> ByteArray:
    """A texture that goes on beyond its rim: what the rim cuts off continues as a mirror image.

    Above the picture it ends in a dome: `crown_px` is the radius of a head, cut off by the rim.
    """
    margins = (margin_px, margin_px, margin_px, margin_px)
    mirrored = cv2.copyMakeBorder(texture_HW4, *margins, cv2.BORDER_REFLECT_101)
    # Where the rim shows none of it, the figure ended before.
    at_rim = cv2.copyMakeBorder(texture_HW4[..., 3], *margins, cv2.BORDER_REPLICATE)
    at_rim[margin_px:-margin_px, margin_px:-margin_px] = 255
    height_W = _dome_heights(at_rim[0] > 127, crown_px)
    above_M1 = np.arange(margin_px, 0, -1, dtype=np.float32)[:, None]
    dome_MW = np.clip(height_W - above_M1 + 0.5, 0.0, 1.0)
    at_rim[:margin_px] = (at_rim[:margin_px] * dome_MW).astype(np.uint8)
    mirrored[..., 3] = (mirrored[..., 3].astype(np.uint16) * at_rim // 255).astype(np.uint8)
    return np.asarray(mirrored, np.uint8)


def _dome_heights(is_cut_W: NDArray[np.bool_], crown_px: float) -> FloatArray:
    """How far a figure cut off in some columns goes on: segments of circles over its pieces."""
    height_W = np.zeros(len(is_cut_W), np.float32)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], is_cut_W.astype(np.int8), [0]])))
    for start, stop in edges.reshape(-1, 2):
        half = (stop - start) / 2
        radius = max(crown_px, half)
        across = np.arange(start, stop) + 0.5 - (start + stop) / 2
        height_W[start:stop] = np.sqrt(radius**2 - across**2) - np.sqrt(radius**2 - half**2)
    return height_W
