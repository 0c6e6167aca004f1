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
_FOREIGN = 24.0
"""Lab distance to the palm's colour from which a pixel is another thing's."""
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
    lab_HW3, palm_3 = _palm_colour(rgb_HW3, outline_C2, radii, is_near_HW)
    if palm_3 is None:
        return nothing
    is_core_HW = _palm(outline_C2, radii, is_near_HW)
    is_alike_HW = np.linalg.norm(lab_HW3 - palm_3, axis=2) < _TOLERANCE
    is_hand_HW = is_alike_HW & is_near_HW
    is_ring_HW = is_near_HW & (distance_HW > _RING)
    if is_hand_HW[is_ring_HW].sum() > _MAX_FILLED * is_ring_HW.sum():
        return nothing
    _, piece_HW = cv2.connectedComponents(is_hand_HW.astype(np.uint8))
    own = np.unique(piece_HW[is_core_HW & is_hand_HW])
    is_own_HW = np.isin(piece_HW, own[own > 0])
    return is_own_HW if is_own_HW.sum() < _MAX_AREA * radius_px**2 else nothing


def not_of_hand(
    rgb_HW3: ByteArray, alpha_HW: ByteArray, outline_C2: FloatArray, radius_px: float
) -> NDArray[np.bool_]:
    """Pixels beside a hand that are not it: what it lies on or holds is of another colour."""
    hw = (alpha_HW.shape[0], alpha_HW.shape[1])
    radii = np.full(2, radius_px, np.float32)
    hand_HW = limb_distance(outline_C2[2:], radii, hw)
    forearm_HW = limb_distance(outline_C2[1:3], radii, hw)
    lab_HW3, palm_3 = _palm_colour(rgb_HW3, outline_C2, radii, (hand_HW < _REACH) & (alpha_HW > 0))
    if palm_3 is None:
        return np.zeros(hw, bool)
    is_other_HW = np.linalg.norm(lab_HW3 - palm_3, axis=2) > _FOREIGN
    return np.asarray(is_other_HW & (hand_HW < forearm_HW) & (hand_HW > _CORE))


def _palm_colour(
    rgb_HW3: ByteArray, outline_C2: FloatArray, radii: FloatArray, is_near_HW: NDArray[np.bool_]
) -> tuple[FloatArray, FloatArray | None]:
    """The picture in weighted Lab, and the palm's colour in it; None where no palm shows."""
    weights = np.array([_LIGHTNESS_WEIGHT, 1.0, 1.0], np.float32)
    smooth = cv2.GaussianBlur(rgb_HW3, (0, 0), 0.8)
    lab_HW3 = cv2.cvtColor(smooth, cv2.COLOR_RGB2LAB).astype(np.float32) * weights
    is_core_HW = _palm(outline_C2, radii, is_near_HW)
    if is_core_HW.sum() < 8:
        return lab_HW3, None
    return lab_HW3, np.asarray(np.median(lab_HW3[is_core_HW], axis=0), np.float32)


def _palm(
    outline_C2: FloatArray, radii: FloatArray, is_near_HW: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """From the middle of the wrist and the knuckles to the knuckles."""
    wrist_2, tips_2 = outline_C2[2], outline_C2[3]
    palm_C2 = np.stack([wrist_2 + share * (tips_2 - wrist_2) for share in (0.2, 0.45)])
    hw = (is_near_HW.shape[0], is_near_HW.shape[1])
    return (limb_distance(palm_C2, radii, hw) < _CORE) & is_near_HW
