"""The mesh that carries a reference: face landmarks in the middle, hair, neck and body around.

Knows how vertices hang together and how far each follows the head; does not know pictures or time.

Legend: V vertices (the first 468 are face landmarks), G the others ("surround"), T triangles,
O the points of the face oval, 2 and 3 coordinates in canvas pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from avatar.frames import ByteArray, FloatArray, ReferenceGeometry
from avatar.motion.topology import (
    CHIN,
    FACE_OVAL,
    eye_triangles,
    face_triangles,
    mouth_triangles,
)
from avatar.warp.polygon import smoothstep

IntArray = NDArray[np.int32]
NUM_FACE_VERTICES = 468

GRID_CELLS = 20
"""Surround vertices per canvas width: dense enough for a smooth neck, cheap enough per frame."""
RINGS = (1.10, 1.24, 1.42)
"""Rings around the face oval, as multiples of its radius: hair moves most there."""
BORDER = 0.35
"""The mesh reaches this much of the canvas beyond its rim, so that moving uncovers nothing."""
HAIR_REACH = (2.1, 3.2)
"""Radii (in oval radii) between which things beside the head stop following it."""
NECK_REACH_IOD = 1.15
"""Length below the chin over which the neck stops following the head, in inter-ocular units."""
HULL_SLOPE = 0.9
"""How steeply the head recedes beyond the face oval: depth per distance on the picture."""
HULL_DEPTH_IOD = 0.9
CROWN_DEPTH_IOD, CROWN_LEAST_IOD = -0.1, 0.25
"""The head's top outline lies in one plane, or a nod gives it corners; it recedes at least this."""
CROWN_ABOVE_IOD = (-1.2, -0.4)
"""Heights against the face's middle between which that holds, and does not."""
AXIS_REACH_IOD = 0.35
"""Within this distance below the chin the neck has reached the axis that the head turns about."""
AXIS_DEPTH_IOD = -0.1


class Label(IntEnum):
    """What a drawn pixel belongs to."""

    SKIN = 1
    SURROUND = 2
    LEFT_EYE = 3
    RIGHT_EYE = 4
    MOUTH = 5


@dataclass(frozen=True, slots=True)
class ReferenceMesh:
    """The reference at rest, and the weights that let it move."""

    position_V3: FloatArray
    """Canvas pixels; depth 0 at the head's centre, growing away from the camera."""
    texture_X2: FloatArray
    """Where each vertex samples the reference, canvas pixels (X: all V vertices)."""
    triangle_T3: IntArray
    label_T: ByteArray
    head_weight_G: FloatArray
    """1 follows the head rigidly, 0 stays with the body."""
    oval_weight_GO: FloatArray
    """How much of each oval landmark's expression a surround vertex takes on (jaw, cheeks)."""
    head_shape_G3: FloatArray
    """Surround vertices in head space."""


def build_mesh(reference: ReferenceGeometry) -> ReferenceMesh:
    """Triangulate the whole canvas around the face."""
    landmarks = reference.landmarks_N3[:NUM_FACE_VERTICES]
    oval_O2 = np.ascontiguousarray(landmarks[FACE_OVAL, :2])
    centre_2 = oval_O2.mean(0)
    surround_G2 = _surround_points(oval_O2, reference.canvas_hw)
    position_V2 = np.concatenate([landmarks[:, :2], surround_G2]).astype(np.float32)

    outside = _triangles_outside_oval(position_V2, oval_O2)
    left_eye, right_eye = eye_triangles()
    groups = (
        (face_triangles(), Label.SKIN),
        (outside, Label.SURROUND),
        (left_eye, Label.LEFT_EYE),
        (right_eye, Label.RIGHT_EYE),
        (mouth_triangles(), Label.MOUTH),
    )
    radius_G, oval_depth_G = _against_oval(surround_G2, oval_O2, centre_2, landmarks[FACE_OVAL, 2])
    beyond_G = np.maximum(radius_G - 1.0, 0.0) * np.linalg.norm(
        (surround_G2 - centre_2) / np.maximum(radius_G, 1e-3)[:, None], axis=1
    )
    down_2 = reference.rotation_33[:2, 1]
    below_G = (surround_G2 - centre_2) @ down_2 / reference.scale
    depth_G = _hull_depth(beyond_G / reference.scale, oval_depth_G / reference.scale, below_G)
    surround_G3 = np.column_stack([surround_G2, depth_G * reference.scale]).astype(np.float32)
    head_shape_G3 = to_head_space(surround_G3, reference)
    below_chin_G = head_shape_G3[:, 1] - reference.shape_N3[CHIN, 1]
    head_weight_G = (1.0 - smoothstep(*HAIR_REACH, radius_G)) * (
        1.0 - smoothstep(-0.05, NECK_REACH_IOD, below_chin_G)
    )
    position_V3 = np.concatenate([landmarks, surround_G3]).astype(np.float32)
    return ReferenceMesh(
        position_V3=position_V3,
        texture_X2=np.ascontiguousarray(position_V3[:, :2]),
        triangle_T3=np.concatenate([triangles for triangles, _ in groups]).astype(np.int32),
        label_T=np.concatenate(
            [np.full(len(triangles), label, np.uint8) for triangles, label in groups]
        ),
        head_weight_G=head_weight_G.astype(np.float32),
        oval_weight_GO=_oval_weights(surround_G2, oval_O2, reference.scale),
        head_shape_G3=head_shape_G3,
    )


def to_head_space(position_V3: FloatArray, reference: ReferenceGeometry) -> FloatArray:
    """Canvas pixels to the head space of the reference."""
    origin = np.array([*reference.translation_2, 0.0], np.float32)
    return ((position_V3 - origin) @ reference.rotation_33 / reference.scale).astype(np.float32)


def _surround_points(oval_O2: FloatArray, canvas_hw: tuple[int, int]) -> FloatArray:
    """Rings around the oval, a grid over the rest of the canvas, and a border beyond its rim."""
    centre_2 = oval_O2.mean(0)
    height, width = canvas_hw
    cell = width / GRID_CELLS
    rings = [centre_2 + factor * (oval_O2 - centre_2) for factor in RINGS]
    inner = (centre_2 + (RINGS[-1] + 0.10) * (oval_O2 - centre_2)).astype(np.float32)
    x = np.linspace(0.0, width, GRID_CELLS + 1)
    y = np.linspace(0.0, height, max(2, round(height / cell) + 1))
    grid = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)
    keep = [cv2.pointPolygonTest(inner, (float(px), float(py)), False) < 0 for px, py in grid]
    border_x = np.linspace(-BORDER * width, (1 + BORDER) * width, 8)
    border_y = np.linspace(-BORDER * height, (1 + BORDER) * height, 8)
    border = [(px, edge) for px in border_x for edge in (border_y[0], border_y[-1])]
    border += [(edge, py) for py in border_y[1:-1] for edge in (border_x[0], border_x[-1])]
    points = np.concatenate([*rings, grid[keep], np.array(border)]).astype(np.float32)
    low = -BORDER * np.array([width, height], np.float32)
    high = (1 + BORDER) * np.array([width, height], np.float32)
    inside = ((points >= low) & (points <= high)).all(axis=1)
    return points[inside]


def _triangles_outside_oval(position_V2: FloatArray, oval_O2: FloatArray) -> IntArray:
    """Delaunay triangles over oval and surround, without those on the face itself."""
    members = np.concatenate([FACE_OVAL, np.arange(NUM_FACE_VERTICES, len(position_V2))])
    triangles = members[Delaunay(position_V2[members]).simplices]
    outline = np.ascontiguousarray(oval_O2, dtype=np.float32)
    kept = []
    for triangle in triangles:
        if (triangle < NUM_FACE_VERTICES).all():
            x, y = position_V2[triangle].mean(0)
            if cv2.pointPolygonTest(outline, (float(x), float(y)), False) >= 0:
                continue
        kept.append(triangle)
    result = np.array(kept, np.int32)
    a, b, c = (position_V2[result[:, k]] for k in range(3))
    is_flipped = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0] < 0
    result[is_flipped] = result[is_flipped][:, [0, 2, 1]]
    return result


def _against_oval(
    points_G2: FloatArray, oval_O2: FloatArray, centre_2: FloatArray, depth_O: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Radius of each point in units of the oval's radius in its direction, and the oval's depth."""
    relative_O2 = oval_O2 - centre_2
    angle_O = np.arctan2(relative_O2[:, 1], relative_O2[:, 0])
    order = np.argsort(angle_O)
    radius_O = np.linalg.norm(relative_O2, axis=1)
    relative_G2 = points_G2 - centre_2
    angle_G = np.arctan2(relative_G2[:, 1], relative_G2[:, 0])

    def around(values_O: FloatArray) -> FloatArray:
        found = np.interp(angle_G, angle_O[order], values_O[order], period=2 * np.pi)
        return found.astype(np.float32)

    return np.linalg.norm(relative_G2, axis=1) / around(radius_O), around(depth_O)


def _hull_depth(beyond_G: FloatArray, oval_depth_G: FloatArray, below_G: FloatArray) -> FloatArray:
    """Depth of hair and neck (inter-ocular units) from the distance beyond the face oval.

    Where the oval lies before the head's axis at the chin, what follows falls back to it: a neck
    that stayed at the depth of the chin would swing with every turn. Above the face the skull
    recedes slowly, or the forehead's edge would cover the hair of a head that looks up, and all of
    its outline to the same depth.
    `below_G` is the height below the face's middle.
    """
    to_crown_G = 1.0 - smoothstep(*CROWN_ABOVE_IOD, below_G)
    room_G = np.maximum(CROWN_DEPTH_IOD - oval_depth_G, CROWN_LEAST_IOD)
    most_G = HULL_DEPTH_IOD + to_crown_G * (np.minimum(room_G, HULL_DEPTH_IOD) - HULL_DEPTH_IOD)
    receding_G = oval_depth_G + np.minimum(HULL_SLOPE * beyond_G, most_G)
    to_axis_G = smoothstep(0.0, AXIS_REACH_IOD, beyond_G) * smoothstep(0.0, 0.6, below_G)
    on_axis_G = oval_depth_G + (AXIS_DEPTH_IOD - oval_depth_G) * to_axis_G
    return np.maximum(receding_G, on_axis_G)


def _oval_weights(points_G2: FloatArray, oval_O2: FloatArray, scale: float) -> FloatArray:
    """Gaussian weights to the oval's landmarks; they add up to 1 at the oval and fade away."""
    distance_GO = np.linalg.norm(points_G2[:, None] - oval_O2[None], axis=2) / scale
    closeness_GO = np.exp(-((distance_GO / 0.22) ** 2))
    total_G1 = closeness_GO.sum(1, keepdims=True)
    fade_G1 = np.exp(-((distance_GO.min(1, keepdims=True) / 0.45) ** 2))
    return (closeness_GO / np.maximum(total_G1, 1e-6) * fade_G1).astype(np.float32)
