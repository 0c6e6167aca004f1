"""The open face model (ICT-FaceKit): identity, expression and gaze become a head's vertices.

Knows geometry and topology of the model; no colours, no hair. Centimetres, y up, +z forward,
left = the subject's left. Expressions are the 51 ARKit shapes of the model (no tongueOut).

Source: Li et al., Learning Formation of Physically-Based Face Attributes, CVPR 2020 (MIT data).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from avatar.data.assets import load_pack
from avatar.data.mesh import vertex_normals

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

NUM_IDENTITY = 100
HIDDEN_REGIONS = ("lacrimal", "eye_blend", "eye_occlusion", "eyelashes")


@dataclass(frozen=True, slots=True)
class HeadModel:
    """Arrays of the face model, ready for sums; see the asset notes in docs/DATA.md."""

    neutral_V3: Floats
    identity_KV3: Floats
    expression_EV3: Floats
    expression_names: tuple[str, ...]
    triangles_T3: Ints
    """Drawn triangles only: helpers, lashes, cornea cap left out."""
    region_T: NDArray[np.uint8]
    region_names: tuple[str, ...]
    uv_V2: Floats
    """One uv per vertex of the split mesh (integer part removed)."""
    tile_V: NDArray[np.int32]
    source_V: Ints
    """Model vertex of each vertex of the split mesh (split where uv is cut)."""
    split_T3: Ints
    """Drawn triangles on split vertices."""
    landmarks_68: Ints
    eye_centre_23: Floats
    eye_axis_23: Floats
    eye_radius: float
    lash_strips: NDArray[np.int32]
    """[12 strips, 6 rows from lid to tip, 19 columns] model vertices; strips 0..5 left."""
    eyeball_vertices: tuple[Ints, Ints]
    tongue_mask: NDArray[np.bool_]

    def expression_index(self, name: str) -> int:
        """Row of an ARKit shape; KeyError names an unknown one."""
        try:
            return self.expression_names.index(name)
        except ValueError as error:
            raise KeyError(f"unknown expression shape '{name}'") from error


def _lash_strips(pack: dict[str, NDArray[np.generic]]) -> NDArray[np.int32]:
    """Sort the lash meshes into grids by their uv (each is 18 x 5 cells)."""
    regions = [str(n) for n in pack["region_names"]]
    strips = []
    neutral = np.asarray(pack["neutral"], np.float32)
    for side, name in enumerate(("eyelashes_left", "eyelashes_right")):
        chosen = pack["tri_region"] == regions.index(name)
        uv = np.asarray(pack["uv"])[np.asarray(pack["tri_uv"])[chosen].ravel()]
        vertices = np.asarray(pack["tri"])[chosen].ravel()
        _, first = np.unique(vertices, return_index=True)
        uv, vertices = uv[first], vertices[first]
        for low, high in (
            (0.84, 1),
            (0.67, 0.83),
            (0.5, 0.66),
            (0.34, 0.49),
            (0.17, 0.33),
            (0, 0.16),
        ):
            inside = (uv[:, 1] > low) & (uv[:, 1] < high)
            v, t = vertices[inside], uv[inside]
            order = np.lexsort((t[:, 0].round(3), -t[:, 1].round(3)))
            grid = v[order].reshape(6, 19)
            centre = np.asarray(pack["eye_center"])[side]
            far = np.linalg.norm(neutral[grid] - centre, axis=-1).mean(1)
            strips.append(grid if far[0] < far[-1] else grid[::-1])
    return np.array(strips, np.int32)


@cache
def head_model() -> HeadModel:
    """The face model, loaded once per process (about 110 MB)."""
    pack = load_pack("face")
    names = tuple(str(n) for n in pack["region_names"])
    hidden = [k for k, n in enumerate(names) if n.startswith(HIDDEN_REGIONS)]
    # cornea cap (2) is shaded analytically; the shell behind the pupil (4) shows only inside
    drawn = ~np.isin(pack["tri_region"], hidden) & ~np.isin(pack["eye_tri_part"], (2, 4))
    triangles = pack["tri"][drawn].astype(np.int32)
    tri_uv = pack["tri_uv"][drawn]
    pairs = np.stack([triangles.ravel(), tri_uv.ravel()], 1)
    unique, inverse = np.unique(pairs, axis=0, return_inverse=True)
    uv = pack["uv"][unique[:, 1]]
    tile = np.floor(uv[:, 0]).astype(np.int32)
    uv = uv.copy()
    uv[:, 0] -= tile
    regions = pack["vertex_region"]
    return HeadModel(
        neutral_V3=pack["neutral"].astype(np.float32),
        identity_KV3=pack["identity"].astype(np.float32),
        expression_EV3=pack["expr"].astype(np.float32),
        expression_names=tuple(str(n) for n in pack["expr_names"]),
        triangles_T3=triangles,
        region_T=pack["tri_region"][drawn],
        region_names=names,
        uv_V2=uv.astype(np.float32),
        tile_V=tile,
        source_V=unique[:, 0].astype(np.int32),
        split_T3=inverse.reshape(-1, 3).astype(np.int32),
        landmarks_68=pack["landmarks68"].astype(np.int32),
        eye_centre_23=pack["eye_center"].astype(np.float32),
        eye_axis_23=pack["eye_axis"].astype(np.float32),
        eye_radius=float(pack["eye_radius"].mean()),
        lash_strips=_lash_strips(pack),
        eyeball_vertices=(
            np.flatnonzero(regions == names.index("eyeball_left")).astype(np.int32),
            np.flatnonzero(regions == names.index("eyeball_right")).astype(np.int32),
        ),
        tongue_mask=pack["tongue_mask"].astype(bool),
    )


def identity_shape(weights_K: Floats) -> Floats:
    """Neutral vertices (26719, 3) of a person; weights are in standard deviations."""
    model = head_model()
    k = len(weights_K)
    return (
        model.neutral_V3 + np.tensordot(weights_K.astype(np.float32), model.identity_KV3[:k], 1)
    ).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Eyes:
    """Where the eyeballs are after posing (world of the head)."""

    centre_23: Floats
    axis_23: Floats
    radius: float


def pose_face(shape_V3: Floats, expression_E: Floats, gaze_22: Floats) -> tuple[Floats, Eyes]:
    """Expression and gaze on a neutral shape.

    `gaze` is [left, right] x [yaw, pitch] in radians, yaw > 0 to the subject's left, pitch > 0
    down; zero looks straight ahead (the model's own axes point 5.7 degrees outward at rest).
    """
    model = head_model()
    active = np.flatnonzero(np.abs(expression_E) > 1e-4)
    out = shape_V3.copy()
    for e in active:
        out += expression_E[e] * model.expression_EV3[e]
    eyes = eyes_of(shape_V3, gaze_22)
    for side in range(2):
        v = model.eyeball_vertices[side]
        # the eyeball is a rigid ball: identity only moves it
        ball = model.neutral_V3[v] - model.eye_centre_23[side]
        out[v] = ball @ _eye_turn(side, gaze_22).T.astype(np.float32) + eyes.centre_23[side]
    return out.astype(np.float32), eyes


def _eye_turn(side: int, gaze_22: Floats) -> NDArray[np.float64]:
    axis = head_model().eye_axis_23[side]
    rest = _turn(np.arctan2(axis[0], axis[2]), -np.arcsin(axis[1]))
    return np.asarray(_turn(gaze_22[side, 0], gaze_22[side, 1]) @ rest.T)


def eyes_of(shape_V3: Floats, gaze_22: Floats) -> Eyes:
    """Where the eyeballs of a neutral shape are and look."""
    model = head_model()
    centres, axes = [], []
    for side in range(2):
        v = model.eyeball_vertices[side]
        shift = (shape_V3[v] - model.neutral_V3[v]).mean(0)
        centres.append(model.eye_centre_23[side] + shift)
        axes.append(_eye_turn(side, gaze_22) @ model.eye_axis_23[side])
    return Eyes(np.array(centres, np.float32), np.array(axes, np.float32), model.eye_radius)


def _turn(yaw: float, pitch: float) -> NDArray[np.float64]:
    cy, sy, cp, sp = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    return np.asarray(about_y @ about_x)


def split_normals(vertices_V3: Floats) -> Floats:
    """Smooth normals on the split mesh: computed on the model so that uv cuts do not show."""
    model = head_model()
    return vertex_normals(vertices_V3, model.triangles_T3)[model.source_V]


def expression(**weights: float) -> Floats:
    """Weights by ARKit name, e.g. `expression(jawOpen=0.3)`."""
    model = head_model()
    out = np.zeros(len(model.expression_names), np.float32)
    for name, value in weights.items():
        out[model.expression_index(name)] = value
    return out
