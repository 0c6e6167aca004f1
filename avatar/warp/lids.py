"""Upper lids that close: skin unrolls over the eye instead of the lashes being pulled down it.

Knows the strip between the lid's edge and its crease; does not know blinks. Stretching the picture
itself would smear lashes and eyeliner over the whole closed eye, so a strip painted in the skin's
own colours takes its place as the lid comes down.

Legend: S columns along the lid (outer to inner corner), R rows from crease to edge, H, W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar.frames import ByteArray, FloatArray, ReferenceGeometry, RetargetedMotion
from avatar.motion.topology import (
    LEFT_LID_LOWER,
    LEFT_LID_UPPER,
    LEFT_LID_UPPER_CREASE,
    RIGHT_LID_LOWER,
    RIGHT_LID_UPPER,
    RIGHT_LID_UPPER_CREASE,
)
from avatar.warp.polygon import Box
from avatar.warp.raster import RasterTarget, rasterise, sample_over

COLUMNS, ROWS = 33, 24
LASH_ROWS = 4
CLOSING = (0.15, 0.65)
"""Share of the aperture lost at which the painted lid begins to show, and shows fully."""

LIDS = (
    (LEFT_LID_UPPER, LEFT_LID_UPPER_CREASE, LEFT_LID_LOWER),
    (RIGHT_LID_UPPER, RIGHT_LID_UPPER_CREASE, RIGHT_LID_LOWER),
)
_MIDDLE = slice(2, 7)


@dataclass(frozen=True, slots=True)
class LidRig:
    """One upper lid of a character."""

    texture_RS4: ByteArray
    aperture: float
    """Lid gap at rest in inter-ocular units."""


def build_lids(rgb_HW3: ByteArray, reference: ReferenceGeometry) -> tuple[LidRig, ...]:
    """Paint both lids in the colours of the skin above them."""
    soft_HW3 = np.asarray(cv2.GaussianBlur(rgb_HW3, (0, 0), 0.02 * reference.scale), np.float32)
    lids = []
    for upper_P, crease_P, lower_P in LIDS:
        edge_P2 = reference.landmarks_N3[upper_P, :2]
        crease_P2 = reference.landmarks_N3[crease_P, :2]
        skin_S3 = _along(soft_HW3, crease_P2 + 0.3 * (crease_P2 - edge_P2))
        # The darkest of what lies about the edge: lashes, liner, or their shadow.
        down_2 = (edge_P2[_MIDDLE] - crease_P2[_MIDDLE]).mean(0) * 0.25
        about = [_along(soft_HW3, edge_P2 + share * down_2) for share in (-1.0, 0.0, 1.0)]
        lash_S3 = np.minimum(np.min(about, axis=0), skin_S3 * 0.62)
        row_R1 = np.linspace(0.0, 1.0, ROWS, dtype=np.float32)[:, None]
        # The lid is a ball's skin: in the fold's shade at the top, lightest in the middle.
        shading_R1 = 0.90 + 0.10 * np.sin(np.pi * np.clip(row_R1 * 1.1, 0, 1))
        colour_RS3 = skin_S3[None] * shading_R1[..., None]
        lash_R1 = np.clip((row_R1 - 1 + LASH_ROWS / ROWS) * ROWS / LASH_ROWS, 0, 1)[..., None]
        colour_RS3 += (lash_S3[None] - colour_RS3) * lash_R1
        across_S = np.sin(np.linspace(0, np.pi, COLUMNS))
        alpha_RS = np.clip(row_R1 / 0.35, 0, 1) * np.clip(across_S / 0.25, 0, 1)
        lids.append(
            LidRig(
                np.clip(np.dstack([colour_RS3, alpha_RS * 255]), 0, 255).astype(np.uint8),
                _aperture(reference.shape_N3, upper_P, lower_P),
            )
        )
    return tuple(lids)


def draw_lids(rgb_HW3: ByteArray, lids: tuple[LidRig, ...], motion: RetargetedMotion) -> None:
    """Draw lids into a rendered picture as far as they are closed."""
    canvas_hw = (rgb_HW3.shape[0], rgb_HW3.shape[1])
    for lid, (upper_P, crease_P, lower_P) in zip(lids, LIDS, strict=True):
        lost = 1.0 - _aperture(motion.shape_N3, upper_P, lower_P) / max(lid.aperture, 1e-3)
        share = float(np.clip((lost - CLOSING[0]) / (CLOSING[1] - CLOSING[0]), 0.0, 1.0))
        if share == 0.0:
            continue
        edge_P2 = motion.landmarks_N3[upper_P, :2]
        crease_P2 = motion.landmarks_N3[crease_P, :2]
        box = Box.around(np.concatenate([edge_P2, crease_P2]), 1.0, canvas_hw)
        if box.is_empty:
            continue
        target = RasterTarget.of_size(*box.hw)
        offset_2 = np.array([box.left, box.top], np.float32)
        position_V2 = np.concatenate([crease_P2, edge_P2]) - offset_2
        position_V3 = np.column_stack([position_V2, np.zeros(len(position_V2))])
        rasterise(
            position_V3.astype(np.float32),
            _TEXTURE_V2,
            _TRIANGLES_T3,
            _LABELS_T,
            target.map_HW2,
            target.depth_HW,
            target.label_HW,
        )
        texture_RS4 = lid.texture_RS4.copy()
        texture_RS4[..., 3] = (texture_RS4[..., 3] * share).astype(np.uint8)
        patch_HW3 = np.ascontiguousarray(rgb_HW3[box.slices])
        alpha_HW = np.empty(box.hw, np.uint8)
        sample_over(texture_RS4, target.map_HW2, target.label_HW, patch_HW3, alpha_HW)
        rgb_HW3[box.slices] = patch_HW3


def _aperture(shape_N3: FloatArray, upper_P: NDArray[np.intp], lower_P: NDArray[np.intp]) -> float:
    return float((shape_N3[lower_P[_MIDDLE], 1] - shape_N3[upper_P[_MIDDLE], 1]).mean())


def _along(picture_HW3: FloatArray, points_P2: FloatArray) -> FloatArray:
    """Colours (S, 3) along a polyline."""
    at = np.linspace(0, len(points_P2) - 1, COLUMNS)
    x, y = (
        np.interp(at, np.arange(len(points_P2)), points_P2[:, k]).astype(np.float32)[None]
        for k in range(2)
    )
    found = cv2.remap(picture_HW3, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found[0], np.float32)


def _strip() -> tuple[FloatArray, NDArray[np.int32]]:
    """Texture coordinates and triangles of a strip between two rows of nine points."""
    columns = np.linspace(0, COLUMNS - 1, 9)
    texture = [(x, y) for y in (0.0, ROWS - 1.0) for x in columns]
    triangles = [t for i in range(8) for t in ((i, i + 1, i + 9), (i + 1, i + 10, i + 9))]
    return np.array(texture, np.float32), np.array(triangles, np.int32)


_TEXTURE_V2, _TRIANGLES_T3 = _strip()
_LABELS_T = np.ones(len(_TRIANGLES_T3), np.uint8)
