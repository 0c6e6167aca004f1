"""Brows, lashes and beards: short strands that follow the face. Knows no light."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar.data.face_sheet import masks
from avatar.data.head import head_model
from avatar.data.scene import Label
from avatar.data.strands import Roots, Strands, sample_roots

Floats = NDArray[np.float32]

_MASK_SIZE = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class BeardStyle:
    """Where and how long."""

    where: str = "beard"
    """beard, goatee or mustache."""
    length: float = 1.0
    curl: float = 0.05
    density: float = 1.0


def _density(name: str) -> Floats:
    """A mask of tile 0 at every model vertex."""
    model = head_model()
    sheet = masks(_MASK_SIZE)[name]
    out = np.zeros(len(model.neutral_V3), np.float32)
    face = np.flatnonzero(model.tile_V == 0)
    u = (model.uv_V2[face, 0] * _MASK_SIZE - 0.5).astype(np.float32)
    v = ((1 - model.uv_V2[face, 1]) * _MASK_SIZE - 0.5).astype(np.float32)
    out[model.source_V[face]] = cv2.remap(sheet, u[:, None], v[:, None], cv2.INTER_LINEAR)[:, 0]
    skin = np.zeros(len(out), bool)
    skin[np.unique(model.triangles_T3[model.region_T == 0])] = True
    return np.where(skin, out, 0).astype(np.float32)


def _unit(v: NDArray[np.floating[Any]]) -> Floats:
    return (v / (np.linalg.norm(v, axis=-1, keepdims=True) + 1e-9)).astype(np.float32)


def _uv_mask_at(roots: Roots, name: str) -> Floats:
    model = head_model()
    uv = np.einsum("sk,skc->sc", roots.weights_S3, model.uv_V2[model.split_T3[roots.triangle_S]])
    u = (uv[:, 0] * _MASK_SIZE - 0.5).astype(np.float32)
    v = ((1 - uv[:, 1]) * _MASK_SIZE - 0.5).astype(np.float32)
    found = cv2.remap(masks(_MASK_SIZE)[name], u[:, None], v[:, None], cv2.INTER_LINEAR)
    return found[:, 0].astype(np.float32)


def _curves(
    start: Floats, direction: Floats, bend: Floats, length: Floats, num_points: int
) -> Floats:
    t = np.linspace(0, 1, num_points, dtype=np.float32)[None, :, None]
    run = length[:, None, None] * t
    return (start[:, None] + run * direction[:, None] + run * t * bend[:, None]).astype(np.float32)


def grow_brows(
    shape_V3: Floats, seed: int, *, num: int, thickness: float, length: float, width: float,
    colour_rgb: Floats, material: int,
) -> Strands:  # fmt: skip
    """Both brows; `thickness` 0.3 (plucked) .. 1.5 (bushy)."""
    rng = np.random.default_rng(seed)
    density = np.clip(_density("brows") * 1.15, 0, 1) ** (1.6 / max(thickness, 0.2))
    roots = sample_roots(rng, shape_V3, density, num * 3)
    keep = _uv_mask_at(roots, "brows") > rng.uniform(0.12, 0.85, num * 3) / max(thickness, 0.3)
    keep &= np.cumsum(keep) <= num
    roots = Roots(roots.triangle_S[keep], roots.weights_S3[keep])
    start, normal = roots.on(shape_V3), roots.normals_on(shape_V3)
    n = len(start)
    x = np.abs(start[:, 0])
    out = np.clip((x - 1.2) / 3.6, 0, 1)  # 0 at the nose, 1 at the tail
    rest = head_model().neutral_V3
    middle = roots.on(rest)[:, 1]
    # hairs above the middle of the brow lean down, hairs below lean up: they meet in a ridge
    order = np.argsort(x)
    centre = np.empty(n)
    centre[order] = (
        np.convolve(np.pad(middle[order], 25, mode="edge"), np.ones(51) / 51, mode="valid")[:n]
        if n > 60
        else middle.mean()
    )
    up = 0.95 - 1.25 * out**0.7 - 0.9 * (middle - centre)
    lean = np.stack([np.sign(start[:, 0]) * (0.25 + 0.9 * out), up, 0.05 * np.ones(n)], -1)
    lean = lean + rng.normal(0, 0.16, (n, 3))
    lean = _unit(lean - (lean * normal).sum(1, keepdims=True) * normal + 0.16 * normal)
    bend = np.stack([np.sign(start[:, 0]) * 0.5, -0.25 * out, np.zeros(n)], -1) - 0.25 * normal
    size = (length * rng.uniform(0.6, 1.2, n) * (1 - 0.35 * out)).astype(np.float32)
    points = _curves(start + 0.01 * normal, lean, bend.astype(np.float32), size, 5)
    shade = rng.uniform(0.7, 1.35, (n, 1)).astype(np.float32)
    return Strands(
        points,
        np.full(n, width, np.float32),
        (colour_rgb * shade).astype(np.float32),
        np.repeat(normal[:, None], 5, 1),
        np.full((n, 5), 0.9, np.float32),
        material,
        Label.BROWS,
        roots,
        start,
    )


def grow_beard(
    style: BeardStyle, shape_V3: Floats, seed: int, *, num: int, width: float, colour_S3: Floats,
    material: int,
) -> Strands:  # fmt: skip
    """A beard of `num` strands; `colour_S3` is (num, 3)."""
    rng = np.random.default_rng(seed)
    roots = sample_roots(rng, shape_V3, _density(style.where) ** 1.2, num)
    start, normal = roots.on(shape_V3), roots.normals_on(shape_V3)
    rest = roots.on(head_model().neutral_V3)
    x = rest[:, 0]
    # the moustache leans to the sides, cheeks and chin hang down
    lip = np.clip((rest[:, 1] + 3.6) / 1.2, 0, 1) * np.clip((3.4 - np.abs(x)) / 0.8, 0, 1)
    lean = np.stack(
        [np.sign(x) * (0.15 + 1.1 * lip) * np.clip(np.abs(x) / 0.5, 0, 1),
         -1.0 + 0.25 * lip, 0.25 * np.ones(num)], -1)  # fmt: skip
    lean = lean + rng.normal(0, 0.22, (num, 3))
    lean = lean - (lean * normal).sum(1, keepdims=True) * normal
    lean = _unit(lean + (0.42 + 0.45 * lip)[:, None] * normal)
    mask = _uv_mask_at(roots, style.where)
    size = style.length * rng.uniform(0.55, 1.15, num) * np.clip(0.25 + mask, 0.25, 1.0)
    size *= 1 - 0.35 * lip  # do not cover the lips
    low = np.clip((-5.5 - rest[:, 1]) / 2, 0, 1)
    size *= 1 + 0.7 * low * (style.length > 1)
    bend = np.tile(np.array([0, -0.5, -0.1]), (num, 1)) - 0.15 * normal
    points = _curves(start, lean, bend.astype(np.float32), size.astype(np.float32), 7)
    if style.curl > 0:
        t = np.linspace(0, 1, 7, dtype=np.float32)
        phase = rng.uniform(0, 6.28, (num, 1)) + 7 * t
        across = _unit(np.cross(lean, normal))[:, None]
        points += (style.curl * t * np.sin(phase))[..., None] * across
    t = np.linspace(0, 1, 7, dtype=np.float32)
    occlusion = np.tile(0.45 + 0.55 * t, (num, 1)).astype(np.float32)
    return Strands(
        points,
        np.full(num, width, np.float32),
        colour_S3,
        np.repeat(normal[:, None], 7, 1),
        occlusion,
        material,
        Label.BEARD,
        roots,
        start,
        tip_tint=1.1,
    )


@dataclass(slots=True)
class Lashes:
    """Strands bound point by point to the model's lash strips."""

    strip_S: NDArray[np.int32]
    row_column_SK2: Floats
    """Place on the strip's grid (row 0..5 from lid to tip, column 0..18)."""
    width: float
    colour_rgb: Floats
    material: int

    def pose(self, vertices_V3: Floats) -> Strands:
        """Lashes on a posed face."""
        grid = vertices_V3[head_model().lash_strips]
        at = np.minimum(self.row_column_SK2.astype(np.int32), [4, 17])
        f = self.row_column_SK2 - at
        s = self.strip_S[:, None]
        r, c = at[..., 0], at[..., 1]
        fr, fc = f[..., 0:1], f[..., 1:2]
        points = (grid[s, r, c] * (1 - fc) + grid[s, r, c + 1] * fc) * (1 - fr) + (
            grid[s, r + 1, c] * (1 - fc) + grid[s, r + 1, c + 1] * fc
        ) * fr
        num, k_points = points.shape[:2]
        normals = np.zeros((num, k_points, 3), np.float32)
        normals[..., 1], normals[..., 2] = 0.5, 0.85
        return Strands(
            points.astype(np.float32),
            np.full(num, self.width, np.float32),
            np.tile(self.colour_rgb, (num, 1)).astype(np.float32),
            normals,
            np.full((num, k_points), 0.7, np.float32),
            self.material,
            Label.LASHES,
            taper=0.85,
        )


def grow_lashes(
    seed: int, *, num_upper: int, num_lower: int, length: float, width: float, colour_rgb: Floats,
    material: int,
) -> Lashes:  # fmt: skip
    """`length` is the share of the model's strips (about 1 cm) that lashes cover."""
    rng = np.random.default_rng(seed)
    strips, places = [], []
    t = np.linspace(0, 1, 6, dtype=np.float32)
    for eye in range(2):
        for upper, num in ((True, num_upper), (False, num_lower)):
            column = np.sort(rng.uniform(0.8, 17.2, num))
            strip = rng.integers(0, 3, num) + (0 if upper else 3) + 6 * eye
            # lashes fan out: towards the temple outside, towards the nose inside, in small groups
            group = np.round(column / 1.1) * 1.1
            fan = 0.55 * (group - column) + rng.normal(0, 0.25, num)
            size = length * (1.0 if upper else 0.55) * rng.uniform(0.65, 1.0, num)
            row = 5 * size[:, None] * t
            col = np.clip(column[:, None] + fan[:, None] * t, 0, 18)
            strips.append(strip)
            places.append(np.stack([row, col], -1))
    return Lashes(
        np.concatenate(strips).astype(np.int32),
        np.concatenate(places).astype(np.float32),
        width,
        colour_rgb,
        material,
    )
