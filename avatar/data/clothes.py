"""Garments of the open wardrobe fitted to a body, and cloth as procedural texture.

Knows fitting, posing, colours and weave; no light. Bodies in decimetres as in avatar.data.body.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from avatar.data.assets import load_pack
from avatar.data.body import blend_skin
from avatar.data.noise import sheet_noise

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Garment:
    """One wardrobe piece; vertices split where its uv is cut."""

    name: str
    source_V: Ints
    """Fitted vertex of each split vertex."""
    triangles_T3: Ints
    model_T3: Ints
    """Triangles on fitted vertices (for normals)."""
    uv_V2: Floats
    ref_N3: Ints
    weight_N3: Floats
    offset_N3: Floats
    scale_verts_32: Ints
    scale_denom_3: Floats
    covered: Ints
    """Body vertices hidden below it."""

    def fit(self, body_V3: Floats) -> Floats:
        """Fitted vertices on a (bind pose) body."""
        scale = np.ones(3, np.float32)
        for axis in range(3):
            a, b = self.scale_verts_32[axis]
            if a >= 0:
                scale[axis] = abs(body_V3[a, axis] - body_V3[b, axis]) / self.scale_denom_3[axis]
        at = np.einsum("nk,nkc->nc", self.weight_N3, body_V3[self.ref_N3])
        return (at + self.offset_N3 * scale).astype(np.float32)

    def skin(self, fitted_N3: Floats, rotation_B33: Floats, shift_B3: Floats) -> Floats:
        """Pose fitted vertices with the body's bones."""
        out = np.zeros_like(fitted_N3)
        blend_skin(fitted_N3, *_garment_weights(self.name), rotation_B33, shift_B3, out)
        return out


@cache
def load_garment(name: str) -> Garment:
    """A wardrobe piece by name; KeyError where there is none."""
    pack = load_pack("wardrobe")
    tri, tri_uv = pack[f"{name}/tri"], pack[f"{name}/tri_uv"]
    pairs, inverse = np.unique(
        np.stack([tri.ravel(), tri_uv.ravel()], 1), axis=0, return_inverse=True
    )
    return Garment(
        name,
        pairs[:, 0].astype(np.int32),
        inverse.reshape(-1, 3).astype(np.int32),
        tri.astype(np.int32),
        (pack[f"{name}/uv"][pairs[:, 1]] % 1.0001).astype(np.float32),
        pack[f"{name}/ref"].astype(np.int32),
        pack[f"{name}/ref_w"].astype(np.float32),
        pack[f"{name}/offset"].astype(np.float32),
        pack[f"{name}/scale_verts"].astype(np.int32),
        pack[f"{name}/scale_denom"].astype(np.float32),
        pack[f"{name}/delete_verts"].astype(np.int32),
    )


@cache
def _garment_weights(name: str) -> tuple[Ints, Floats]:
    """Eight strongest bones per garment vertex, weights renormalised."""
    body = load_pack("body")
    garment = load_garment(name)
    num_bones = len(body["bone_names"])
    dense = np.zeros((len(garment.ref_N3), num_bones), np.float32)
    top_bone, top_weight = body["top4_bone"], body["top4_weight"].astype(np.float32)
    rows = np.arange(len(dense))
    for k in range(3):
        for j in range(4):
            np.add.at(
                dense,
                (rows, top_bone[garment.ref_N3[:, k], j]),
                garment.weight_N3[:, k] * top_weight[garment.ref_N3[:, k], j],
            )
    dense = np.maximum(dense, 0)
    bones = np.argsort(-dense, axis=1)[:, :8].astype(np.int32)
    weights = np.take_along_axis(dense, bones, 1)
    return bones, (weights / weights.sum(1, keepdims=True)).astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloth:
    """How a fabric looks; colours linear."""

    rgb: tuple[float, float, float] = (0.1, 0.14, 0.25)
    second_rgb: tuple[float, float, float] = (0.5, 0.5, 0.5)
    pattern: str = "plain"
    """plain, stripes, pinstripes, plaid, dots, knit, heather."""
    scale: float = 1.0
    seed: int = 0


def bake_cloth(cloth: Cloth, size: int) -> tuple[Floats, Floats]:
    """(colour_HW4, height_HW in cm) of a fabric sheet."""
    rng = np.random.default_rng(cloth.seed)
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size
    first, second = np.array(cloth.rgb, np.float32), np.array(cloth.second_rgb, np.float32)
    k = np.zeros((size, size), np.float32)
    f = 18.0 / cloth.scale
    if cloth.pattern == "stripes":
        k = (np.sin(y * f * 2 * np.pi) > 0.2).astype(np.float32)
    elif cloth.pattern == "pinstripes":
        k = (np.sin(x * f * 5 * np.pi) > 0.96).astype(np.float32) * 0.6
    elif cloth.pattern == "plaid":
        a = (np.sin(x * f * np.pi) > 0.3).astype(np.float32)
        b = (np.sin(y * f * np.pi) > 0.3).astype(np.float32)
        thin = (np.sin(x * f * np.pi + 2.2) > 0.97) | (np.sin(y * f * np.pi + 2.2) > 0.97)
        k = 0.42 * a + 0.42 * b + 0.3 * thin
    elif cloth.pattern == "dots":
        u, v = (x * f * 1.6) % 1 - 0.5, (y * f * 1.6) % 1 - 0.5
        k = np.clip((0.24 - np.hypot(u, v)) * 20, 0, 1)
    elif cloth.pattern == "heather":
        k = np.clip(0.5 + 0.32 * sheet_noise(rng, size, size // 5), 0, 1) * 0.6
    colour = first * (1 - k[..., None]) + second * k[..., None]
    weave = 0.5 * np.sin(x * size * 1.5) * np.sin(y * size * 1.5)
    grain = sheet_noise(rng, size, size // 3)
    height = 0.0035 * weave + 0.0025 * grain
    if cloth.pattern == "knit":
        ribs = np.abs(np.sin(x * f * 7 * np.pi))
        loops = 0.5 + 0.5 * np.sin(y * f * 16 * np.pi + 2.0 * ribs)
        height = height + 0.035 * ribs + 0.018 * loops * ribs
        colour = colour * (0.72 + 0.28 * ribs * (0.75 + 0.25 * loops))[..., None]
    folds = sheet_noise(rng, size, 5, 2)
    height = height + 0.06 * folds * (0.3 if cloth.pattern == "knit" else 1.0)
    colour = colour * (1 + 0.05 * grain + 0.012 * sheet_noise(rng, size, 12, 2))[..., None]
    out = np.concatenate([np.clip(colour, 0.003, 1), np.full((size, size, 1), 0.4)], -1)
    return out.astype(np.float32), height.astype(np.float32)
