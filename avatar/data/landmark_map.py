"""Where MediaPipe's 478 landmarks lie on the face model: a table fitted once, kept with its error.

The table is `landmark_map.npz` beside this file: for each landmark three model vertices and their
weights. It was fitted by `fit_map` from pairs of (rendered view, tracked landmarks); irises are
placed by geometry. Knows points on meshes; the tracker is handed in by the caller.

Shape legend: N 478 landmarks, V model vertices, 2, 3 components.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from avatar.data.head import Eyes, eyes_of, head_model
from avatar.errors import AssetError
from avatar.frames import NUM_LANDMARKS

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

MAP_PATH = Path(__file__).with_name("landmark_map.npz")
NUM_FACE = 468
IRIS_LEFT, IRIS_RIGHT = slice(473, 478), slice(468, 473)
_IRIS_RADIUS_CM = 0.66
IRIS_DEPTH_CM = 1.40
"""Of the iris' middle in front of the eyeball's centre."""
INNER_LIPS = (
    *(78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308),
    *(95, 88, 178, 87, 14, 317, 402, 318, 324),
)
"""Landmarks that only an open mouth tells apart."""


@dataclass(frozen=True, slots=True)
class LandmarkMap:
    """The table."""

    vertices_N3: Ints
    weights_N3: Floats
    error_N: Floats
    """Median distance between tracker and table when it was fitted, inter-ocular units."""


@cache
def landmark_map() -> LandmarkMap:
    """The table of this project; AssetError where the file is missing or damaged."""
    try:
        with MAP_PATH.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return LandmarkMap(archive["vertices"], archive["weights"], archive["error"])
    except (OSError, ValueError, KeyError) as error:
        raise AssetError(
            f"{MAP_PATH}: cannot be read ({error}); restore it from the repository."
        ) from error


@cache
def _expression_at_landmarks() -> Floats:
    """(E, 468, 3): how each expression shape moves each landmark."""
    table, model = landmark_map(), head_model()
    corners = model.expression_EV3[:, table.vertices_N3[:NUM_FACE]]
    return np.einsum("nk,enkc->enc", table.weights_N3[:NUM_FACE], corners).astype(np.float32)


def rest_landmarks(shape_V3: Floats, expression_E: Floats, gaze_22: Floats) -> tuple[Floats, Eyes]:
    """(468, 3) landmarks of a face with an expression, before the head turns; and its eyes."""
    table = landmark_map()
    corners = shape_V3[table.vertices_N3[:NUM_FACE]]
    rest = np.einsum("nk,nkc->nc", table.weights_N3[:NUM_FACE], corners)
    rest = rest + np.tensordot(expression_E, _expression_at_landmarks(), 1)
    return rest.astype(np.float32), eyes_of(shape_V3, gaze_22)


def with_irises(
    face_N3: Floats, eye_centre_23: Floats, eye_axis_23: Floats, eye_scale: float = 1.0
) -> Floats:
    """(478, 3): the 468 landmarks and the irises of eyes that look along their axes.

    `eye_scale` is the growth of cartoon eyes. Irises: centre, then the four ring points in
    MediaPipe's order (subject's left, up, right, down of the picture's circle).
    """
    out = np.zeros((NUM_LANDMARKS, 3), np.float32)
    out[:NUM_FACE] = face_N3
    for side, rows in ((0, IRIS_LEFT), (1, IRIS_RIGHT)):
        axis = eye_axis_23[side]
        across = np.cross([0.0, 1.0, 0.0], axis)
        across /= np.linalg.norm(across)
        up = np.cross(axis, across)
        radius = _IRIS_RADIUS_CM * eye_scale
        centre = eye_centre_23[side] + axis * IRIS_DEPTH_CM * eye_scale
        ring = [across, up, -across, -up]
        out[rows] = [centre, *(centre + radius * direction for direction in ring)]
    return out


@dataclass(frozen=True, slots=True)
class TrackedView:
    """A rendered head and what the tracker found on it; pixels of the same picture."""

    screen_V3: Floats
    """Model vertices on the picture (column, row, 1 / depth)."""
    index_HW: Ints
    """Model triangle seen at each pixel centre, -1 where none (face triangles only)."""
    landmarks_N2: Floats
    iod_px: float
    is_mouth_open: bool = False


def fit_map(views: Sequence[TrackedView]) -> LandmarkMap:
    """Average, per landmark, the places on the face that the tracker pointed at.

    Places are averaged on a face whose mouth is open, where upper and lower lip lie apart.
    """
    model = head_model()
    triangles = model.triangles_T3
    open_jaw = model.expression_EV3[model.expression_index("jawOpen")]
    neutral = model.neutral_V3 + 0.4 * open_jaw
    places: list[list[Floats]] = [[] for _ in range(NUM_FACE)]
    for view in views:
        rows, columns = np.nonzero(view.index_HW >= 0)
        if len(rows) == 0:
            continue
        tree = cKDTree(np.stack([columns + 0.5, rows + 0.5], -1))
        gap, nearest = tree.query(view.landmarks_N2[:NUM_FACE])
        for n in range(NUM_FACE):
            if gap[n] > 0.03 * view.iod_px + 1.0:
                continue
            if n in INNER_LIPS and not view.is_mouth_open:
                continue
            y, x = rows[nearest[n]], columns[nearest[n]]
            t = triangles[view.index_HW[y, x]]
            places[n].append(_point_on(view, t, x + 0.5, y + 0.5, neutral))
    surface = triangles[model.region_T == 0]
    centres = neutral[surface].mean(1)
    tree = cKDTree(centres)
    vertices, weights = np.zeros((NUM_FACE, 3), np.int32), np.zeros((NUM_FACE, 3), np.float32)
    for n in range(NUM_FACE):
        if not places[n]:
            raise ValueError(f"landmark {n} was never seen on the face")
        target = np.median(np.array(places[n]), 0)
        _, near = tree.query(target, k=12)
        vertices[n], weights[n] = _closest(neutral, surface[near], target)
    table = LandmarkMap(vertices, weights, np.zeros(NUM_FACE, np.float32))
    return LandmarkMap(vertices, weights, map_error(table, views))


def map_error(table: LandmarkMap, views: Sequence[TrackedView]) -> Floats:
    """(468,) median distance tracker to table, inter-ocular units."""
    gaps = []
    for view in views:
        corners = view.screen_V3[table.vertices_N3, :2]
        ours = np.einsum("nk,nkc->nc", table.weights_N3, corners)
        gaps.append(np.linalg.norm(ours - view.landmarks_N2[:NUM_FACE], axis=1) / view.iod_px)
    return np.median(np.array(gaps), 0).astype(np.float32)


def _point_on(view: TrackedView, t: Ints, x: float, y: float, neutral: Floats) -> Floats:
    """Neutral position of the surface point of triangle t at a pixel."""
    a, b, c = view.screen_V3[t]
    e, f, d = b[:2] - a[:2], c[:2] - a[:2], np.array([x, y]) - a[:2]
    area = e[0] * f[1] - e[1] * f[0]
    kb = (d[0] * f[1] - d[1] * f[0]) / area
    kc = (e[0] * d[1] - e[1] * d[0]) / area
    w = np.array([(1 - kb - kc) * a[2], kb * b[2], kc * c[2]])
    return np.asarray((w / w.sum()) @ neutral[t], np.float32)


def _closest(neutral: Floats, triangles: Ints, target: Floats) -> tuple[Ints, Floats]:
    """The nearest point to `target` on some triangles, as (vertices, weights)."""
    best, found = np.inf, (triangles[0], np.array([1, 0, 0], np.float32))
    for t in triangles:
        p = neutral[t].astype(np.float64)
        edges = np.stack([p[1] - p[0], p[2] - p[0]], 1)
        kb, kc = np.linalg.lstsq(edges, target - p[0], rcond=None)[0]
        w = np.clip(np.array([1 - kb - kc, kb, kc]), 0, None)
        w /= w.sum()
        gap = float(np.linalg.norm(w @ p - target))
        if gap < best:
            best, found = gap, (t, w.astype(np.float32))
    return found
