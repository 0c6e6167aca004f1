"""A person: what makes one (`PersonStyle`), what is prepared once (`Person`), and posing.

Knows how the pieces fit together: face model, skin, eyes, hair, body, clothes, props. Knows no
light and no camera except that ribbons of hair face it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from avatar.data import body as bodies
from avatar.data.assets import load_pack
from avatar.data.camera import Camera
from avatar.data.cartoon import Proportions, push
from avatar.data.clothes import Cloth, Garment, bake_cloth, load_garment
from avatar.data.eyes import EyeStyle, bake_eye, eye_uv
from avatar.data.facial_hair import BeardStyle, Lashes, grow_beard, grow_brows, grow_lashes
from avatar.data.hair import HairStyle, grow_hair
from avatar.data.head import head_model, identity_shape, pose_face, split_normals
from avatar.data.mesh import compact, vertex_normals
from avatar.data.noise import space_noise
from avatar.data.occlusion import head_occlusion
from avatar.data.props import GlassesStyle, cap, earrings, glasses
from avatar.data.scene import Atlas, Kind, Label, Material, Part, Scene
from avatar.data.skin import (
    SkinStyle,
    bake_skin,
    ear_vertices,
    hairline,
    masks,
    skin_albedo,
)
from avatar.data.strands import Strands, strand_part
from avatar.jit import kernel

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

# rows of the material table of every person
(M_SKIN, M_EYE_LEFT, M_EYE_RIGHT, M_MOUTH, M_TEETH, M_HAIR, M_LASH, M_CLOTH, M_CLOTH_2, M_HARD,
 M_METAL, M_HAT) = range(12)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """How finely a person is made."""

    skin_texels: int = 1024
    eye_texels: int = 256
    cloth_texels: int = 512
    num_hair: int = 6000
    hair_width: float = 0.045
    num_brow: int = 500
    hair_points: int = 18
    brow_width: float = 0.030
    num_lash: int = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonStyle:
    """Everything that makes a person; the same style always gives the same person."""

    identity: tuple[float, ...] = ()
    """Weights of the face model in standard deviations."""
    neutral: dict[str, float] = field(default_factory=dict)
    """Expression weights that belong to this person's resting face."""
    skin: SkinStyle = SkinStyle()
    eyes: EyeStyle = EyeStyle()
    hair: HairStyle | None = HairStyle()
    hair_rgb: tuple[float, float, float] = (0.05, 0.03, 0.02)
    grey: float = 0.0
    brow_rgb: tuple[float, float, float] = (0.04, 0.025, 0.015)
    brow_thickness: float = 0.8
    lash_length: float = 0.75
    lash_rgb: tuple[float, float, float] = (0.012, 0.01, 0.01)
    beard: BeardStyle | None = None
    beard_rgb: tuple[float, float, float] = (0.04, 0.025, 0.015)
    build: bodies.Build = bodies.Build()
    garment: str = "male_casualsuit04"
    cloth: Cloth = Cloth()
    trousers_rgb: tuple[float, float, float] = (0.05, 0.06, 0.09)
    shirt_rgb: tuple[float, float, float] = (0.52, 0.52, 0.50)
    """Of a shirt under a jacket."""
    glasses: GlassesStyle | None = None
    cap: Cloth | None = None
    earrings: float = 0.0
    shoes: str | None = None
    proportions: Proportions | None = None
    teeth_rgb: tuple[float, float, float] = (0.74, 0.66, 0.54)
    seed: int = 0


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


def _ramp(v: Floats, low: float, high: float) -> Floats:
    t = np.clip((v - low) / (high - low), 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)


def _join_neck(shape_V3: Floats, body_V3: Floats, body_T3: Ints) -> Floats:
    """Lead the lower neck of the face model onto the body's surface."""
    model = head_model()
    run = neck_run(shape_V3)
    lead = _ramp(run, 7.2, 10.2)
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
    colour = np.ones((len(uv), 3), np.float32)
    material_of = {"eyeball_left": M_EYE_LEFT, "eyeball_right": M_EYE_RIGHT, "teeth": M_TEETH,
                   "gums_tongue": M_MOUTH, "mouth_socket": M_MOUTH}  # fmt: skip
    label_of = {"eyeball_left": Label.EYES, "eyeball_right": Label.EYES, "teeth": Label.TEETH,
                "gums_tongue": Label.MOUTH_INTERIOR,
                "mouth_socket": Label.MOUTH_INTERIOR}  # fmt: skip
    materials = np.array([material_of.get(n, M_SKIN) for n in model.region_names], np.int32)
    labels = np.array([label_of.get(n, Label.SKIN) for n in model.region_names], np.uint8)
    label_t = labels[model.region_T]
    for side in range(2):
        sheet_uv = np.zeros((len(model.neutral_V3), 2), np.float32)
        sheet_uv[model.eyeball_vertices[side]] = eye_uv(side)
        on = np.isin(model.source_V, model.eyeball_vertices[side])
        uv[on] = atlas.place(eye, sheet_uv[model.source_V[on]])
    for region, rgb in (("teeth", style.teeth_rgb), ("gums_tongue", (0.42, 0.10, 0.10)),
                        ("mouth_socket", (0.30, 0.055, 0.055))):  # fmt: skip
        on = np.unique(model.split_T3[model.region_T == model.region_names.index(region)])
        uv[on] = 4.0 / size
        colour[on] = rgb
    tongue = model.tongue_mask[model.source_V]
    colour[tongue] = (0.46, 0.14, 0.14)
    label_t[tongue[model.split_T3].all(1)] = Label.TONGUE
    lip_sheet = masks(512)["lips"]
    on_face = model.tile_V == 0
    texel = np.clip((np.stack([1 - model.uv_V2[:, 1], model.uv_V2[:, 0]], -1) * 512), 0, 511)
    lips = lip_sheet[texel[:, 0].astype(int), texel[:, 1].astype(int)] * on_face
    label_t[(lips[model.split_T3].mean(1) > 0.5) & (label_t == Label.SKIN)] = Label.LIPS

    if style.hair is not None:
        # between its hairs a covered scalp belongs to the hair
        scalp_V = hairline(model.neutral_V3) * ~ear_vertices()
        covered = scalp_V[model.triangles_T3].mean(1) > 0.7
        label_t[covered & (label_t == Label.SKIN)] = Label.HAIR
    kept = (neck_run(shape[model.source_V])[model.split_T3].max(1) < 12.6) | ~np.isin(
        model.region_T, (0, 1)
    )
    still = _body_parts(style, detail, atlas, build, seat, rotation, shift, posed, body_t)
    strands, lashes = _grow(style, detail, shape)
    return Person(
        style, shape, atlas, uv, colour, materials[model.region_T], label_t,
        model.split_T3, kept, strands, lashes, still, _head_props(style, detail, atlas, shape),
        head_occlusion()[model.source_V],
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


def _hair_colours(
    rng: np.random.Generator, rgb: tuple[float, float, float], grey: float, num: int, spread: float
) -> Floats:
    shade = np.exp(rng.normal(0, 0.14, (num, 1)) * (0.4 + 0.6 * spread))
    warm = 1 + rng.normal(0, 0.06, (num, 3)) * np.array([0.5, 0.2, 0.6])
    colour = np.array(rgb) * shade * warm
    is_grey = rng.random(num) < grey
    white = rng.uniform(0.38, 0.62, (num, 1)) * np.array([1, 0.98, 0.95])
    share = spread * is_grey[:, None] + (1 - spread) * grey
    colour = colour * (1 - share) + white * share
    return np.clip(colour, 0.003, 0.9).astype(np.float32)


def _grow(style: PersonStyle, detail: Detail, shape: Floats) -> tuple[list[Strands], Lashes]:
    rng = np.random.default_rng(style.seed + 77)
    strands = []
    if style.hair is not None:
        num = detail.num_hair
        # wide ribbons stand for many hairs: their colours differ less
        spread = min(1.0, 0.035 / detail.hair_width)
        colours = _hair_colours(rng, style.hair_rgb, style.grey, num, spread)
        cut = replace(style.hair, num_points=detail.hair_points)
        if style.cap is not None:
            flat = "crown" if cut.comb == "out" else cut.comb
            cut = replace(cut, comb=flat, volume=0.25, lift=0.2, fringe=0.0, curl=0.0)
        hair = grow_hair(cut, shape, num, style.seed + 1, width=detail.hair_width,
                         colour_S3=colours, material=M_HAIR)  # fmt: skip
        streaks = space_noise(rng, hair.points_SK3[:, 4], 1.3)
        hair.colour_S3 = hair.colour_S3 * np.exp(0.16 * streaks)[:, None]
        strands.append(hair)
    if style.brow_thickness > 0:
        strands.append(
            grow_brows(
                shape,
                style.seed + 2,
                num=int(detail.num_brow * (0.6 + 0.5 * style.brow_thickness)),
                thickness=style.brow_thickness,
                length=0.75 + 0.2 * style.brow_thickness,
                width=detail.brow_width,
                colour_rgb=np.array(style.brow_rgb, np.float32),
                material=M_HAIR,
            )  # fmt: skip
        )
    if style.beard is not None:
        num = int(detail.num_hair * 0.6 * style.beard.density)
        colours = _hair_colours(rng, style.beard_rgb, style.grey, num, 0.6)
        strands.append(
            grow_beard(
                style.beard,
                shape,
                style.seed + 3,
                num=num,
                width=0.03,
                colour_S3=colours,
                material=M_HAIR,
            )  # fmt: skip
        )
    lashes = grow_lashes(
        style.seed + 4, num_upper=detail.num_lash, num_lower=int(detail.num_lash * 0.7),
        length=style.lash_length, width=0.016, colour_rgb=np.array(style.lash_rgb, np.float32),
        material=M_LASH,
    )  # fmt: skip
    return strands, lashes


def _head_props(style: PersonStyle, detail: Detail, atlas: Atlas, shape: Floats) -> list[Part]:
    parts = []
    if style.glasses is not None:
        v, t = glasses(style.glasses, shape)
        parts.append(
            Part(
                v,
                t,
                M_HARD,
                Label.GLASSES,
                colour_V3=np.tile(np.array(style.glasses.rgb, np.float32), (len(v), 1)),
            )
        )
    if style.cap is not None:
        v, t, uv = cap(shape)
        sheet = atlas.add(*bake_cloth(style.cap, detail.cloth_texels))
        parts.append(Part(v, t, M_HAT, Label.HAT, atlas.place(sheet, uv)))
    if style.earrings > 0:
        v, t = earrings(shape, style.earrings)
        parts.append(
            Part(
                v,
                t,
                M_METAL,
                Label.JEWELRY,
                colour_V3=np.tile(np.array([0.75, 0.62, 0.38], np.float32), (len(v), 1)),
            )
        )
    return parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """One moment of a person."""

    expression_E: Floats
    gaze_22: Floats
    head_rotvec_3: Floats = field(default_factory=lambda: np.zeros(3, np.float32))
    """Turn of the head on the neck: axis times radians, world axes."""
    root_rotvec_3: Floats = field(default_factory=lambda: np.zeros(3, np.float32))
    """Sway of the whole person about the waist."""
    root_shift_3: Floats = field(default_factory=lambda: np.zeros(3, np.float32))
    """Shift of the whole person (cm)."""


NECK_PIVOT = np.array([0.0, -5.0, -1.5], np.float32)
WAIST = np.array([0.0, -55.0, 0.0], np.float32)


@kernel
def _turn_points(points: Floats, rotvec: Floats, pivot: Floats, share: Floats) -> None:
    """Rotate points about a pivot by their share of a rotation, in place (Rodrigues)."""
    angle = np.sqrt(rotvec[0] ** 2 + rotvec[1] ** 2 + rotvec[2] ** 2)
    if angle < 1e-7:
        return
    x, y, z = rotvec[0] / angle, rotvec[1] / angle, rotvec[2] / angle
    for i in range(points.shape[0]):
        if share[i] <= 0.0:
            continue
        c, s = np.cos(angle * share[i]), np.sin(angle * share[i])
        px, py, pz = points[i, 0] - pivot[0], points[i, 1] - pivot[1], points[i, 2] - pivot[2]
        d = (x * px + y * py + z * pz) * (1 - c)
        points[i, 0] = px * c + (y * pz - z * py) * s + x * d + pivot[0]
        points[i, 1] = py * c + (z * px - x * pz) * s + y * d + pivot[1]
        points[i, 2] = pz * c + (x * py - y * px) * s + z * d + pivot[2]


@dataclass(frozen=True, slots=True)
class Mover:
    """Takes rest points of a person to the world: cartoon push, turn of the head, sway."""

    pose: Pose
    proportions: Proportions | None
    eye_centres_23: Floats

    def points(self, points_V3: Floats) -> Floats:
        """Moved copies; `points` are in the head's rest space."""
        out = np.ascontiguousarray(points_V3, np.float32).copy()
        share = 1 - _ramp(neck_run(out), 6.0, 11.0)
        if self.proportions is not None:
            out = push(out, self.proportions, self.eye_centres_23)
        _turn_points(out, self.pose.head_rotvec_3, NECK_PIVOT, share)
        _turn_points(out, self.pose.root_rotvec_3, WAIST, np.ones(len(out), np.float32))
        return out + self.pose.root_shift_3

    def directions(self, directions_V3: Floats, at_V3: Floats) -> Floats:
        """Turned normals that sit at rest points."""
        out = np.ascontiguousarray(directions_V3, np.float32).copy()
        share = 1 - _ramp(neck_run(at_V3), 6.0, 11.0)
        origin = np.zeros(3, np.float32)
        _turn_points(out, self.pose.head_rotvec_3, origin, share)
        _turn_points(out, self.pose.root_rotvec_3, origin, np.ones(len(out), np.float32))
        return out


def person_scene(person: Person, pose: Pose, camera: Camera, samples: int) -> Scene:
    """Everything as merged arrays, ribbons turned towards `camera`.

    Vertex order is the same for every pose and camera of a person (flow relies on it).
    """
    model = head_model()
    fine = camera.scaled(samples)
    vertices, eyes = pose_face(person.shape_V3, pose.expression_E, pose.gaze_22)
    proportions = person.style.proportions
    mover = Mover(pose, proportions, eyes.centre_23)
    moved = mover.points(vertices)
    radius = eyes.radius
    if proportions is not None:
        radius = radius * proportions.eye_growth(radius)
    parts = [
        Part(moved[model.source_V], person.head_T3[person.kept_T],
             person.material_T[person.kept_T], person.label_T[person.kept_T], person.uv_V2,
             person.colour_V3, person.occlusion_V, normals_V3=split_normals(moved)),
    ]  # fmt: skip
    for part in (*person.still_parts, *person.head_parts):
        normals = part.normals_V3
        parts.append(
            replace(
                part,
                vertices_V3=mover.points(part.vertices_V3),
                normals_V3=None if normals is None else mover.directions(normals, part.vertices_V3),
            )
        )
    for strands in [*person.strands, person.lashes.pose(vertices)]:
        points = strands.points_SK3
        if strands.roots is not None and strands.rest_roots_S3 is not None:
            points = points + (strands.roots.on(vertices) - strands.rest_roots_S3)[:, None]
        flat = points.reshape(-1, 3)
        normals = mover.directions(strands.normals_SK3.reshape(-1, 3), flat)
        parts.append(
            strand_part(
                strands,
                mover.points(flat).reshape(points.shape),
                normals.reshape(points.shape),
                fine,
            )
        )
    axes = mover.directions(eyes.axis_23, eyes.centre_23)
    return Scene.build(
        parts, person.atlas, person_materials(mover.points(eyes.centre_23), axes, radius)
    )


def person_materials(centre_23: Floats, axis_23: Floats, radius: float) -> list[Material]:
    """The table that the M_ rows index."""

    def eye(side: int) -> Material:
        c, a = centre_23[side], axis_23[side]
        return Material(
            Kind.EYE, (0.30, 0.16, 0.14), 0.035, 0.15, mirror=0.25,
            eye_centre_3=(float(c[0]), float(c[1]), float(c[2])),
            eye_axis_3=(float(a[0]), float(a[1]), float(a[2])), eye_radius=radius,
        )  # fmt: skip

    return [
        Material(Kind.SKIN, (0.22, 0.09, 0.06), 0.020, 0.56, bump=0.8, mirror=0.2, sheen=0.03),
        eye(0),
        eye(1),
        Material(Kind.WET, (0.30, 0.10, 0.10), 0.035, 0.35, mirror=0.3),
        Material(Kind.WET, (0.20, 0.18, 0.15), 0.04, 0.28, mirror=0.4),
        Material(Kind.HAIR, specular=0.11),
        Material(Kind.HAIR, specular=0.03),
        Material(Kind.CLOTH, (0.10, 0.10, 0.10), 0.012, 0.85, sheen=0.06, bump=1.0),
        Material(Kind.CLOTH, (0.10, 0.10, 0.10), 0.03, 0.5, sheen=0.02, bump=0.5),
        Material(Kind.HARD, specular=0.05, roughness=0.22, mirror=0.8),
        Material(Kind.HARD, specular=0.6, roughness=0.25, mirror=0.9),
        Material(Kind.CLOTH, (0.12, 0.12, 0.12), 0.01, 0.9, sheen=0.12, bump=1.0),
    ]
