"""Where on the picture the limbs lie: distances to bones, in units of their thickness.

Knows joints and pixel grids; does not know colours (see `limbs_partition`) or motion.

Legend: C the four points of a limb; H, W pixels; 2 canvas pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from avatar.frames import ByteArray, FloatArray, ReferenceGeometry
from avatar.motion.topology import CHIN, FACE_OVAL
from avatar.warp.skeleton import (
    ARMS,
    CHAINS,
    HIPS,
    SHOULDERS,
    Chain,
    body_unit,
    chain_points,
    is_plausible,
    is_seen,
)

_HIP_OUTSET = 0.12
"""The trunk is this much of the hip joints' distance wider than they are, on each side."""


def limb_distance(
    points_C2: FloatArray, radii_C: FloatArray, canvas_hw: tuple[int, int]
) -> FloatArray:
    """Distance (H, W) of every pixel to a limb: 0 on its bones, 1 on its expected outline."""
    rows, columns = canvas_hw
    x_HW, y_HW = np.meshgrid(
        np.arange(columns, dtype=np.float32), np.arange(rows, dtype=np.float32)
    )
    nearest = np.full(canvas_hw, np.inf, np.float32)
    for bone in range(len(points_C2) - 1):
        (ax, ay), (bx, by) = points_C2[bone].tolist(), points_C2[bone + 1].tolist()
        length = max((bx - ax) ** 2 + (by - ay) ** 2, 1e-6)
        along = np.clip(((x_HW - ax) * (bx - ax) + (y_HW - ay) * (by - ay)) / length, 0.0, 1.0)
        across = np.hypot(x_HW - ax - along * (bx - ax), y_HW - ay - along * (by - ay))
        radius = radii_C[bone] + along * (radii_C[bone + 1] - radii_C[bone])
        nearest = np.minimum(nearest, across / radius)
    return nearest


def outline_points(chain: Chain, joints_J3: FloatArray) -> FloatArray:
    """The limb's points (C, 2) with the last one moved out to the tips of fingers or toes."""
    points_C2 = chain_points(chain, joints_J3)[:, :2].copy()
    points_C2[3] = points_C2[2] + chain.tip_reach * (points_C2[3] - points_C2[2])
    return points_C2


def centred_points(
    points_C2: FloatArray, radii_C: FloatArray, alpha_HW: ByteArray, trunk_2: FloatArray
) -> FloatArray:
    """The points of a limb moved to its middle.

    Trackers put shoulders and elbows well inside the sleeve. On the side away from the trunk the
    matte shows where the limb ends; the other side is as far from its middle.
    """
    rows, columns = alpha_HW.shape
    centred = points_C2.copy()
    moves = []
    for bone in (0, 1):
        start, end = points_C2[bone], points_C2[bone + 1]
        along = (end - start) / max(float(np.linalg.norm(end - start)), 1e-6)
        out = np.array([-along[1], along[0]], np.float32)
        if (start + end) / 2 @ out < trunk_2 @ out:
            out = -out
        radius = float(radii_C[bone] + radii_C[bone + 1]) / 2
        reach = np.arange(0.0, 2.2 * radius, 1.0)
        widths = []
        for share in (0.3, 0.45, 0.6, 0.75):
            x, y = (start + share * (end - start) + reach[:, None] * out).round().astype(int).T
            is_in = (x >= 0) & (x < columns) & (y >= 0) & (y < rows)
            covered = alpha_HW[y.clip(0, rows - 1), x.clip(0, columns - 1)] > 127
            gaps = np.flatnonzero(is_in & ~covered)
            if gaps.size:
                widths.append(float(reach[gaps[0]]))
        shift = float(np.median(widths)) - radius if len(widths) >= 3 else 0.0
        moves.append(np.clip(shift, -0.5 * radius, 0.8 * radius) * out)
    centred[0] += moves[0]
    centred[1] += (moves[0] + moves[1]) / 2
    centred[2] += moves[1] / 2
    return centred


def limb_radii(chain: Chain, unit: float) -> FloatArray:
    """Half widths (C,) in pixels; the outline's last point lies inside the tip."""
    return np.asarray(chain.radii_C, np.float32) * np.float32(unit)


def trunk_polygon(joints_J3: FloatArray) -> FloatArray:
    """Shoulders to hips as a polygon (6, 2), sides of the trunk included."""
    left_shoulder, right_shoulder = joints_J3[list(SHOULDERS), :2]
    left_hip, right_hip = joints_J3[list(HIPS), :2]
    out = _HIP_OUTSET * (left_hip - right_hip)
    down = 0.25 * np.linalg.norm(left_hip - right_hip)
    axis = (left_hip + right_hip - left_shoulder - right_shoulder) / 2
    axis = axis / max(float(np.linalg.norm(axis)), 1e-6)
    return np.array(
        [
            left_shoulder,
            left_hip + out,
            left_hip + 0.5 * out + down * axis,
            right_hip - 0.5 * out + down * axis,
            right_hip - out,
            right_shoulder,
        ],
        np.float32,
    )


def head_mask(reference: ReferenceGeometry, swell: float) -> ByteArray:
    """1 on the face and around it; `swell` 1 is the face's own outline."""
    oval_O2 = reference.landmarks_N3[FACE_OVAL, :2]
    middle_2 = oval_O2.mean(0)
    mask = np.zeros(reference.canvas_hw, np.uint8)
    outline = (middle_2 + swell * (oval_O2 - middle_2)).round().astype(np.int32)
    cv2.fillPoly(mask, [outline], (1,))
    return mask


def polygon_mask(points_P2: FloatArray, canvas_hw: tuple[int, int]) -> ByteArray:
    """1 inside a polygon."""
    mask = np.zeros(canvas_hw, np.uint8)
    cv2.fillPoly(mask, [points_P2.round().astype(np.int32)], (1,))
    return mask


@dataclass(frozen=True, slots=True)
class BodyDistance:
    """How far every pixel is from a body; 0 on bones, 1 at the expected outline."""

    body_HW: FloatArray
    """Everything: limbs, trunk, neck."""
    limbs_HW: FloatArray
    """Limbs to the tips of their fingers, whose place is a guess."""
    bones_HW: FloatArray
    """Limbs to knuckles and ankles."""


def body_distance(reference: ReferenceGeometry) -> BodyDistance | None:
    """Distances to what the reference shows of a body; None where it shows no limb."""
    joints_J3, visibility_J = reference.joints_J3, reference.visibility_J
    if joints_J3 is None or visibility_J is None or not is_plausible(reference):
        return None
    unit = body_unit(joints_J3)
    limbs = np.full(reference.canvas_hw, np.inf, np.float32)
    bones = limbs.copy()
    for chain in CHAINS:
        num_seen = sum(1 for joint in chain.joints if is_seen(visibility_J, (joint,)))
        if num_seen < 2 or not is_seen(visibility_J, chain.joints[:2]):
            continue
        points, radii = outline_points(chain, joints_J3), limb_radii(chain, unit)
        last = 4 if num_seen == 3 else 2
        limbs = np.minimum(limbs, limb_distance(points[:last], radii[:last], reference.canvas_hw))
        # Hands are sure to the knuckles; toes are a guess, and lie on their own shadow.
        num_sure = min(last, 4 if chain in ARMS else 3)
        sure = chain_points(chain, joints_J3)[:num_sure, :2]
        bones = np.minimum(bones, limb_distance(sure, radii[:num_sure], reference.canvas_hw))
    if not np.isfinite(bones).all():
        return None
    trunk = polygon_mask(trunk_polygon(joints_J3), reference.canvas_hw)
    outside = cv2.distanceTransform(1 - trunk, cv2.DIST_L2, 5) / (0.2 * unit)
    chin_2 = reference.landmarks_N3[CHIN, :2]
    neck = np.stack([chin_2, joints_J3[list(SHOULDERS), :2].mean(0)])
    radii = np.full(2, 0.6 * reference.scale, np.float32)
    neck_distance = limb_distance(neck, radii, reference.canvas_hw)
    body = np.minimum(np.minimum(limbs, outside.astype(np.float32)), neck_distance)
    return BodyDistance(body, limbs, bones)
