"""The face unrolled to its texture: where each texel lies, and which feature it belongs to.

Knows the face model's texture sheets; knows no colour.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import splev, splprep

from avatar.data.head import head_model
from avatar.data.raster import raster

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Texels:
    """Which surface point each texel of a sheet shows; P texels on the mesh."""

    inside_HW: NDArray[np.bool_]
    corner_P3: NDArray[np.int32]
    """Split vertices of the triangle under a texel."""
    weight_P3: Floats

    def sheet(self, values_VC: Floats) -> Floats:
        """(P, C) values of split vertices, interpolated."""
        return np.einsum("pk,pkc->pc", self.weight_P3, values_VC[self.corner_P3]).astype(np.float32)


@cache
def texels(tile: int, size: int) -> Texels:
    """Texels of the skin on one uv tile of the face model."""
    model = head_model()
    chosen = np.isin(model.region_T, (0, 1)) & (model.tile_V[model.split_T3[:, 0]] == tile)
    triangles = np.ascontiguousarray(model.split_T3[chosen])
    screen = np.empty((len(model.uv_V2), 3), np.float32)
    screen[:, 0] = model.uv_V2[:, 0] * (size - 1) + 0.5
    screen[:, 1] = (1 - model.uv_V2[:, 1]) * (size - 1) + 0.5
    screen[:, 2] = 1.0
    index, _ = raster(screen, triangles, (size, size))
    inside = index >= 0
    t = triangles[index[inside]]
    rows, columns = np.nonzero(inside)
    point = np.stack([columns + 0.5, rows + 0.5], -1)
    a, b, c = (screen[t[:, k], :2] for k in range(3))
    e, f, d = b - a, c - a, point - a
    area = e[:, 0] * f[:, 1] - e[:, 1] * f[:, 0]
    kb = (d[:, 0] * f[:, 1] - d[:, 1] * f[:, 0]) / area
    kc = (e[:, 0] * d[:, 1] - e[:, 1] * d[:, 0]) / area
    return Texels(inside, t, np.stack([1 - kb - kc, kb, kc], -1).astype(np.float32))


@cache
def position_sheet(tile: int, size: int) -> tuple[Floats, NDArray[np.bool_]]:
    """Neutral position of every texel of a uv tile (filled outward), and where the mesh is."""
    model = head_model()
    on_mesh = texels(tile, size)
    sheet = np.zeros((size, size, 3), np.float32)
    sheet[on_mesh.inside_HW] = on_mesh.sheet(model.neutral_V3[model.source_V])
    return _fill(sheet, on_mesh.inside_HW), on_mesh.inside_HW


def _fill(sheet: Floats, inside: NDArray[np.bool_]) -> Floats:
    """Texels outside the mesh take the value of the nearest one inside."""
    _, labels = cv2.distanceTransformWithLabels(
        (~inside).astype(np.uint8), cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
    )
    flat = np.zeros(labels.max() + 1, np.int64)
    flat[labels[inside]] = np.flatnonzero(inside.ravel())
    return np.ascontiguousarray(sheet.reshape(-1, sheet.shape[-1])[flat[labels.ravel()]]).reshape(
        sheet.shape
    )


@cache
def landmark_uv() -> Floats:
    """(68, 2) uv of the landmarks on tile 0, v up."""
    model = head_model()
    first = np.full(len(model.neutral_V3), -1, np.int64)
    on_face = np.flatnonzero(model.tile_V == 0)
    first[model.source_V[on_face]] = on_face
    return model.uv_V2[first[model.landmarks_68]]


def _outline(points_P2: Floats, num: int, closed: bool) -> Floats:
    spline, _ = splprep(points_P2.T, s=0, per=closed, k=min(3, len(points_P2) - 1))
    return np.stack(splev(np.linspace(0, 1, num), spline), -1).astype(np.float32)


@cache
def masks(size: int) -> dict[str, Floats]:
    """Soft masks on tile 0: lips, brows, cheeks, nose, lids, under_eye, beard, mustache, ears..."""
    uv = landmark_uv()
    px = np.stack([uv[:, 0] * size, (1 - uv[:, 1]) * size], -1).astype(np.float32)
    xs, ys = np.meshgrid(np.arange(size, dtype=np.float32), np.arange(size, dtype=np.float32))
    unit = size / 784.0  # the layout was measured on a 784 texel drawing

    def polygon(points: Floats, blur: float) -> Floats:
        sheet = np.zeros((size, size), np.uint8)
        cv2.fillPoly(sheet, [(points * 16).astype(np.int32)], (255,), cv2.LINE_AA, 4)
        return (cv2.GaussianBlur(sheet, (0, 0), blur * unit).astype(np.float32) / 255).astype(
            np.float32
        )

    def blob(x: float, y: float, rx: float, ry: float) -> Floats:
        one = np.exp(-(((xs / unit - x) / rx) ** 2) - ((ys / unit - y) / ry) ** 2)
        two = np.exp(-(((xs / unit - (784 - x)) / rx) ** 2) - ((ys / unit - y) / ry) ** 2)
        return np.maximum(one, two).astype(np.float32)

    position, _ = position_sheet(0, size)
    out: dict[str, Floats] = {}
    lips = _outline(np.concatenate([px[48:60], px[48:49]]), 120, True)
    out["lips"] = polygon(lips, 1.6)
    out["lip_line"] = polygon(lips, 4.5) * (1 - polygon(lips, 1.0))
    out["lip_inner"] = polygon(np.concatenate([px[60:65], px[65:68]]).astype(np.float32), 3.0)
    brows = np.zeros((size, size), np.float32)
    for low, high in ((17, 22), (22, 27)):
        middle = _outline(px[low:high], 40, False)
        outer_first = low == 17
        s = np.linspace(0, 1, 40) if outer_first else np.linspace(1, 0, 40)
        half = (2.0 + 7.0 * np.clip(s * 1.6, 0, 1) ** 0.8) * unit
        loop = np.concatenate(
            [middle - [[0, 1]] * half[:, None], (middle + [[0, 1]] * half[:, None])[::-1]]
        ).astype(np.float32)
        brows = np.maximum(brows, polygon(loop, 3.5))
    out["brows"] = brows
    out["cheeks"] = blob(222, 345, 75, 60)
    out["apple"] = blob(240, 325, 48, 36)
    out["nose"] = np.exp(-(((xs / unit - 392) / 48) ** 2) - ((ys / unit - 318) / 42) ** 2).astype(
        np.float32
    )
    out["nose_side"] = blob(336, 338, 26, 32)
    out["lids"] = blob(281, 205, 62, 26)
    out["lid_fold"] = blob(281, 197, 52, 12)
    out["under_eye"] = blob(288, 250, 46, 22)
    out["inner_eye"] = blob(322, 226, 22, 26)
    out["eye_rim"] = blob(281, 221, 46, 9)
    out["ears"] = blob(45, 320, 55, 110)
    out["forehead"] = np.exp(
        -(((xs / unit - 392) / 210) ** 2) - ((ys / unit - 90) / 62) ** 2
    ).astype(np.float32)
    out["chin"] = np.exp(-(((xs / unit - 392) / 75) ** 2) - ((ys / unit - 540) / 45) ** 2).astype(
        np.float32
    )
    # beard: jaw, chin, upper lip and the neck just below, from 3D position
    x, y, z = np.abs(position[..., 0]), position[..., 1], position[..., 2]

    def ramp(value: Floats, low: float, high: float) -> Floats:
        t = np.clip((value - low) / (high - low), 0, 1)
        return (t * t * (3 - 2 * t)).astype(np.float32)

    # the upper edge runs from the sideburn in front of the ear down to the corner of the mouth
    edge = -2.9 + 4.2 * ramp(x, 3.6, 6.9) + 2.0 * np.clip((x - 6.2), 0, 2)
    jaw = ramp(edge - y, -0.5, 0.9) * ramp(y, -10.3, -8.2) * ramp(z, 1.2, 3.2)
    jaw = jaw * (1 - ramp(x - 8.2, 0, 0.4))
    lip_gap = 1 - ramp(out["lips"], 0.05, 0.4)
    mustache = ramp(-y, 0.9, 1.5) * (1 - ramp(-y, 3.1, 3.6)) * (1 - ramp(x, 2.7, 3.6))
    mustache = mustache * ramp(z, 8.5, 9.5) * (1 - out["nose"] ** 2)
    out["mustache"] = (mustache * lip_gap).astype(np.float32)
    out["beard"] = (np.maximum(jaw, mustache) * lip_gap).astype(np.float32)
    soul = (1 - ramp(x, 1.6, 3.0)) * ramp(-y, 4.3, 5.0) * ramp(y, -9.2, -7.8)
    out["goatee"] = (np.maximum(soul, mustache * 0.9) * lip_gap).astype(np.float32)
    return out
