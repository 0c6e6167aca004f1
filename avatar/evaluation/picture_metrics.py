"""How alike two pictures are: PSNR, SSIM, L1, sharpness; and how still a still part stays.

Knows pairs of RGB pictures of one size; does not know faces or time. All pixel metrics are taken
at METRIC_SIDE_PX, so that animators of different resolution are compared on the same footing.

Shape legend: H, W pixels; 3 colours; 4 left, top, right, bottom of a box.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar.frames import ByteArray, FloatArray

METRIC_SIDE_PX = 256
"""Short side of the pictures that are compared."""
PSNR_CAP_DB = 60.0
"""Identical pictures would be infinite; the mean of a clip must stay finite."""
_STILL_LEVELS = 2.0
"""A truth pixel that changes less than this between two pictures stands still."""

Box = tuple[int, int, int, int]


def to_metric_size(rgb_HW3: ByteArray) -> ByteArray:
    """Resample so that the short side is METRIC_SIDE_PX."""
    rows, columns = rgb_HW3.shape[:2]
    factor = METRIC_SIDE_PX / min(rows, columns)
    if factor == 1.0:
        return rgb_HW3
    size = (round(columns * factor), round(rows * factor))
    kind = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(rgb_HW3, size, interpolation=kind), np.uint8)


def psnr_db(truth_HW3: ByteArray, output_HW3: ByteArray) -> float:
    """Peak signal-to-noise ratio over all colours, at most PSNR_CAP_DB."""
    difference = truth_HW3.astype(np.float32) - output_HW3
    mean_square = float(np.mean(difference * difference))
    if mean_square <= 0.0:
        return PSNR_CAP_DB
    return min(PSNR_CAP_DB, 10.0 * math.log10(255.0**2 / mean_square))


def l1(truth_HW3: ByteArray, output_HW3: ByteArray) -> float:
    """Mean absolute difference, 0..1."""
    return float(np.abs(truth_HW3.astype(np.float32) - output_HW3).mean()) / 255.0


def ssim(truth_HW3: ByteArray, output_HW3: ByteArray) -> float:
    """Structural similarity of luma (Wang et al. 2004: 11x11 Gaussian, sigma 1.5, K 0.01, 0.03)."""
    x = _luma(truth_HW3)
    y = _luma(output_HW3)
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mean_x, mean_y = _window(x), _window(y)
    variance_x = _window(x * x) - mean_x * mean_x
    variance_y = _window(y * y) - mean_y * mean_y
    covariance = _window(x * y) - mean_x * mean_y
    above = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    below = (mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2)
    return float((above / below)[5:-5, 5:-5].mean())


def sharpness(rgb_HW3: ByteArray, box: Box | None = None) -> float:
    """Variance of the Laplacian of luma, inside a box if one is given; more is sharper."""
    left, top, right, bottom = box or (0, 0, rgb_HW3.shape[1], rgb_HW3.shape[0])
    luma = _luma(rgb_HW3[top:bottom, left:right])
    return float(np.var(cv2.Laplacian(luma, cv2.CV_32F)))


def flicker(
    truth_before: ByteArray, truth_now: ByteArray, before: ByteArray, now: ByteArray
) -> float | None:
    """Mean change of the output, in levels, where the truth stands still; None where it never does.

    All four pictures have the same size; the truth's own change there is subtracted.
    """
    truth_change = np.abs(truth_now.astype(np.float32) - truth_before).mean(axis=2)
    # Codec noise flips single pixels: a smoothed change says whether a place stands still.
    is_still = cv2.blur(truth_change, (5, 5)) < _STILL_LEVELS
    if int(is_still.sum()) < 100:
        return None
    change = np.abs(now.astype(np.float32) - before).mean(axis=2)
    return max(0.0, float(change[is_still].mean() - truth_change[is_still].mean()))


def box_of(points_N2: FloatArray, picture_hw: tuple[int, int], margin: float) -> Box | None:
    """Box about points with a margin in sizes of the box, cut to the picture; None if too small."""
    low, high = points_N2.min(axis=0), points_N2.max(axis=0)
    grow = margin * (high - low)
    left, top = np.floor(np.maximum(low - grow, 0)).astype(int)
    right, bottom = np.ceil(np.minimum(high + grow, [picture_hw[1], picture_hw[0]])).astype(int)
    if right - left < 4 or bottom - top < 4:
        return None
    return int(left), int(top), int(right), int(bottom)


def cut_box(rgb_HW3: ByteArray, box: Box) -> ByteArray:
    """The picture inside a box."""
    left, top, right, bottom = box
    return rgb_HW3[top:bottom, left:right]


def _luma(rgb_HW3: ByteArray) -> NDArray[np.float32]:
    return np.asarray(cv2.cvtColor(rgb_HW3, cv2.COLOR_RGB2GRAY), np.float32)


def _window(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(values, (11, 11), 1.5), np.float32)
