"""A person: what makes one (`PersonStyle`) and what is prepared once (`Person`).

Knows how the pieces fit together: face model, skin, eyes, hair, body, clothes, props. Knows no
light and no camera except that ribbons of hair face it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from avatar.data.dressed import Dressed, dress
from avatar.data.eyes import bake_eye
from avatar.data.facial_hair import Lashes
from avatar.data.grooming import grow_all, head_props, mean_hair_rgb
from avatar.data.head import head_model, identity_shape
from avatar.data.head_surface import eye_places, head_tables, mouth_colours, mouth_vertices
from avatar.data.mesh import vertex_normals
from avatar.data.neck import neck_run, ramp
from avatar.data.occlusion import head_occlusion
from avatar.data.person_style import (
    Detail,
    PersonStyle,
)
from avatar.data.scene import Atlas, Label, Part
from avatar.data.skin import SkinStyle, bake_skin, ear_vertices, hairline
from avatar.data.strands import Strands

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]


@dataclass(slots=True)
class Person:
    """A person ready to be posed; arrays in the head's rest space."""

    style: PersonStyle
    shape_V3: Floats
    atlas: Atlas
    uv_V2: Floats
    colour_V3: Floats
    material_T: Ints
    label_T: NDArray[np.uint8]
    head_T3: Ints
    """Drawn triangles on split vertices (the bust's hem is cut)."""
    kept_T: NDArray[np.bool_]
    strands: list[Strands]
    lashes: Lashes
    still_parts: list[Part]
    """Body and clothes in the rest pose."""
    dressed: Dressed | None
    """The body that can be posed; None for a photograph's shoulders."""
    head_parts: list[Part]
    """Props that move with the head."""
    occlusion_V: Floats
    """Ambient light that reaches each split vertex of the resting head."""


def _join_neck(shape_V3: Floats, body_V3: Floats, body_T3: Ints) -> Floats:
    """Lead the lower neck of the face model onto the body's surface."""
    model = head_model()
    run = neck_run(shape_V3)
    lead = ramp(run, 7.2, 10.2)
    outer = np.zeros(len(shape_V3), bool)
    outer[np.unique(model.triangles_T3[np.isin(model.region_T, (0, 1))])] = True
    moved = np.flatnonzero(outer & (lead > 0))
    corners = body_V3[body_T3]
    near = (neck_run(corners.mean(1)) > 3) & (corners[:, :, 1].min(1) > -32)
    corners = corners[near]
    normals = vertex_normals(body_V3, body_T3)[body_T3[near]]
    mixes = np.array([[a, b, 4 - a - b] for a in range(5) for b in range(5 - a)], np.float32) / 4.0
    points = np.einsum("mk,tkc->tmc", mixes, corners).reshape(-1, 3)
    at_normals = np.einsum("mk,tkc->tmc", mixes, normals).reshape(-1, 3)
    _, nearest = cKDTree(points).query(shape_V3[moved])
    # slide along the tangent plane of the nearest sample: smooth between samples
    n = at_normals[nearest]
    n /= np.linalg.norm(n, axis=1, keepdims=True) + 1e-9
    gap = ((points[nearest] - shape_V3[moved]) * n).sum(1, keepdims=True)
    target = shape_V3[moved] + gap * n + 0.03 * n
    out = shape_V3.copy()
    out[moved] += lead[moved, None] * (target - shape_V3[moved])
    return out


def _close_lips(shape_V3: Floats) -> None:
    """The model's neutral lips are parted by a hair: raise the lower one until they meet."""
    model = head_model()
    open_jaw = model.expression_EV3[model.expression_index("jawOpen")]
    upper, lower = model.landmarks_68[[61, 62, 63]], model.landmarks_68[[67, 66, 65]]
    for _ in range(3):
        gap = float((shape_V3[upper, 1] - shape_V3[lower, 1]).max()) + 0.015
        reach = float(-open_jaw[lower, 1].mean())
        if gap > 0:
            shape_V3 -= min(gap / reach, 0.08) * open_jaw


def make_person(style: PersonStyle, detail: Detail) -> Person:
    """Prepare everything that does not change from frame to frame."""
    model = head_model()
    shape = identity_shape(np.array(style.identity, np.float32))
    for name, weight in style.neutral.items():
        shape += weight * model.expression_EV3[model.expression_index(name)]
    _close_lips(shape)
    dressed = dress(style)
    posed = dressed.sunken(dressed.skin(*dressed.rest_bones()))
    shape = _join_neck(shape, posed, dressed.triangles_T3)

    size = 2 * max(detail.skin_texels, 2 * detail.cloth_texels)
    atlas = Atlas(size)
    scalp = None if style.hair is None else tuple(0.7 * mean_hair_rgb(style))
    skin = style.skin
    face_sheet, back_sheet = bake_skin(
        _with_scalp(skin, scalp, style, detail.hair_width), detail.skin_texels
    )
    rectangles = {0: atlas.add(*face_sheet), 1: atlas.add(*back_sheet)}
    eye = atlas.add(bake_eye(style.eyes, detail.eye_texels))
    uv = np.full_like(model.uv_V2, 4.0 / size)
    for tile, rectangle in rectangles.items():
        on = model.tile_V == tile
        uv[on] = atlas.place(rectangle, model.uv_V2[on])
    material_t, label_t = head_tables()
    for side in range(2):
        on, place = eye_places(side)
        uv[on] = atlas.place(eye, place)
    colour = mouth_colours(style.teeth_rgb)
    inside = mouth_vertices()
    uv[inside] = 4.0 / size

    if style.hair is not None:
        # between its hairs a covered scalp belongs to the hair
        scalp_V = hairline(model.neutral_V3) * ~ear_vertices()
        covered = scalp_V[model.triangles_T3].mean(1) > 0.7
        label_t[covered & (label_t == Label.SKIN)] = Label.HAIR
    kept = (neck_run(shape[model.source_V])[model.split_T3].max(1) < 12.6) | ~np.isin(
        model.region_T, (0, 1)
    )
    dressed.paint(style, detail, atlas)
    still = dressed.parts(*dressed.rest_bones())
    strands, lashes = grow_all(style, detail, shape)
    return Person(
        style, shape, atlas, uv, colour, material_t, label_t,
        model.split_T3, kept, strands, lashes, still, dressed,
        head_props(style, detail, atlas, shape), head_occlusion()[model.source_V],
    )  # fmt: skip


def _with_scalp(
    skin: SkinStyle,
    scalp: tuple[float, ...] | None,
    style: PersonStyle,
    hair_width: float,
) -> SkinStyle:
    rgb = None if scalp is None else (float(scalp[0]), float(scalp[1]), float(scalp[2]))
    beard = style.beard
    if beard is not None:
        # skin between the hairs of a beard lies in their shade; wide hairs leave more of it
        strength = 0.7 if hair_width > 0.05 else 0.35
        skin = replace(
            skin, stubble=strength, stubble_rgb=style.beard_rgb, stubble_where=beard.where
        )
    # ... and between the wide ribbons of clay and drawings no skin shows at all
    covered = 1.0 if hair_width > 0.1 else skin.scalp_strength
    return replace(
        skin,
        scalp_rgb=rgb,
        scalp_strength=covered,
        brow_rgb=style.brow_rgb,
        seed=style.seed + skin.seed,
    )
