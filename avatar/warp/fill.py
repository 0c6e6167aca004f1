"""Colours spread smoothly from where they are known to where they are not.

Knows a picture and weights; does not know what is missing. Legend: H, W pixels; 3 colours.
"""

from __future__ import annotations

import cv2
import numpy as np

from avatar.frames import FloatArray


def push_pull(picture_HW3: FloatArray, weight_HW: FloatArray) -> FloatArray:
    """Smooth scattered-data fill over a pyramid (Gortler et al. 1996, 'The Lumigraph', 5.2)."""
    rows, columns = weight_HW.shape
    if min(rows, columns) <= 2:
        total = float(weight_HW.sum()) + 1e-6
        mean = (picture_HW3 * weight_HW[..., None]).sum(axis=(0, 1)) / total
        blend = weight_HW[..., None]
        return np.asarray(picture_HW3 * blend + mean * (1 - blend), np.float32)
    size = ((columns + 1) // 2, (rows + 1) // 2)
    weighted = cv2.resize(
        np.dstack([picture_HW3 * weight_HW[..., None], weight_HW]),
        size,
        interpolation=cv2.INTER_AREA,
    )
    coarse_weight = weighted[..., 3]
    coarse = weighted[..., :3] / np.maximum(coarse_weight, 1e-6)[..., None]
    saturated = np.minimum(coarse_weight * 2.0, 1.0).astype(np.float32)
    below = push_pull(np.asarray(coarse, np.float32), saturated)
    up = cv2.resize(
        cv2.GaussianBlur(below, (0, 0), 0.8), (columns, rows), interpolation=cv2.INTER_CUBIC
    )
    blend = weight_HW[..., None]
    return np.asarray(picture_HW3 * blend + up * (1 - blend), np.float32)
