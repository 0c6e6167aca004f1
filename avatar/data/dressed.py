"""A dressed body: skin and garments of one person, posed by its bones.

Knows how cloth covers skin and which colours they have; knows no head and no light. Positions
leave it in the head's rest space (cm): the head's seat stays where it is, the body moves below it.

Shape legend: V body vertices, N garment vertices, T triangles, B bones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from avatar.data import body as bodies
from avatar.data.assets import load_pack
from avatar.data.clothes import Garment, bake_cloth, load_garment
from avatar.data.limbs import BodyPose, pose_limbs
from avatar.data.mesh import compact, vertex_normals
from avatar.data.neck import neck_run, ramp
from avatar.data.noise import space_noise
from avatar.data.person_style import M_CLOTH, M_SKIN, Detail, PersonStyle
from avatar.data.scene import Atlas, Label, Part
from avatar.data.skin import skin_albedo

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

SLOPE_CM = 0.6
"""How far the tops of shoulders sink."""


@dataclass(slots=True)
class _Piece:
    garment: Garment
    bind_N3: Floats
    is_shoe: bool
    colour_V3: Floats
    uv_V2: Floats | None


@dataclass(slots=True)
class Dressed:
    """Bind-pose geometry, and after `paint` the colours, of one body."""

    bind_V3: Floats
    """Decimetres, in the body's axes."""
    seat: bodies.Seat
    skeleton: bodies.Skeleton
    triangles_T3: Ints
    """Of the whole body proper."""
    pieces: list[_Piece]
    kept_V: Ints
    """Body vertices that are drawn."""
    kept_T3: Ints
    sunk_V: Floats
    """How far each drawn vertex lies below its skin (cm): skin under a collar."""
    label_T: NDArray[np.uint8]
    colour_V3: Floats

    def rest_bones(self) -> tuple[Floats, Floats]:
        """(rotations, shifts) of the rest pose."""
        return pose_limbs(self.skeleton, self.seat, BodyPose())

    def skin(self, rotation_B33: Floats, shift_B3: Floats) -> Floats:
        """The posed body without clothes (cm)."""
        return self.seat.to_head_cm(bodies.skin_body(self.bind_V3, rotation_B33, shift_B3))

    def sunken(self, posed_V3: Floats) -> Floats:
        """A posed body as it is drawn: skin under a collar lies below the cloth."""
        sunk = np.zeros(len(posed_V3), np.float32)
        sunk[self.kept_V] = self.sunk_V
        normals = vertex_normals(posed_V3, self.triangles_T3)
        return np.asarray(posed_V3 - sunk[:, None] * normals, np.float32)

    def paint(self, style: PersonStyle, detail: Detail, atlas: Atlas) -> None:
        """Give skin and cloth their colours; sheets go onto the atlas."""
        rng = np.random.default_rng(style.seed + style.skin.seed + 11)
        rotation, shift = self.rest_bones()
        at = self.skin(rotation, shift)[self.kept_V]
        tone = np.zeros((len(self.kept_V), 3), np.float32)
        for wavelength, gain in ((7.0, 0.035), (2.2, 0.03), (0.7, 0.02)):
            noise = space_noise(rng, at, wavelength)[:, None]
            tone += gain * noise * np.array([0.5, 1.0, 1.1])
        self.colour_V3 = (skin_albedo(style.skin) * (1 + tone)).astype(np.float32)
        rectangle = atlas.add(*bake_cloth(style.cloth, detail.cloth_texels))
        for piece in self.pieces:
            if piece.is_shoe:
                piece.colour_V3 = np.full_like(piece.colour_V3, 0.03)
                continue
            piece.uv_V2 = atlas.place(rectangle, piece.garment.uv_V2)
            world = self.seat.to_head_cm(piece.garment.skin(piece.bind_N3, rotation, shift))
            _split_suit(style, piece, world, atlas.size)

    def parts(self, rotation_B33: Floats, shift_B3: Floats) -> list[Part]:
        """Skin and garments in a pose, head's rest space."""
        posed = self.skin(rotation_B33, shift_B3)
        normals = vertex_normals(posed, self.triangles_T3)[self.kept_V]
        at = posed[self.kept_V] - self.sunk_V[:, None] * normals
        parts = [
            Part(at, self.kept_T3, M_SKIN, self.label_T, colour_V3=self.colour_V3,
                 normals_V3=normals)
        ]  # fmt: skip
        for piece in self.pieces:
            garment = piece.garment
            world = self.seat.to_head_cm(garment.skin(piece.bind_N3, rotation_B33, shift_B3))
            source = garment.source_V
            parts.append(
                Part(world[source], garment.triangles_T3, M_CLOTH, Label.CLOTHES, piece.uv_V2,
                     piece.colour_V3, normals_V3=vertex_normals(world, garment.model_T3)[source])
            )  # fmt: skip
        return parts


def dress(style: PersonStyle) -> Dressed:
    """The body of a person with its garments fitted."""
    bind = bodies.body_shape(style.build)
    pack = load_pack("body")
    triangles = pack["tri"][pack["tri_group"] == 0].astype(np.int32)
    covered = np.zeros(len(bind), bool)
    pieces = []
    for name in (style.garment, style.shoes):
        if name is None:
            continue
        garment = load_garment(name)
        covered[garment.covered] = True
        white = np.ones((len(garment.source_V), 3), np.float32)
        pieces.append(_Piece(garment, garment.fit(bind), name == style.shoes, white, None))
    nothing = np.zeros(0, np.float32)
    out = Dressed(
        bind, bodies.seat_head(bind, style.build.male), bodies.fit_skeleton(bind), triangles,
        pieces, np.zeros(0, np.int32), triangles, nothing, np.zeros(0, np.uint8), nothing,
    )  # fmt: skip
    posed = out.skin(*out.rest_bones())
    run = neck_run(posed)
    # near the collar the body stays, sunk a little below the cloth, so that no gap opens
    collar = covered & (run < 20)
    hidden = covered & ~collar
    drawn = triangles[(run[triangles].min(1) > 9.9) & ~hidden[triangles].any(1)]
    out.kept_V, out.kept_T3 = compact(drawn, len(bind))
    # ... the deeper, the farther from the collar: shoulders must not come through
    deeper = 0.35 + 0.15 * np.clip(run[out.kept_V] - 12.0, 0, 8)
    # ... and where they begin to slope, for garments forget to cover some of them
    slope = ramp(np.abs(posed[out.kept_V, 0]), 8.0, 10.0) * (1 - ramp(run[out.kept_V], 16.0, 20.0))
    out.sunk_V = np.maximum(deeper * collar[out.kept_V], SLOPE_CM * slope).astype(np.float32)
    is_hand = bodies.hand_weight()[drawn].mean(1) > 0.5
    out.label_T = np.where(is_hand, Label.HANDS, Label.SKIN).astype(np.uint8)
    return out


def _split_suit(style: PersonStyle, piece: _Piece, world: Floats, atlas_size: int) -> None:
    """Trousers and the shirt under a jacket take their own colours (they are separate pieces)."""
    t = piece.garment.model_T3
    n = len(world)
    graph = coo_matrix(
        (np.ones(len(t) * 2), (t[:, [0, 1]].ravel(), t[:, [1, 2]].ravel())), shape=(n, n)
    )
    num, part = connected_components(graph, directed=False)
    for k in range(num):
        inside = part == k
        reach = np.ptp(world[inside], axis=0)
        is_legs = world[inside, 1].min() < -90
        # a narrow piece from the collar to the waist lies under the jacket
        is_shirt = num > 2 and reach[0] < 40 and reach[1] > 45 and not is_legs
        if is_legs or is_shirt:
            on = inside[piece.garment.source_V]
            piece.colour_V3[on] = style.trousers_rgb if is_legs else style.shirt_rgb
            if piece.uv_V2 is not None:
                piece.uv_V2[on] = 4.0 / atlas_size
