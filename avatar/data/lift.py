"""Photographs lifted to 3D: a portrait becomes a person that the engine can pose, turn and relight.

Knows how fit, colours and shell become a `Person`; finding and matting the person in the picture
is `avatar.character.opening`'s. A `Lift` is small and is kept as one file, so that a trainer's
workers need no tracker. Only pictures whose licence allows it are to be lifted; the caller chooses.

Shape legend: H, W pixels of the lifted canvas.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar.character.character import Framing
from avatar.character.opening import open_character
from avatar.data.background import BackgroundStyle
from avatar.data.camera import Camera
from avatar.data.facial_hair import grow_lashes
from avatar.data.head import head_model, pose_face
from avatar.data.head_surface import eye_places, head_tables, mouth_colours, mouth_vertices
from avatar.data.lift_fit import FaceFit, fit_face
from avatar.data.lift_hull import NECK_CUT, Sheet, make_hull, plane_points
from avatar.data.lift_texture import (
    FaceColours,
    Photograph,
    light_on,
    read_colours,
    teeth_vertices,
)
from avatar.data.light import LightStyle
from avatar.data.looks import Look
from avatar.data.neck import neck_run
from avatar.data.occlusion import head_occlusion
from avatar.data.people import Situation
from avatar.data.person import Person
from avatar.data.person_style import M_CLOTH, M_LASH, PersonStyle
from avatar.data.posing import Pose
from avatar.data.raster import raster
from avatar.data.resolve import inverse_tone
from avatar.data.scene import Atlas, Label, Lights, Part
from avatar.data.shot import Set
from avatar.warp.fill import push_pull

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

CANVAS_PX = 512
_ATLAS_TEXELS = 1296


@dataclass(frozen=True, slots=True)
class Lift:
    """A photograph in 3D; everything that a file keeps."""

    name: str
    fit: FaceFit
    colours: FaceColours
    front: Sheet
    back: Sheet
    shell_HW3: Floats
    """Albedo of the front sheet (linear), and of the back sheet, which shows no face."""
    shell_back_HW3: Floats
    alpha_HW: Bytes
    background_HW3: Bytes
    face_HW: Bytes
    """255 where the photograph shows the face model (for comparisons)."""
    photo_HW3: Bytes
    """The picture itself, framed."""

    def photo_pose(self) -> Pose:
        """The pose of the photograph."""
        return Pose(expression_E=self.fit.expression_E, gaze_22=self.fit.gaze_22)

    def photo_light(self) -> Lights:
        """The light of the photograph: soft, no highlights."""
        nothing, none = np.zeros((0, 3), np.float32), np.zeros(0, np.float32)
        no = np.zeros(0, np.uint8)
        zero = np.zeros((9, 3), np.float32)
        return Lights(nothing, nothing, none, no, no, self.colours.light_93, zero)


def lift_photograph(path: Path) -> Lift:
    """Lift the main person of a picture file; PictureError where no face can be used."""
    character = open_character([path], framing=Framing.PORTRAIT, size_px=CANVAS_PX)
    view = character.views[0]
    size_hw = (CANVAS_PX, CANVAS_PX)
    landmarks = np.asarray(view.geometry.landmarks_N3, np.float32)
    fit = fit_face(landmarks, size_hw)
    model = head_model()
    posed, eyes = pose_face(fit.shape_V3, fit.expression_E, fit.gaze_22)
    linear = inverse_tone(view.foreground_HW3.astype(np.float32) / 255)
    alpha = view.alpha_HW.astype(np.float32) / 255
    photo = Photograph(linear, alpha, landmarks)
    colours = read_colours(fit, photo, posed, eyes)

    screen = fit.camera.project(posed)
    drawn = model.triangles_T3[neck_run(posed[model.triangles_T3]).max(1) < NECK_CUT]
    index, near = raster(screen, drawn, size_hw)
    behind = screen.copy()
    behind[:, 2] = 1 / np.maximum(screen[:, 2], 1e-4)
    _, far = raster(behind, drawn, size_hw)  # the farthest surface: nearness upside down
    back_near = np.where(far > 0, 1 / np.maximum(far, 1e-4), 0).astype(np.float32)
    front, back = make_hull(alpha, near, back_near, fit.camera)
    shell, shell_back = _shell_colours(photo, front, back, fit.camera, colours, near > 0)
    covered = (index >= 0) & (alpha > 0.95)
    return Lift(
        path.stem, fit, colours, front, back, shell, shell_back, view.alpha_HW,
        character.background_HW3, (covered * 255).astype(np.uint8), view.rgb_HW3,
    )  # fmt: skip


def _shell_colours(
    photo: Photograph, front: Sheet, back: Sheet, camera: Camera, colours: FaceColours,
    on_head: NDArray[np.bool_],
) -> tuple[Floats, Floats]:  # fmt: skip
    """Shading-free colours of the two sheets on the photograph's canvas."""
    rows, columns = photo.alpha_HW.shape
    sheets = []
    for sheet in (front, back):
        screen = camera.project(sheet.vertices_V3)
        index, _ = raster(screen, sheet.triangles_T3, (rows, columns))
        lit = light_on(colours.light_93, sheet.normals_V3)
        field = np.ones((rows, columns, 3), np.float32)
        shown = index >= 0
        field[shown] = lit[sheet.triangles_T3[index[shown]]].mean(1)
        sheets.append(cv2.GaussianBlur(field, (0, 0), 4))
    front_colour = photo.linear_HW3 / sheets[0]
    # the back of a head shows no face: what lies outside the head model continues inwards
    outside = (photo.alpha_HW > 0.9) & ~(cv2.dilate(on_head.astype(np.uint8),
                                                    np.ones((9, 9), np.uint8)) > 0)  # fmt: skip
    weight = outside.astype(np.float32)
    x, y = np.meshgrid(np.arange(columns) + 0.5, np.arange(rows) + 0.5)
    is_neck = neck_run(plane_points(camera, x, y, 0.0)) > 3.0
    above = np.where(
        is_neck[..., None], 0.8 * np.array(colours.skin_rgb), np.array(colours.hair_rgb)
    )
    weak = np.where(on_head, 0.02, 0.0).astype(np.float32)
    mixed = np.where(outside[..., None], photo.linear_HW3 / sheets[1], above)
    filled = push_pull(mixed.astype(np.float32), np.maximum(weight, weak))
    return front_colour.astype(np.float32), filled


def person_of(lift: Lift, *, identity_change_K: Floats | None = None,
              tint_rgb: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Person:  # fmt: skip
    """The person of a lifted photograph, ready for `avatar.data.posing`.

    `identity_change` (standard deviations) and `tint` (colour factors) make relatives of it.
    """
    model = head_model()
    shape = lift.fit.shape_V3
    if identity_change_K is not None:
        k = len(identity_change_K)
        shape = shape + np.tensordot(identity_change_K, model.identity_KV3[:k], 1).astype(
            np.float32
        )
    colours = lift.colours
    atlas = Atlas(_ATLAS_TEXELS)
    tint = np.array(tint_rgb, np.float32)

    def glossy(rgb_HW3: Floats, gloss: float) -> Floats:
        level = np.full((*rgb_HW3.shape[:2], 1), gloss, np.float32)
        return np.concatenate([np.maximum(rgb_HW3 * tint, 0.002), level], -1)

    face = atlas.add(glossy(colours.face_HW3, 0.4))
    shell = atlas.add(glossy(lift.shell_HW3, 0.2), cover_HW=lift.alpha_HW)
    back = atlas.add(glossy(colours.back_HW3, 0.2))
    half = (CANVAS_PX // 2, CANVAS_PX // 2)
    behind = np.asarray(
        cv2.resize(lift.shell_back_HW3, half, interpolation=cv2.INTER_AREA), np.float32
    )
    behind_cover = np.asarray(
        cv2.resize(lift.alpha_HW, half, interpolation=cv2.INTER_AREA), np.uint8
    )
    shell_back = atlas.add(glossy(behind, 0.2), cover_HW=behind_cover)
    uv = np.full_like(model.uv_V2, 4.0 / atlas.size)
    for tile, rectangle in ((0, face), (1, back)):
        on = model.tile_V == tile
        uv[on] = atlas.place(rectangle, model.uv_V2[on])
    for side in range(2):
        on_eye, places = eye_places(side)
        uv[on_eye] = atlas.place(atlas.add(colours.eyes[side]), places)
    colour = mouth_colours((0.7, 0.65, 0.55))
    own_teeth = np.zeros((len(model.neutral_V3), 3), np.float32)
    own_teeth[teeth_vertices()] = colours.teeth_V3
    on_teeth = np.isin(model.source_V, teeth_vertices())
    colour[on_teeth] = own_teeth[model.source_V[on_teeth]]
    material, label = head_tables()
    inside = mouth_vertices()
    uv[inside] = 4.0 / atlas.size
    occlusion = np.ones(len(model.uv_V2), np.float32)
    occlusion[inside] = head_occlusion()[model.source_V][inside]
    kept = (neck_run(shape[model.source_V])[model.split_T3].max(1) < NECK_CUT) | ~np.isin(
        model.region_T, (0, 1)
    )
    parts = [
        Part(
            sheet.vertices_V3, sheet.triangles_T3, M_CLOTH, _shell_labels(lift, sheet),
            atlas.place(rectangle, sheet.uv_V2), normals_V3=sheet.normals_V3, is_cut=True,
        )
        for sheet, rectangle in ((lift.back, shell_back), (lift.front, shell))
    ]  # fmt: skip
    lashes = grow_lashes(0, num_upper=0, num_lower=0, length=0.5, width=0.01,
                         colour_rgb=np.zeros(3, np.float32), material=M_LASH)  # fmt: skip
    return Person(
        PersonStyle(identity=tuple(float(v) for v in lift.fit.identity_K)), shape, atlas, uv,
        colour, material, label, model.split_T3, kept, [], lashes, parts,
        None, [], occlusion,
    )  # fmt: skip


def _shell_labels(lift: Lift, sheet: Sheet) -> Bytes:
    """Hair above, clothes below; skin where the colour is the skin's."""
    corners = sheet.vertices_V3[sheet.triangles_T3].mean(1)
    place = sheet.uv_V2[sheet.triangles_T3].mean(1)
    rows, columns = lift.alpha_HW.shape
    row = np.clip(((1 - place[:, 1]) * rows).astype(int), 0, rows - 1)
    column = np.clip((place[:, 0] * columns).astype(int), 0, columns - 1)
    colour = lift.shell_HW3[row, column]
    skin = np.array(lift.colours.skin_rgb)
    gap = np.abs(np.log((colour + 0.01) / (skin + 0.01)))
    is_skin = (gap.max(1) < 0.45) & (gap.max(1) - gap.min(1) < 0.3)
    label = np.where(neck_run(corners) < 9.0, Label.HAIR, Label.CLOTHES)
    return np.where(is_skin, Label.SKIN, label).astype(np.uint8)


def set_of(lift: Lift, lights: Lights, size_px: int, person: Person | None = None) -> Set:
    """A lifted person in front of its own background, as `avatar.data.shot.shoot` takes it."""
    background = cv2.resize(lift.background_HW3, (size_px, size_px), interpolation=cv2.INTER_AREA)
    made = person if person is not None else person_of(lift)
    situation = Situation(made.style, LightStyle(), BackgroundStyle(), Look.REALISTIC)
    return Set(situation, made, lights, background.astype(np.float32) / 255)


def photo_camera(lift: Lift, size_px: int) -> Camera:
    """The photograph's camera at another resolution."""
    return lift.fit.camera.scaled(size_px / lift.fit.camera.size_hw[1])
