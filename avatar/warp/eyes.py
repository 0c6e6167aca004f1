"""Eyes that look around: each iris is lifted off the reference, completed, and drawn anew.

Knows one eye's pixels and a gaze difference; does not know where gaze comes from.

Legend: H, W canvas pixels; S side of the iris texture; P points of the lids' outline.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar.frames import ByteArray, FloatArray, ReferenceGeometry, RetargetedMotion
from avatar.jit import kernel
from avatar.motion.topology import (
    LEFT_IRIS,
    LEFT_LID_LOWER,
    LEFT_LID_UPPER,
    RIGHT_IRIS,
    RIGHT_LID_LOWER,
    RIGHT_LID_UPPER,
)
from avatar.warp.mesh import Label
from avatar.warp.polygon import Box, depth_inside, smoothstep

IRIS_SIDE = 48
IRIS_EXTENT = 1.25
"""Half width of the iris texture in iris radii."""
EYEBALL_RADIUS_WIDTHS = 0.40
"""Eyeball radius (12 mm) in eye widths (30 mm): how far the iris travels per sine of gaze."""
MIN_IRIS_RADIUS_PX = 1.2

LID_OUTLINES = tuple(
    np.concatenate([upper, lower[-2:0:-1]])
    for upper, lower in ((LEFT_LID_UPPER, LEFT_LID_LOWER), (RIGHT_LID_UPPER, RIGHT_LID_LOWER))
)
IRISES = (LEFT_IRIS, RIGHT_IRIS)
LABELS = (Label.LEFT_EYE, Label.RIGHT_EYE)


@dataclass(frozen=True, slots=True)
class EyeRig:
    """One eye of the reference, its iris apart from the rest."""

    iris_SS4: ByteArray
    """The completed iris, straight alpha, `IRIS_EXTENT` radii to each side."""
    radius_px: float
    rest_2: FloatArray
    """Iris centre at rest, in the eye's frame (see `_eye_frame`)."""


def build_eyes(
    rgb_HW3: ByteArray, reference: ReferenceGeometry
) -> tuple[ByteArray, tuple[EyeRig, ...], FloatArray | None]:
    """Take both irises off a picture.

    Returns the picture with plain eyeballs, the two eyes, and the colour of the white of the eye
    (a stand-in for what white looks like under this light; None where no white is to be seen).
    """
    plain_HW3 = rgb_HW3.copy()
    eyes = []
    whites = []
    for outline_P, iris_N in zip(LID_OUTLINES, IRISES, strict=True):
        lids_P2 = reference.landmarks_N3[outline_P, :2]
        rim_N2 = reference.landmarks_N3[iris_N, :2]
        radius_px = float(np.linalg.norm(rim_N2[1:] - rim_N2[0], axis=1).mean())
        radius_px = max(radius_px, MIN_IRIS_RADIUS_PX)
        eye, white = _lift_iris(plain_HW3, rgb_HW3, lids_P2, rim_N2[0], radius_px)
        eyes.append(eye)
        if white is not None:
            whites.append(white)
    return plain_HW3, tuple(eyes), np.mean(whites, axis=0) if whites else None


def draw_eyes(
    rgb_HW3: ByteArray,
    label_HW: ByteArray,
    eyes: tuple[EyeRig, ...],
    reference: ReferenceGeometry,
    motion: RetargetedMotion,
) -> None:
    """Draw both irises into a rendered picture, clipped to the lids where they now are."""
    size_ratio = motion.scale / reference.scale
    for side, eye in enumerate(eyes):
        lids_P2 = motion.landmarks_N3[LID_OUTLINES[side], :2]
        box = Box.around(lids_P2, 2.0, label_HW.shape)  # type: ignore[arg-type]
        if box.is_empty:
            continue
        origin_2, axes_22 = _eye_frame(lids_P2)
        gaze_2 = np.sin(motion.gaze_22[side]) - np.sin(reference.gaze_22[side])
        centre_2 = origin_2 + axes_22 @ (eye.rest_2 + EYEBALL_RADIUS_WIDTHS * gaze_2)
        depth_HW = depth_inside(lids_P2, box)
        coverage_HW = smoothstep(0.2, 1.4, depth_HW)
        coverage_HW *= _is_near_label(label_HW[box.slices], LABELS[side])
        _blend_iris(
            rgb_HW3[box.slices],
            coverage_HW,
            eye.iris_SS4,
            float(centre_2[0] - box.left),
            float(centre_2[1] - box.top),
            float(eye.radius_px * size_ratio),
        )


def _is_near_label(label_HW: ByteArray, label: Label) -> FloatArray:
    """1 on pixels of the label and their neighbours: the mesh edge must not show as a staircase."""
    mask = (label_HW == label).astype(np.uint8)
    return cv2.dilate(mask, np.ones((3, 3), np.uint8)).astype(np.float32)


def _eye_frame(lids_P2: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Origin between the eye's corners; columns of the axes: one eye width right, one down."""
    outer, inner = lids_P2[0], lids_P2[8]
    across = inner - outer if inner[0] > outer[0] else outer - inner
    down = np.array([-across[1], across[0]], np.float32)
    return (outer + inner) / 2, np.stack([across, down], axis=1)


def _lift_iris(
    plain_HW3: ByteArray,
    rgb_HW3: ByteArray,
    lids_P2: FloatArray,
    centre_2: FloatArray,
    radius_px: float,
) -> tuple[EyeRig, FloatArray | None]:
    """Complete one iris and paint it out of `plain_HW3`; also the colour of its white."""
    canvas_hw = (rgb_HW3.shape[0], rgb_HW3.shape[1])
    box = Box.around(lids_P2, 3.0, canvas_hw)
    origin_2, axes_22 = _eye_frame(lids_P2)
    rest_2 = np.linalg.solve(axes_22.astype(np.float64), (centre_2 - origin_2).astype(np.float64))
    white = None
    if not box.is_empty:
        depth_HW = depth_inside(lids_P2, box)
        rows, columns = np.mgrid[box.top : box.bottom, box.left : box.right]
        radius_HW = np.hypot(columns - centre_2[0], rows - centre_2[1]) / radius_px
        patch = rgb_HW3[box.slices].astype(np.float32)
        is_white = (depth_HW > 1.2) & (radius_HW > 1.2)
        if is_white.sum() >= 6:
            luma = patch[is_white].mean(1)
            white = np.median(patch[is_white][luma >= np.median(luma)], axis=0)
        filled = _fill_from(patch, is_white, white, radius_px)
        hole = smoothstep(1.30, 1.12, radius_HW) * smoothstep(0.3, 1.3, depth_HW)
        plain_HW3[box.slices] = (patch + (filled - patch) * hole[..., None]).astype(np.uint8)
    iris = _complete_iris(rgb_HW3, lids_P2, centre_2, radius_px)
    return EyeRig(iris, radius_px, rest_2.astype(np.float32)), white


def _fill_from(
    patch_HW3: FloatArray,
    is_known_HW: NDArray[np.bool_],
    fallback: FloatArray | None,
    radius_px: float,
) -> FloatArray:
    """Spread known pixels smoothly over the unknown ones (normalised convolution)."""
    if fallback is None:
        bright = np.percentile(patch_HW3.reshape(-1, 3), 90, axis=0)
        return np.broadcast_to(bright, patch_HW3.shape).astype(np.float32)
    known = is_known_HW.astype(np.float32)
    sigma = max(radius_px, 1.5)
    weight = cv2.GaussianBlur(known, (0, 0), sigma) + 1e-3
    colour = cv2.GaussianBlur(patch_HW3 * known[..., None], (0, 0), sigma)
    return np.asarray((colour + 1e-3 * fallback) / weight[..., None], np.float32)


def _complete_iris(
    rgb_HW3: ByteArray, lids_P2: FloatArray, centre_2: FloatArray, radius_px: float
) -> ByteArray:
    """Resample the iris to a square; what the lids hide is filled from its visible rings."""
    grid = (np.arange(IRIS_SIDE) + 0.5) / IRIS_SIDE * 2 - 1
    u, v = np.meshgrid(grid * IRIS_EXTENT, grid * IRIS_EXTENT)
    radius_SS = np.hypot(u, v)
    map_x = (centre_2[0] + u * radius_px).astype(np.float32)
    map_y = (centre_2[1] + v * radius_px).astype(np.float32)
    colour: FloatArray = np.asarray(
        cv2.remap(rgb_HW3, map_x, map_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE),
        np.float32,
    )
    box = Box(
        int(np.floor(map_x.min())) - 1,
        int(np.floor(map_y.min())) - 1,
        int(np.ceil(map_x.max())) + 2,
        int(np.ceil(map_y.max())) + 2,
    )
    depth_SS = cv2.remap(
        depth_inside(lids_P2, box), map_x - box.left, map_y - box.top, cv2.INTER_LINEAR
    )
    visible_SS = smoothstep(0.4, 1.6, np.asarray(depth_SS, np.float32))
    rings = np.minimum((radius_SS / IRIS_EXTENT * 12).astype(int), 11)
    overall = _weighted_mean(colour, visible_SS * (radius_SS < 1))
    profile = np.stack(
        [_weighted_mean(colour, visible_SS * (rings == ring), overall) for ring in range(12)]
    )
    fill = profile[rings]
    mirrored = colour[:, ::-1]
    mirrored_visible = visible_SS[:, ::-1]
    fill = fill + (mirrored - fill) * (mirrored_visible * 0.6)[..., None]
    complete = fill + (colour - fill) * visible_SS[..., None]
    alpha = smoothstep(1.12, 0.94, radius_SS.astype(np.float32))
    return np.clip(np.dstack([complete, alpha * 255.0]), 0, 255).astype(np.uint8)


def _weighted_mean(
    colour_SS3: FloatArray, weight_SS: FloatArray, fallback: FloatArray | None = None
) -> FloatArray:
    total = float(weight_SS.sum())
    if total < 1.0:
        return np.array([60.0, 45.0, 35.0], np.float32) if fallback is None else fallback
    return np.asarray((colour_SS3 * weight_SS[..., None]).sum((0, 1)) / total, np.float32)


@kernel
def _blend_iris(
    rgb_HW3: ByteArray,
    coverage_HW: FloatArray,
    iris_SS4: ByteArray,
    centre_x: float,
    centre_y: float,
    radius_px: float,
) -> None:
    side = iris_SS4.shape[0]
    per_px = side / (2.0 * IRIS_EXTENT * radius_px)
    for y in range(coverage_HW.shape[0]):
        for x in range(coverage_HW.shape[1]):
            cover = coverage_HW[y, x]
            if cover <= 0.0:
                continue
            u = (x - centre_x) * per_px + side * 0.5 - 0.5
            v = (y - centre_y) * per_px + side * 0.5 - 0.5
            if u < 0.0 or v < 0.0 or u >= side - 1 or v >= side - 1:
                continue
            u0 = int(u)
            v0 = int(v)
            fu = u - u0
            fv = v - v0
            w00 = (1 - fu) * (1 - fv)
            w01 = fu * (1 - fv)
            w10 = (1 - fu) * fv
            w11 = fu * fv
            alpha = (
                w00 * iris_SS4[v0, u0, 3]
                + w01 * iris_SS4[v0, u0 + 1, 3]
                + w10 * iris_SS4[v0 + 1, u0, 3]
                + w11 * iris_SS4[v0 + 1, u0 + 1, 3]
            ) / 255.0
            alpha *= cover
            for k in range(3):
                value = (
                    w00 * iris_SS4[v0, u0, k]
                    + w01 * iris_SS4[v0, u0 + 1, k]
                    + w10 * iris_SS4[v0 + 1, u0, k]
                    + w11 * iris_SS4[v0 + 1, u0 + 1, k]
                )
                under = rgb_HW3[y, x, k]
                rgb_HW3[y, x, k] = np.uint8(under + (value - under) * alpha + 0.5)
