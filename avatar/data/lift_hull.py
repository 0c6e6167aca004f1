"""Hair, ears' surroundings, neck and shoulders of a photograph as a closed shell about the head.

Knows a photograph's matte and the fitted head's depth; knows no colours. A grid over the picture
gets a front depth: on the head it lies a little behind the face model's surface, beside it it
bulges towards the camera like an inflated cloth (Poisson equation), at the matte's edge it reaches
the middle of the head or of the chest. A back sheet mirrors the front about that middle, so that a
turning head shows more hair and no hole.

Shape legend: G, J grid rows and columns, V vertices, T triangles, H, W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import spsolve

from avatar.data.camera import Camera
from avatar.data.mesh import compact, vertex_normals
from avatar.data.neck import neck_run, ramp

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

STEP_PX = 6
NECK_CUT = 10.8
"""`neck_run` at which the face model's neck ends and the sheet takes over."""
_GAP_CM = 0.5
_ROUND_CM = 7.0
"""Radius of the ball that the back follows: about a head's."""
_BULGE = 0.55
"""Curvature of hair (1/cm): a band 4 cm wide stands out by about 1 cm."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A textured sheet in the head's rest space."""

    vertices_V3: Floats
    triangles_T3: Ints
    uv_V2: Floats
    """Place on the photograph, 0..1, v UP."""
    normals_V3: Floats


def _grid_px(size_hw: tuple[int, int]) -> tuple[Floats, Floats]:
    rows, columns = size_hw[0] // STEP_PX + 1, size_hw[1] // STEP_PX + 1
    y = np.linspace(0, size_hw[0], rows, dtype=np.float32)
    x = np.linspace(0, size_hw[1], columns, dtype=np.float32)
    grid_x, grid_y = np.meshgrid(x, y)
    return grid_x, grid_y


def _at_grid(sheet_HW: NDArray[Any], x: Floats, y: Floats) -> Floats:
    return np.asarray(
        cv2.remap(sheet_HW, x - 0.5, y - 0.5, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE),
        np.float32,
    )


def _unproject(camera: Camera, x: NDArray[Any], y: NDArray[Any], depth: NDArray[Any]) -> Floats:
    """Points (…, 3) in world axes at pixels and depths (cm)."""
    c = np.stack(
        [
            (x - camera.centre_px[0]) / camera.focal_px * depth,
            (y - camera.centre_px[1]) / camera.focal_px * depth,
            depth,
        ],
        -1,
    )
    return (c @ camera.rotation_33 + camera.position_3).astype(np.float32)


def plane_points(camera: Camera, x: NDArray[Any], y: NDArray[Any], z_cm: float) -> Floats:
    """Points that pixels show on the plane through the head at height 2, depth `z_cm`."""
    depth = float(camera.to_camera(np.array([(0.0, 2.0, z_cm)], np.float32))[0, 2])
    return _unproject(camera, x, y, np.full_like(x, depth))


def _middle_depth(camera: Camera, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """(depth of the silhouette, `neck_run` there): ears' plane above, shoulders' plane below."""
    head, chest = camera.to_camera(np.array([[0.0, 2.0, -1.0], [0.0, -18.0, -3.5]], np.float32))
    run = neck_run(plane_points(camera, x, y, -1.0))
    share = ramp(run, 4.0, 13.0)
    return (head[2] * (1 - share) + chest[2] * share).astype(np.float32), run


def make_hull(alpha_HW: Floats, near_HW: Floats, back_near_HW: Floats,
              camera: Camera) -> tuple[Sheet, Sheet]:  # fmt: skip
    """(front, back) of the person around the face model.

    `near` and `back_near`: nearness (1/cm) of the drawn face model's front and of its far side.
    """
    size_hw = (alpha_HW.shape[0], alpha_HW.shape[1])
    x, y = _grid_px(size_hw)
    wide = cv2.dilate(alpha_HW, np.ones((2 * STEP_PX + 1,) * 2, np.uint8))
    inside = _at_grid(wide, x, y) > 0.04
    solid = (near_HW > 0).astype(np.float32)
    on_head = _at_grid(cv2.erode(solid, np.ones((5, 5), np.uint8)), x, y) > 0.99
    head = 1 / np.maximum(_nearest(near_HW, x, y), 1e-4)
    rear = 1 / np.maximum(_nearest(back_near_HW, x, y), 1e-4)
    middle, run = _middle_depth(camera, x, y)
    # far inside the face's outline the sheet keeps clear of cheeks and lips that will move
    deep = cv2.distanceTransform(on_head.astype(np.uint8), cv2.DIST_L2, 3)
    deep = deep * STEP_PX * middle / camera.focal_px
    hidden = (deep > 2.2) & (run < 5.5)
    gap = (_GAP_CM + np.minimum(0.8 * deep, 3.5)) * (1 - ramp(run, 6.5, NECK_CUT - 0.8)) + 0.02
    front = _solve(inside, on_head, head + gap, middle, run, x, camera)
    # round, not a box: near the outline the back lies near the middle, as on a ball
    edge = cv2.distanceTransform(np.pad(inside, 1, mode="edge").astype(np.uint8), cv2.DIST_L2, 5)
    edge = np.minimum(edge[1:-1, 1:-1] * STEP_PX * middle / camera.focal_px, _ROUND_CM)
    ball = middle + np.sqrt(edge * (2 * _ROUND_CM - edge))
    back = np.where(on_head, rear + 0.25, np.maximum(2 * middle - front, middle))
    back = np.where(inside, np.minimum(back, ball), middle)
    back = cv2.GaussianBlur(back.astype(np.float32), (0, 0), 1.0)
    # behind the face nothing of the front is ever seen, except through an open mouth
    before, behind = _triangles(inside & ~hidden), _triangles(inside)
    uv = np.stack([x / size_hw[1], 1 - y / size_hw[0]], -1).reshape(-1, 2).astype(np.float32)
    return (
        _sheet(_unproject(camera, x, y, front).reshape(-1, 3), before, uv),
        _sheet(_unproject(camera, x, y, back).reshape(-1, 3), behind[:, ::-1].copy(), uv),
    )


def _nearest(sheet_HW: Floats, x: Floats, y: Floats) -> Floats:
    row = np.clip(y.astype(int), 0, sheet_HW.shape[0] - 1)
    column = np.clip(x.astype(int), 0, sheet_HW.shape[1] - 1)
    return np.asarray(sheet_HW[row, column], np.float32)


def _solve(
    inside: NDArray[np.bool_], on_head: NDArray[np.bool_], head: Floats, middle: Floats,
    run: Floats, x: Floats, camera: Camera,
) -> Floats:  # fmt: skip
    """Front depth: Poisson with fixed values on the head and at the silhouette."""
    rows, columns = inside.shape
    number = np.arange(rows * columns).reshape(rows, columns)
    cell_cm = STEP_PX * middle / camera.focal_px
    torso = ramp(run, 9.0, 12.5)
    aside = (x - camera.centre_px[0]) / camera.focal_px * middle
    chest = middle - 5.5 + 6.0 * np.clip(aside / 22.0, -1.4, 1.4) ** 2
    hold = torso / 3.0**2 * cell_cm**2
    bulge = -_BULGE * (1 - torso) * cell_cm**2
    fixed = on_head | ~inside
    value = np.where(on_head, head, middle)
    centre = np.zeros((rows, columns))
    right = hold * chest + bulge
    i, j, w = [], [], []
    for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        y0, y1 = max(-dy, 0), rows - max(dy, 0)
        x0, x1 = max(-dx, 0), columns - max(dx, 0)
        here = number[y0:y1, x0:x1].ravel()
        there = number[y0 + dy : y1 + dy, x0 + dx : x1 + dx].ravel()
        i.append(here)
        j.append(there)
        w.append(-np.ones(len(here)))
        centre[y0:y1, x0:x1] += 1
    i_, j_, w_ = np.concatenate(i), np.concatenate(j), np.concatenate(w)
    free = ~fixed.ravel()
    keep = free[i_]
    diagonal = np.where(fixed, 1.0, centre + hold).ravel()
    matrix = coo_matrix(
        (
            np.concatenate([w_[keep], diagonal]),
            (np.concatenate([i_[keep], number.ravel()]), np.concatenate([j_[keep],
                                                                         number.ravel()])),
        )
    ).tocsr()  # fmt: skip
    found = spsolve(matrix, np.where(fixed, value, right).ravel()).reshape(rows, columns)
    return np.asarray(found, np.float32)


def _triangles(inside: NDArray[np.bool_]) -> Ints:
    """Counter-clockwise from the front, of the cells whose corners are all inside."""
    rows, columns = inside.shape
    number = np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
    a, b = number[:-1, :-1], number[:-1, 1:]
    c, d = number[1:, :-1], number[1:, 1:]
    full = inside[:-1, :-1] & inside[:-1, 1:] & inside[1:, :-1] & inside[1:, 1:]
    one = np.stack([a[full], c[full], b[full]], -1)
    two = np.stack([b[full], c[full], d[full]], -1)
    return np.ascontiguousarray(np.concatenate([one, two]), np.int32)


def _sheet(vertices: Floats, triangles: Ints, uv: Floats) -> Sheet:
    kept, small = compact(triangles, len(vertices))
    v = vertices[kept]
    return Sheet(v, small, uv[kept], vertex_normals(v, small))
