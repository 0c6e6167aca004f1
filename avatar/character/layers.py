"""Foreground colours at soft edges, and the background with the person taken out.

Knows a picture and its matte; does not know faces. Shape legend: H, W pixels; 3 colours.
"""

from __future__ import annotations

import cv2
import numpy as np

from avatar.frames import ByteArray, FloatArray
from avatar.warp.fill import push_pull

_MIRROR_REACH = 0.09
"""Of the canvas: about as far as a turning head uncovers."""


def estimate_foreground(rgb_HW3: ByteArray, alpha_HW: FloatArray) -> ByteArray:
    """Colours of the person alone, defined everywhere (continued outside the matte).

    Blur fusion (Forte 2021, arXiv 2101.04108): alpha-weighted means of foreground and background,
    corrected so that compositing gives the picture back; once wide, once narrow.
    """
    picture = rgb_HW3.astype(np.float32)
    alpha = alpha_HW[..., None].astype(np.float32)
    side = max(rgb_HW3.shape[:2])
    foreground, background = picture, picture
    for radius in (side // 6, max(3, side // 85)):
        foreground, background = _fuse(picture, foreground, background, alpha, 2 * radius + 1)
    inside = np.clip((alpha - 0.9) / 0.1, 0.0, 1.0)  # solid skin keeps its exact pixels
    result = inside * picture + (1.0 - inside) * foreground
    return np.asarray(np.clip(result, 0, 255).round(), np.uint8)


def _fuse(
    picture: FloatArray,
    foreground: FloatArray,
    background: FloatArray,
    alpha: FloatArray,
    size: int,
) -> tuple[FloatArray, FloatArray]:
    weight = _blur(alpha, size)[..., None]
    mean_foreground = _blur(foreground * alpha, size) / (weight + 1e-5)
    mean_background = _blur(background * (1 - alpha), size) / (1 - weight + 1e-5)
    residual = picture - alpha * mean_foreground - (1 - alpha) * mean_background
    corrected = np.clip(mean_foreground + alpha * residual, 0, 255)
    return corrected.astype(np.float32), mean_background.astype(np.float32)


def _blur(values: FloatArray, size: int) -> FloatArray:
    return np.asarray(cv2.blur(values, (size, size), borderType=cv2.BORDER_REPLICATE), np.float32)


def fill_background(rgb_HW3: ByteArray, alpha_HW: FloatArray, *, seed: int = 0) -> ByteArray:
    """The picture without the person: what a moved head uncovers looks like its surroundings.

    Near the person's edge the background is mirrored inwards, texture and all; further in, where
    nothing is ever uncovered, it goes on smoothly with the background's own grain.
    """
    margin = max(2, round(max(rgb_HW3.shape[:2]) / 100))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * margin + 1, 2 * margin + 1))
    hole = cv2.dilate((alpha_HW > 0.02).astype(np.uint8), kernel).astype(np.float32)
    known = 1.0 - hole
    if float(known.mean()) < 0.005:  # nothing to continue: the person fills the canvas
        mean = rgb_HW3.reshape(-1, 3).mean(axis=0)
        return np.asarray(np.broadcast_to(mean, rgb_HW3.shape).round(), np.uint8).copy()
    picture = rgb_HW3.astype(np.float32)
    filled = push_pull(picture, known)
    mirrored, weight_HW = _mirror_into(picture, hole)
    filled += weight_HW[..., None] * (mirrored - filled)
    filled += _grain(picture, known, seed) * (hole * (1.0 - weight_HW))[..., None]
    soft = cv2.GaussianBlur(hole, (0, 0), margin / 2)[..., None]
    soft = np.maximum(soft, hole[..., None])
    result = picture * (1 - soft) + filled * soft
    return np.asarray(np.clip(result, 0, 255).round(), np.uint8)


def _mirror_into(picture_HW3: FloatArray, hole_HW: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The background reflected at the hole's edge, and how far to trust it (0 deep inside)."""
    rows, columns = hole_HW.shape
    side = max(rows, columns)
    distance_HW, label_HW = cv2.distanceTransformWithLabels(
        hole_HW.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    edge_y, edge_x = np.nonzero(hole_HW == 0)
    nearest_L2 = np.zeros((int(label_HW.max()) + 1, 2), np.float32)
    nearest_L2[label_HW[edge_y, edge_x]] = np.stack([edge_x, edge_y], axis=1)
    y_HW, x_HW = np.mgrid[0:rows, 0:columns].astype(np.float32)
    to_edge_HW2 = nearest_L2[label_HW] - np.dstack([x_HW, y_HW])
    # Neighbours have jumping nearest points along a ragged outline: smoothed, the texture holds.
    share = cv2.GaussianBlur(hole_HW, (0, 0), side / 80)[..., None]
    smooth_HW2 = cv2.GaussianBlur(to_edge_HW2 * hole_HW[..., None], (0, 0), side / 80)
    smooth_HW2 = smooth_HW2 / np.maximum(share, 1e-3)
    map_x = np.asarray(x_HW + 2.05 * smooth_HW2[..., 0], np.float32)
    map_y = np.asarray(y_HW + 2.05 * smooth_HW2[..., 1], np.float32)
    mirrored = cv2.remap(picture_HW3, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    known = cv2.remap(1.0 - hole_HW, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    inside = (map_x > -0.1 * columns) & (map_x < 1.1 * columns)
    inside &= (map_y > -0.1 * rows) & (map_y < 1.1 * rows)
    depth_HW = np.asarray(distance_HW, np.float32) / (_MIRROR_REACH * side)
    # Out of focus with depth: a reflected window frame is then a shade, not a shape.
    for sigma, begin in ((side / 250, 0.1), (side / 100, 0.4), (side / 50, 0.8)):
        blurred = cv2.GaussianBlur(mirrored, (0, 0), sigma)
        mirrored = mirrored + np.clip((depth_HW - begin) / 0.3, 0.0, 1.0)[..., None] * (
            blurred - mirrored
        )
    near = np.clip(1.6 - depth_HW, 0.0, 1.0)
    trusted = (np.asarray(known) > 0.99) & inside
    weight = cv2.GaussianBlur(trusted.astype(np.float32), (0, 0), 3.0) * near
    return np.asarray(mirrored, np.float32), np.asarray(weight * hole_HW, np.float32)


def _grain(picture_HW3: FloatArray, known_HW: FloatArray, seed: int) -> FloatArray:
    """Noise as strong as the background's finest detail: a fill without it looks airbrushed."""
    detail = picture_HW3 - cv2.GaussianBlur(picture_HW3, (0, 0), 1.2)
    sure = cv2.erode(known_HW, np.ones((5, 5), np.uint8)) > 0.5
    # The median is not fooled by the few strong edges that a real background has.
    strength = 1.4826 * float(np.median(np.abs(detail[sure]))) if sure.any() else 0.0
    white = np.random.default_rng(seed).normal(size=picture_HW3.shape[:2])
    noise = np.asarray(cv2.GaussianBlur(white, (0, 0), 0.6), np.float32)
    noise /= max(float(noise.std()), 1e-6)
    return np.asarray(noise[..., None] * min(strength, 6.0), np.float32)
