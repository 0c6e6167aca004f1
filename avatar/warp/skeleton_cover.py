"""A person's coarse mask, completed along the skeleton.

Segmentation networks that are good at a talking head lose the hands and legs of a whole body. The
skeleton says where those are; GrabCut (Rother, Kolmogorov and Blake 2004) finds their outline.
Knows one picture, its coarse mask and joints; does not refine edges (the matte does).

Legend: H, W pixels; h, w pixels of the reduced picture; 3 colours.
"""

from __future__ import annotations

import cv2
import numpy as np

from avatar.frames import ByteArray, FloatArray, ReferenceGeometry
from avatar.warp.skeleton_mask import body_distance

_SOLVE_SIDE_PX = 384
_ITERATIONS = 4
_CORE = 0.25
"""Distances to bones (1 is the expected outline) below which a pixel is the person's for sure,"""
_LIKELY = 0.85
_FAR = 1.9
"""and beyond which it is not, unless the mask says so."""


def cover_body(
    rgb_HW3: ByteArray, coarse_HW: FloatArray, reference: ReferenceGeometry
) -> FloatArray:
    """The mask (H, W) in 0..1 with the limbs that it missed; unchanged where no body is known."""
    distance = body_distance(reference)
    if distance is None:
        return coarse_HW
    rows, columns = coarse_HW.shape
    ratio = min(1.0, _SOLVE_SIDE_PX / max(rows, columns))
    size = (max(8, round(columns * ratio)), max(8, round(rows * ratio)))

    def reduced(values_HW: FloatArray) -> FloatArray:
        values = np.minimum(values_HW, 1e3)
        return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), np.float32)

    rgb_hw3 = cv2.resize(rgb_HW3, size, interpolation=cv2.INTER_AREA)
    mask_hw, body_hw = reduced(coarse_HW), reduced(distance.body_HW)
    state = np.full(mask_hw.shape, cv2.GC_PR_BGD, np.uint8)
    state[(mask_hw > 0.5) | (body_hw < _LIKELY)] = cv2.GC_PR_FGD
    state[(mask_hw < 0.3) & (body_hw > _FAR)] = cv2.GC_BGD
    state[(mask_hw > 0.95) & (body_hw < 1.0)] = cv2.GC_FGD
    state[reduced(distance.bones_HW) < _CORE] = cv2.GC_FGD
    if not (state == cv2.GC_BGD).any():
        return coarse_HW  # the body fills the canvas: no sure background to learn from
    background, foreground = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)
    whole = (0, 0, *size)  # unused: the mask says where to begin
    cv2.grabCut(rgb_hw3, state, whole, background, foreground, _ITERATIONS, cv2.GC_INIT_WITH_MASK)
    cut_hw = ((state == cv2.GC_FGD) | (state == cv2.GC_PR_FGD)).astype(np.float32)
    cut_hw = _own_parts(cut_hw, body_hw)
    # The cut adds what lies along a bone; elsewhere (head, hair, clothes) the network knows better.
    added_hw = cut_hw * np.clip((1.5 - reduced(distance.limbs_HW)) / 0.4, 0.0, 1.0)
    joined_hw = np.maximum(mask_hw, added_hw)
    joined_hw = cv2.GaussianBlur(joined_hw, (0, 0), 1.0)
    return np.asarray(
        cv2.resize(joined_hw, (columns, rows), interpolation=cv2.INTER_LINEAR), np.float32
    )


def _own_parts(cut_hw: FloatArray, body_hw: FloatArray) -> FloatArray:
    """Without islands that no bone runs through."""
    num_parts, label_hw = cv2.connectedComponents(cut_hw.astype(np.uint8))
    on_bone = np.unique(label_hw[body_hw < _CORE])
    is_own = np.zeros(num_parts, np.float32)
    is_own[on_bone] = 1.0
    is_own[0] = 0.0
    return is_own[label_hw]
