"""A person: what makes one (`PersonStyle`) and what is prepared once (`Person`).

Knows how the pieces fit together: face model, skin, eyes, hair, body, clothes, props. Knows no
light and no camera except that ribbons of hair face it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from avatar.data import body as bodies
from avatar.data.assets import load_pack
from avatar.data.clothes import Garment, bake_cloth, load_garment
from avatar.data.eyes import bake_eye, eye_uv
from avatar.data.face_sheet import masks
from avatar.data.facial_hair import Lashes
from avatar.data.grooming import grow_all, head_props
from avatar.data.head import head_model, identity_shape
from avatar.data.mesh import compact, vertex_normals
from avatar.data.noise import space_noise
from avatar.data.occlusion import head_occlusion
from avatar.data.person_style import (
    M_CLOTH,
    M_EYE_LEFT,
    M_EYE_RIGHT,
    M_MOUTH,
    M_SKIN,
    M_TEETH,
    Detail,
    PersonStyle,
)
from avatar.data.scene import Atlas, Label, Part
from avatar.data.skin import SkinStyle, bake_skin, ear_vertices, hairline, skin_albedo
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
    head_parts: list[Part]
    """Props that move with the head."""
    occlusion_V: Floats
    """Ambient light that reaches each split vertex of the resting head."""


def neck_run(points: Floats) -> Floats:
    """How far down the neck a point is: about 5 at the chin, 9 mid-neck, 12 at the collar bones."""
    aside = np.maximum(np.abs(points[..., 0]) - 5.5, 0)
    return (-(points[..., 1] + 0.25 * points[..., 2]) + 0.5 * aside).astype(np.float32)


def ramp(v: Floats, low: float, high: float) -> Floats:
    """Hermite step from 0 at `low` to 1 at `high`."""
    t = np.clip((v - low) / (high - low), 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)


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
    build = bodies.body_shape(style.build)
    seat = bodies.seat_head(build, style.build.male)
    skeleton = bodies.fit_skeleton(build)
    turns = {
        "clavicle.L": bodies.turn_about("z", -8),
        "clavicle.R": bodies.turn_about("z", 8),
        "upperarm01.L": bodies.turn_about("z", -27),
        "upperarm01.R": bodies.turn_about("z", 27),
        "upperleg01.L": bodies.turn_about("z", -4),
        "upperleg01.R": bodies.turn_about("z", 4),
    }
    rotation, shift = bodies.pose_bones(skeleton, turns)
    posed = seat.to_head_cm(bodies.skin_body(build, rotation, shift))
    pack = load_pack("body")
    body_t = pack["tri"][pack["tri_group"] == 0].astype(np.int32)
    shape = _join_neck(shape, posed, body_t)

    size = 2 * max(detail.skin_texels, 2 * detail.cloth_texels)
    atlas = Atlas(size)
    scalp = None if style.hair is None else tuple(0.6 * np.array(style.hair_rgb))
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
    still = _body_parts(style, detail, atlas, build, seat, rotation, shift, posed, body_t)
    strands, lashes = grow_all(style, detail, shape)
    return Person(
        style, shape, atlas, uv, colour, material_t, label_t,
        model.split_T3, kept, strands, lashes, still, head_props(style, detail, atlas, shape),
        head_occlusion()[model.source_V],
    )  # fmt: skip


@cache
def _head_tables() -> tuple[Ints, NDArray[np.uint8]]:
    model = head_model()
    material_of = {"eyeball_left": M_EYE_LEFT, "eyeball_right": M_EYE_RIGHT, "teeth": M_TEETH,
                   "gums_tongue": M_MOUTH, "mouth_socket": M_MOUTH}  # fmt: skip
    label_of = {"eyeball_left": Label.EYES, "eyeball_right": Label.EYES, "teeth": Label.TEETH,
                "gums_tongue": Label.MOUTH_INTERIOR,
                "mouth_socket": Label.MOUTH_INTERIOR}  # fmt: skip
    materials = np.array([material_of.get(n, M_SKIN) for n in model.region_names], np.int32)
    labels = np.array([label_of.get(n, Label.SKIN) for n in model.region_names], np.uint8)
    label_t = labels[model.region_T]
    tongue = model.tongue_mask[model.source_V]
    label_t[tongue[model.split_T3].all(1)] = Label.TONGUE
    lip_sheet = masks(512)["lips"]
    on_face = model.tile_V == 0
    texel = np.clip((np.stack([1 - model.uv_V2[:, 1], model.uv_V2[:, 0]], -1) * 512), 0, 511)
    lips = lip_sheet[texel[:, 0].astype(int), texel[:, 1].astype(int)] * on_face
    label_t[(lips[model.split_T3].mean(1) > 0.5) & (label_t == Label.SKIN)] = Label.LIPS
    return materials[model.region_T], label_t


def head_tables() -> tuple[Ints, NDArray[np.uint8]]:
    """(material, label) of every drawn triangle of a bare head; copies."""
    material_t, label_t = _head_tables()
    return material_t.copy(), label_t.copy()


def eye_places(side: int) -> tuple[NDArray[np.bool_], Floats]:
    """(which split vertices are that eyeball's, their places on its sheet 0..1, v up)."""
    model = head_model()
    sheet_uv = np.zeros((len(model.neutral_V3), 2), np.float32)
    sheet_uv[model.eyeball_vertices[side]] = eye_uv(side)
    on = np.isin(model.source_V, model.eyeball_vertices[side])
    return on, sheet_uv[model.source_V[on]]


MOUTH_REGIONS = ("teeth", "gums_tongue", "mouth_socket")


def mouth_vertices() -> Ints:
    """Split vertices of what a mouth hides: they show a plain colour, no sheet."""
    model = head_model()
    rows = [model.region_names.index(name) for name in MOUTH_REGIONS]
    return np.unique(model.split_T3[np.isin(model.region_T, rows)]).astype(np.int32)


def mouth_colours(teeth_rgb: tuple[float, float, float]) -> Floats:
    """Colour factors of split vertices: white but for the mouth's inside."""
    model = head_model()
    colour = np.ones((len(model.uv_V2), 3), np.float32)
    for region, rgb in zip(
        MOUTH_REGIONS, (teeth_rgb, (0.42, 0.10, 0.10), (0.30, 0.055, 0.055)), strict=True
    ):
        on = np.unique(model.split_T3[model.region_T == model.region_names.index(region)])
        colour[on] = rgb
    colour[model.tongue_mask[model.source_V]] = (0.46, 0.14, 0.14)
    return colour


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
    return replace(skin, scalp_rgb=rgb, brow_rgb=style.brow_rgb, seed=style.seed + skin.seed)


def _body_parts(
    style: PersonStyle, detail: Detail, atlas: Atlas, build: Floats, seat: bodies.Seat,
    rotation: Floats, shift: Floats, posed: Floats, body_t: Ints,
) -> list[Part]:  # fmt: skip
    covered = np.zeros(len(posed), bool)
    pieces: list[tuple[Garment, Floats, bool]] = []
    for name in (style.garment, style.shoes):
        if name is None:
            continue
        garment = load_garment(name)
        covered[garment.covered] = True
        world = seat.to_head_cm(garment.skin(garment.fit(build), rotation, shift))
        pieces.append((garment, world, name == style.shoes))
    # near the collar the body stays, sunk a little below the cloth, so that no gap opens
    run = neck_run(posed)
    collar = covered & (run < 20)
    sunk = posed - 0.35 * collar[:, None] * vertex_normals(posed, body_t)
    hidden = covered & ~collar
    drawn = body_t[(run[body_t].min(1) > 9.9) & ~hidden[body_t].any(1)]
    kept, triangles = compact(drawn, len(posed))
    rng = np.random.default_rng(style.seed + style.skin.seed + 11)
    at = sunk[kept]
    tone = np.zeros((len(kept), 3), np.float32)
    for wavelength, gain in ((7.0, 0.035), (2.2, 0.03), (0.7, 0.02)):
        tone += gain * space_noise(rng, at, wavelength)[:, None] * np.array([0.5, 1.0, 1.1])
    normals = vertex_normals(posed, body_t)[kept]
    parts = [
        Part(
            at,
            triangles,
            M_SKIN,
            Label.SKIN,
            colour_V3=(skin_albedo(style.skin) * (1 + tone)).astype(np.float32),
            normals_V3=normals,
        )  # fmt: skip
    ]
    sheet = bake_cloth(style.cloth, detail.cloth_texels)
    rectangle = atlas.add(*sheet)
    for garment, world, is_shoe in pieces:
        colour = np.ones((len(garment.source_V), 3), np.float32)
        uv: Floats | None = atlas.place(rectangle, garment.uv_V2)
        if is_shoe:
            uv, colour = None, np.full_like(colour, 0.03)
        else:
            colour, uv = _split_suit(style, garment, world, colour, uv, atlas.size)
        parts.append(
            Part(
                world[garment.source_V],
                garment.triangles_T3,
                M_CLOTH,
                Label.CLOTHES,
                uv,
                colour,
                normals_V3=vertex_normals(world, garment.model_T3)[garment.source_V],
            )  # fmt: skip
        )
    return parts


def _split_suit(
    style: PersonStyle,
    garment: Garment,
    world: Floats,
    colour: Floats,
    uv: Floats | None,
    atlas_size: int,
) -> tuple[Floats, Floats | None]:
    """Trousers and the shirt under a jacket take their own colours (they are separate pieces)."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    t = garment.model_T3
    n = len(world)
    graph = coo_matrix(
        (np.ones(len(t) * 2), (t[:, [0, 1]].ravel(), t[:, [1, 2]].ravel())), shape=(n, n)
    )
    num, piece = connected_components(graph, directed=False)
    for k in range(num):
        inside = piece == k
        reach = np.ptp(world[inside], axis=0)
        is_legs = world[inside, 1].min() < -90
        # a narrow piece from the collar to the waist lies under the jacket
        is_shirt = num > 2 and reach[0] < 40 and reach[1] > 45 and not is_legs
        if is_legs or is_shirt:
            on = inside[garment.source_V]
            colour[on] = style.trousers_rgb if is_legs else style.shirt_rgb
            if uv is not None:
                uv[on] = 4.0 / atlas_size
    return colour, uv
