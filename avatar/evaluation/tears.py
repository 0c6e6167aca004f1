"""What a warp may never do, measured: fold a face over itself, or leave a hole in it.

Knows a reference, one motion and its picture; does not know clips.

Legend: V vertices; N face landmarks; T triangles; H, W canvas pixels; 2 canvas pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from avatar.frames import ByteArray, FloatArray, ReferenceGeometry, RetargetedMotion
from avatar.motion.geometry import place_head
from avatar.motion.topology import FACE_OVAL, face_triangles

_LEAST_AREA = 0.02
"""Triangles smaller than this share of the mean one are slivers, whose sign means nothing."""
_FACING = 0.35
_INNER = 0.92


@dataclass(frozen=True, slots=True)
class Tears:
    """Shares of what is broken, 0..1."""

    folded: float
    """Of the face's triangles that the head's pose alone would show, those turned over."""
    holes: float
    """Of the face's pixels, those without coverage although the reference covers its whole face."""


def find_tears(
    reference: ReferenceGeometry, motion: RetargetedMotion, alpha_HW: ByteArray
) -> Tears:
    """Measure one drawn frame."""
    triangle_T3 = face_triangles()
    # The reference's own shape at this pose: what turns away with the head is no tear.
    posed_N3 = place_head(
        reference.shape_N3, motion.rotation_33, motion.translation_2, motion.scale
    )
    posed_T, facing_T = _areas(posed_N3, triangle_T3)
    drawn_T, _ = _areas(motion.landmarks_N3, triangle_T3)
    least = _LEAST_AREA * float(np.abs(posed_T).mean())
    is_shown_T = (posed_T > least) & (facing_T > _FACING)
    is_folded_T = is_shown_T & (drawn_T < -least)
    oval_P2 = motion.landmarks_N3[FACE_OVAL, :2]
    middle_2 = oval_P2.mean(0)
    inner_P2 = middle_2 + _INNER * (oval_P2 - middle_2)
    inside = np.zeros(alpha_HW.shape, np.uint8)
    cv2.fillPoly(inside, [cv2.convexHull(inner_P2.round().astype(np.int32))], (1,))
    num_inside = int(inside.sum())
    num_holes = int(((alpha_HW < 64) & (inside > 0)).sum())
    return Tears(
        folded=float(is_folded_T.sum() / max(int(is_shown_T.sum()), 1)),
        holes=num_holes / num_inside if num_inside else 0.0,
    )


def _areas(
    points_N3: FloatArray, triangle_T3: np.ndarray[tuple[int, ...], np.dtype[np.int32]]
) -> tuple[FloatArray, FloatArray]:
    """Signed area on screen, positive towards the camera, and cosine to the camera's axis."""
    a, b, c = (points_N3[triangle_T3[:, k]] for k in range(3))
    normal_T3 = np.cross(b - a, c - a)
    facing_T = normal_T3[:, 2] / np.maximum(np.linalg.norm(normal_T3, axis=1), 1e-6)
    return 0.5 * normal_T3[:, 2], facing_T
