"""Which pixels are a hand's, by their colour: fingers lie anywhere about the knuckles.

Knows a picture and where a wrist and knuckles are; does not know arms (see `limbs_partition`).

Legend: H, W pixels; C the four points of a limb; 2 canvas pixels; 3 colours.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar.frames import ByteArray, FloatArray
from avatar.warp.skeleton_mask import limb_distance

_REACH = 1.5
"""Distance to the line from wrist to fingertips (in hand radii) within which fingers are sought."""
_CORE = 0.4
_LIGHTNESS_WEIGHT = 0.4
"""Fingers throw shadows on each other: lightness says less than hue."""
_TOLERANCE = 13.0
"""Lab distance (8-bit steps) to the palm's colour."""
_RING = 1.15
_MAX_FILLED = 0.25
"""A hand does not fill its surroundings (beyond `_RING`): what does is clothes of its colour."""
_MAX_AREA = 3.2
"""Of a hand with spread fingers, in squared radii."""


def find_hand(
    rgb_HW3: ByteArray, alpha_HW: ByteArray, outline_C2: FloatArray, radius_px: float
) -> NDArray[np.bool_]:
    """Pixels of a hand; none where its colour does not tell it from what it lies on.

    The last two points of `outline_C2` are the wrist and the tips of the fingers.
    """
    radii = np.full(2, radius_px, np.float32)
    distance_HW = limb_distance(outline_C2[2:], radii, (alpha_HW.shape[0], alpha_HW.shape[1]))
    is_near_HW = (distance_HW < _REACH) & (alpha_HW > 127)
    nothing = np.zeros(alpha_HW.shape, bool)
    # The palm: from the middle of the wrist and the knuckles to the knuckles.
    wrist_2, tips_2 = outline_C2[2], outline_C2[3]
    palm_C2 = np.stack([wrist_2 + share * (tips_2 - wrist_2) for share in (0.2, 0.45)])
    is_core_HW = limb_distance(palm_C2, radii, distance_HW.shape) < _CORE  # type: ignore[arg-type]
    is_core_HW &= is_near_HW
    if is_core_HW.sum() < 8:
        return nothing
    weights = np.array([_LIGHTNESS_WEIGHT, 1.0, 1.0], np.float32)
    smooth = cv2.GaussianBlur(rgb_HW3, (0, 0), 0.8)
    lab_HW3 = cv2.cvtColor(smooth, cv2.COLOR_RGB2LAB).astype(np.float32) * weights
    palm_3 = np.median(lab_HW3[is_core_HW], axis=0)
    is_alike_HW = np.linalg.norm(lab_HW3 - palm_3, axis=2) < _TOLERANCE
    is_hand_HW = is_alike_HW & is_near_HW
    is_ring_HW = is_near_HW & (distance_HW > _RING)
    if is_hand_HW[is_ring_HW].sum() > _MAX_FILLED * is_ring_HW.sum():
        return nothing
    _, piece_HW = cv2.connectedComponents(is_hand_HW.astype(np.uint8))
    own = np.unique(piece_HW[is_core_HW & is_hand_HW])
    is_own_HW = np.isin(piece_HW, own[own > 0])
    return is_own_HW if is_own_HW.sum() < _MAX_AREA * radius_px**2 else nothing
