"""Triangles to pixels: a z-buffered rasteriser that yields, for each target pixel, where to sample.

Knows triangles, depth and texture coordinates; does not know what they depict. The sampling map is
piecewise affine (parallel projection), so depth and texture coordinates interpolate linearly.

Legend: V vertices, T triangles, H, W target pixels; A attributes of a vertex: column and row in the
texture and, where there is a third, opacity 0..1. Depth grows away from the camera.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avatar.frames import ByteArray, FloatArray
from avatar.jit import kernel

FAR = np.float32(1e9)
BACK_FACE_OFFSET = 1e4
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
    texture_VA: FloatArray,
    triangle_T3: IntArray,
    label_T: ByteArray,
    map_HWA: FloatArray,
    depth_HW: FloatArray,
    label_HW: ByteArray,
) -> None:
    """Draw triangles into the target buffers, nearest first wins.

    Triangles are wound clockwise on screen (y down). Flipped ones face away: they are drawn
    `BACK_FACE_OFFSET` further back, so that a fold shows its inside rather than a hole.
    """
    height, width = depth_HW.shape
    has_opacity = map_HWA.shape[2] == 3
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
        au = texture_VA[a, 0]
        av = texture_VA[a, 1]
        bu = texture_VA[b, 0] - au
        bv = texture_VA[b, 1] - av
        cu = texture_VA[c, 0] - au
        cv = texture_VA[c, 1] - av
        ao = np.float32(1.0)
        bo = np.float32(0.0)
        co = np.float32(0.0)
        if has_opacity:
            ao = texture_VA[a, 2]
            bo = texture_VA[b, 2] - ao
            co = texture_VA[c, 2] - ao
        label = label_T[t]
        # A hair of overlap closes the cracks between neighbours.
        slack = -1e-3
        for y in range(top, bottom + 1):
            wb = (left - ax) * wb_dx + (y - ay) * wb_dy
            wc = (left - ax) * wc_dx + (y - ay) * wc_dy
            for x in range(left, right + 1):
                if wb >= slack and wc >= slack and 1.0 - wb - wc >= slack:
                    z = az + wb * bz + wc * cz
                    if z < depth_HW[y, x]:
                        depth_HW[y, x] = z
                        map_HWA[y, x, 0] = au + wb * bu + wc * cu
                        map_HWA[y, x, 1] = av + wb * bv + wc * cv
                        if has_opacity:
                            map_HWA[y, x, 2] = ao + wb * bo + wc * co
                        label_HW[y, x] = label
                wb += wb_dx
                wc += wc_dx


@kernel
def sample_over(
    texture_HW4: ByteArray,
    map_HWA: FloatArray,
    label_HW: ByteArray,
    rgb_HW3: ByteArray,
    alpha_HW: ByteArray,
    left: int = 0,
    top: int = 0,
    reflects: bool = False,
) -> None:
    """Composite the sampled texture (straight alpha) over a picture wherever a label was drawn.

    Map and labels may cover a window of the picture whose first pixel is (`left`, `top`). The
    coverage of what was drawn is composited over `alpha_HW` too. Sampling is bilinear and
    clamped at the rim or, where it `reflects`, goes on as a mirror image of what the rim cuts.
    """
    rows, columns = texture_HW4.shape[:2]
    height, width = label_HW.shape
    has_opacity = map_HWA.shape[2] == 3
    for y in range(height):
        for x in range(width):
            if label_HW[y, x] == 0:
                continue
            u = map_HWA[y, x, 0]
            v = map_HWA[y, x, 1]
            is_beyond = u < 0.0 or v < 0.0 or u > columns - 1 or v > rows - 1
            rim = 255
            if reflects and is_beyond:
                rim_row = min(max(int(v), 0), rows - 1)
                rim = int(texture_HW4[rim_row, min(max(int(u), 0), columns - 1), 3])
                u = np.float32(columns - 1) - abs(np.float32(columns - 1) - abs(u))
                v = np.float32(rows - 1) - abs(np.float32(rows - 1) - abs(v))
            u = min(max(u, np.float32(0.0)), np.float32(columns - 1))
            v = min(max(v, np.float32(0.0)), np.float32(rows - 1))
            u0 = min(int(u), columns - 2)
            v0 = min(int(v), rows - 2)
            # Fixed point: 1/64 of a pixel is finer than eight bits of colour can show.
            fu = int((u - u0) * 64.0)
            fv = int((v - v0) * 64.0)
            w00 = (64 - fu) * (64 - fv)
            w01 = fu * (64 - fv)
            w10 = (64 - fu) * fv
            w11 = fu * fv
            p00 = texture_HW4[v0, u0]
            p01 = texture_HW4[v0, u0 + 1]
            p10 = texture_HW4[v0 + 1, u0]
            p11 = texture_HW4[v0 + 1, u0 + 1]
            alpha = (p00[3] * w00 + p01[3] * w01 + p10[3] * w10 + p11[3] * w11 + 2048) >> 12
            if rim < 255:
                alpha = alpha * rim // 255
            if has_opacity:
                alpha = int(alpha * map_HWA[y, x, 2] + 0.5)
            if alpha <= 0:
                continue
            row = y + top
            column = x + left
            covered = int(alpha_HW[row, column])
            alpha_HW[row, column] = covered + ((255 - covered) * alpha + 127) // 255
            for k in range(3):
                value = (p00[k] * w00 + p01[k] * w01 + p10[k] * w10 + p11[k] * w11 + 2048) >> 12
                if alpha == 255:
                    rgb_HW3[row, column, k] = value
                else:
                    under = rgb_HW3[row, column, k]
                    rgb_HW3[row, column, k] = under + ((value - under) * alpha + 127) // 255
