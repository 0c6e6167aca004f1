"""Which pixels of a person belong to which limb.

Seeds lie along the bones and inside the trunk; what is between them goes to the nearest seed, where
crossing an edge of the picture costs extra (geodesic distance by raster scans: Toivanen 1996; for
segmentation: Criminisi, Sharp and Blake 2008, 'GeoS'). Knows a picture and bones; does not know
what is done with the parts.

Legend: H, W pixels; L limbs; 3 colours.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar.frames import ByteArray, FloatArray
from avatar.jit import kernel

LIMB_CORE = 0.33
"""Distance to bones (1 is the expected outline) below which a pixel is the limb's for sure,"""
TRUNK_FROM = 1.15
"""above which a pixel of the trunk's inside is the trunk's for sure,"""
REST_FROM = 1.7
"""above which anything is,"""
LIMB_REACH = 2.2
"""and above which it cannot be the limb's: sleeves and spread fingers end there."""
_EDGE_COST = 1.0 / 30.0
"""Cost per step of one unit in Lab colour; a step of one limb radius costs 1."""
_OUTSIDE_COST = 2.0
_MAX_COST = np.float32(1e6)
_NUM_SWEEPS = 4
_FAINT = 25
"""Coverage below which pieces do not hang together."""


def partition(
    rgb_HW3: ByteArray,
    alpha_HW: ByteArray,
    bone_distance_LHW: FloatArray,
    limb_distance_LHW: FloatArray,
    is_hand_LHW: NDArray[np.bool_],
    is_trunk_HW: NDArray[np.bool_],
    is_head_HW: NDArray[np.bool_],
    radius_px: float,
) -> ByteArray:
    """Label every pixel: 0 trunk, head and background, else 1 + the limb's index.

    Limbs come in drawing order, their distances to bones as the tracker sees them and to the whole
    limb, fingers included, whose place is a guess; `is_hand_LHW` is what is theirs by its colour.
    `is_trunk_HW` is where the trunk is expected,
    `is_head_HW` what no limb may take; `radius_px` a limb's typical half width.
    """
    num_limbs = len(limb_distance_LHW)
    nearest_HW = limb_distance_LHW.min(0)
    owner_HW = bone_distance_LHW.argmin(0)
    smooth = cv2.medianBlur(cv2.bilateralFilter(rgb_HW3, 5, 25.0, 3.0), 3)
    lab_HW3 = cv2.cvtColor(smooth, cv2.COLOR_RGB2LAB).astype(np.float32) * np.float32(_EDGE_COST)
    outside_HW = (alpha_HW < 25).astype(np.float32) * np.float32(_OUTSIDE_COST)
    cost_SHW = np.full((num_limbs + 1, *alpha_HW.shape), _MAX_COST, np.float32)
    is_hand_HW = is_hand_LHW.any(axis=0)
    is_rest_HW = (is_trunk_HW & (nearest_HW > TRUNK_FROM)) | (nearest_HW > REST_FROM)
    cost_SHW[0][is_head_HW | (is_rest_HW & (alpha_HW > 127) & ~is_hand_HW)] = 0.0
    for limb in range(num_limbs):
        is_seed = (bone_distance_LHW[limb] < LIMB_CORE) & (owner_HW == limb) & ~is_head_HW
        # Later limbs lie in front: what is near their bones may be theirs.
        is_seed &= (limb_distance_LHW[limb + 1 :] > 1.0).all(axis=0)
        cost_SHW[1 + limb][(is_seed & ~is_hand_HW) | (is_hand_LHW[limb] & ~is_head_HW)] = 0.0
    step = 1.0 / max(radius_px, 1.0)
    for seeds in range(num_limbs + 1):
        spread(cost_SHW[seeds], lab_HW3, outside_HW, step, _NUM_SWEEPS)
    cost_SHW[1:][limb_distance_LHW > LIMB_REACH] = _MAX_COST
    cost_SHW[1:, is_head_HW] = _MAX_COST
    label_HW = _without_crumbs(cost_SHW.argmin(0).astype(np.uint8), radius_px)
    for limb in range(num_limbs):
        label_HW[is_hand_LHW[limb] & ~is_head_HW] = 1 + limb  # fingers are finer than crumbs
    label_HW[alpha_HW == 0] = 0
    is_island_HW = _islands((label_HW == 0) & (alpha_HW > 127), is_head_HW | is_trunk_HW)
    reachable = cost_SHW[1:].min(0) < _MAX_COST
    nearest_limb = 1 + cost_SHW[1:].argmin(0).astype(np.uint8)
    return np.where(is_island_HW & reachable, nearest_limb, label_HW)


def _islands(is_rest_HW: NDArray[np.bool_], is_main_HW: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pieces of the rest that hang together with neither head nor trunk: between limbs."""
    _, piece_HW = cv2.connectedComponents(is_rest_HW.astype(np.uint8))
    main = np.unique(piece_HW[is_rest_HW & is_main_HW])
    return np.asarray(is_rest_HW & ~np.isin(piece_HW, main))


def with_islands(
    label_HW: ByteArray, alpha_HW: ByteArray, is_main_HW: NDArray[np.bool_]
) -> ByteArray:
    """Labels where what hangs together with limbs only belongs to the limb it touches most.

    Fingertips, and what a hand holds: left on the trunk they would stay in mid-air once it moves.
    """
    rest_HW = ((label_HW == 0) & (alpha_HW > _FAINT)).astype(np.uint8)
    num_pieces, piece_HW = cv2.connectedComponents(rest_HW)
    is_main_N = np.zeros(num_pieces, bool)
    is_main_N[np.unique(piece_HW[is_main_HW & (alpha_HW > 127)])] = True
    square = np.ones((3, 3), np.uint8)
    result = label_HW.copy()
    for piece in np.flatnonzero(~is_main_N[1:]) + 1:
        is_piece_HW = piece_HW == piece
        around_HW = cv2.dilate(is_piece_HW.astype(np.uint8), square) > 0
        touched = np.bincount(label_HW[around_HW], minlength=2)[1:]
        if touched.any():
            result[is_piece_HW] = 1 + int(touched.argmax())
    return result


def _without_crumbs(label_HW: ByteArray, radius_px: float) -> ByteArray:
    """Outlines smoothed at the scale of a fraction of a limb's width."""
    size = 2 * max(1, round(0.12 * radius_px)) + 1
    result = np.zeros_like(label_HW)
    for label in range(1, int(label_HW.max()) + 1):
        own = (label_HW == label).astype(np.uint8) * np.uint8(255)
        result[cv2.GaussianBlur(own, (0, 0), size / 2) > 127] = label
    return result


@kernel
def spread(
    cost_HW: FloatArray,
    lab_HW3: FloatArray,
    outside_HW: FloatArray,
    step: float,
    num_sweeps: int,
) -> None:
    """Lower every cost to that of the cheapest way to a seed, in place."""
    height, width = cost_HW.shape
    for sweep in range(num_sweeps):
        is_forward = sweep % 2 == 0
        for i in range(height):
            y = i if is_forward else height - 1 - i
            back_y = y - 1 if is_forward else y + 1
            for j in range(width):
                x = j if is_forward else width - 1 - j
                back_x = x - 1 if is_forward else x + 1
                best = cost_HW[y, x]
                for k in range(4):
                    ny = y if k == 0 else back_y
                    nx = back_x if k < 2 else (x if k == 2 else 2 * x - back_x)
                    if ny < 0 or ny >= height or nx < 0 or nx >= width:
                        continue
                    d0 = lab_HW3[y, x, 0] - lab_HW3[ny, nx, 0]
                    d1 = lab_HW3[y, x, 1] - lab_HW3[ny, nx, 1]
                    d2 = lab_HW3[y, x, 2] - lab_HW3[ny, nx, 2]
                    edge = np.sqrt(d0 * d0 + d1 * d1 + d2 * d2)
                    length = step if k == 0 or k == 2 else step * 1.4142
                    way = cost_HW[ny, nx] + length + edge + outside_HW[y, x] * length
                    best = min(best, way)
                cost_HW[y, x] = best
