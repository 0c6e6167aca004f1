"""Upper lids that close: skin unrolls over the eye instead of the lashes being pulled down it.

Knows the strip between the lid's crease and its edge; does not know blinks. Stretching the picture
itself would smear lashes and eyeliner over the whole closed eye, so as the lid comes down a strip
of the skin above the crease, mirrored and shaded like a ball, takes its place, with lashes along
its edge. Where the picture's eye is larger than its landmarks (drawings), skin from below covers
the rest of it.

Legend: S columns along the lid (outer to inner corner), R rows from crease to edge and below, P the
nine landmarks of a contour, H, W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar.frames import ByteArray, FloatArray, ReferenceGeometry, RetargetedMotion
from avatar.motion.topology import (
    LEFT_BROW_LOWER,
    LEFT_LID_LOWER,
    LEFT_LID_LOWER_CREASE,
    LEFT_LID_UPPER,
    LEFT_LID_UPPER_CREASE,
    RIGHT_BROW_LOWER,
    RIGHT_LID_LOWER,
    RIGHT_LID_LOWER_CREASE,
    RIGHT_LID_UPPER,
    RIGHT_LID_UPPER_CREASE,
)
from avatar.warp.polygon import Box
from avatar.warp.raster import RasterTarget, rasterise, sample_over

COLUMNS, LID_ROWS, LASH_ROWS = 41, 32, 12
LASH_IOD = 0.022
"""Height of the lash rows below the edge,"""
LEAST_LASH_PX = 2.0
"""at least: they also hide the line where the lids meet."""
CLOSING = (0.15, 0.60)
"""Share of the aperture lost at which the unrolled lid begins to show, and shows fully."""
SKIN_FROM, SKIN_TO = 0.12, 1.2
"""The skin above the crease that is unrolled: in lid heights above it, or"""
BROW_SHARE = 0.5
"""up to this much of the way to the brow."""
OTHER_HUE, MUCH_LIGHTER, MUCH_DARKER = 15.0, 30.0, 0.55
"""Difference (8-bit Lab, the last one a share) of what lies under the lower lid to the cheek's skin
from which the eye is taken to go on there: the white of it, or a drawing's black disc,"""
ALIKE = 15.0
"""and to which it is skin again."""

LIDS = (
    (
        LEFT_LID_UPPER,
        LEFT_LID_UPPER_CREASE,
        LEFT_LID_LOWER,
        LEFT_LID_LOWER_CREASE,
        LEFT_BROW_LOWER,
    ),
    (
        RIGHT_LID_UPPER,
        RIGHT_LID_UPPER_CREASE,
        RIGHT_LID_LOWER,
        RIGHT_LID_LOWER_CREASE,
        RIGHT_BROW_LOWER,
    ),
)
_MIDDLE = slice(2, 7)
_CHEEK_FROM, _FAR_CHEEK = (1.25, 1.7, 2.2, 2.7, 3.2, 3.7, 4.2), 5.0
"""Where the cheek's own skin may begin, and surely has: in distances from lower lid to crease."""


@dataclass(frozen=True, slots=True)
class Cheek:
    """Skin that covers what the lower lid's landmarks leave of an eye."""

    texture_RS4: ByteArray
    reach: float
    """How far down, in distances from lower lid to its crease."""


@dataclass(frozen=True, slots=True)
class LidRig:
    """The lids of one eye of a character."""

    texture_RS4: ByteArray
    """The unrolled upper lid with its lashes."""
    cheek: Cheek | None
    aperture: float
    """Lid gap at rest in inter-ocular units."""


def build_lids(rgb_HW3: ByteArray, reference: ReferenceGeometry) -> tuple[LidRig, ...]:
    """Unroll both upper lids out of the skin about the eyes."""
    points_N2 = reference.landmarks_N3[:, :2]
    soft_HW3 = np.asarray(cv2.GaussianBlur(rgb_HW3, (0, 0), 0.02 * reference.scale), np.float32)
    fine_HW3 = rgb_HW3.astype(np.float32)
    lids = []
    for upper_P, crease_P, lower_P, cheek_P, brow_B in LIDS:
        edge_P2, crease_P2 = points_N2[upper_P], points_N2[crease_P]
        lids.append(
            LidRig(
                _upper_lid(soft_HW3, fine_HW3, edge_P2, crease_P2, points_N2[brow_B]),
                _cheek(soft_HW3, points_N2[lower_P], points_N2[cheek_P]),
                _aperture(reference.shape_N3, upper_P, lower_P),
            )
        )
    return tuple(lids)


def _upper_lid(
    soft_HW3: FloatArray,
    fine_HW3: FloatArray,
    edge_P2: FloatArray,
    crease_P2: FloatArray,
    brow_B2: FloatArray,
) -> ByteArray:
    """Skin from above the crease, mirrored downwards; shaded; lashes along the edge."""
    rise_P2 = crease_P2 - edge_P2
    height = max(float(np.linalg.norm(rise_P2[_MIDDLE], axis=1).mean()), 1.0)
    up_2 = rise_P2[_MIDDLE].mean(0) / height
    to_brow = np.linalg.norm(crease_P2[:, None] - brow_B2[None], axis=2).min(1)
    # Corners lie close to nothing: they take the middle's reach.
    reach = min(SKIN_TO * height, BROW_SHARE * float(np.median(to_brow[_MIDDLE])))
    row_R = np.linspace(0.0, 1.0, LID_ROWS, dtype=np.float32)
    soft_RS3, fine_RS3 = (
        np.stack(
            [_along(picture, crease_P2 + (SKIN_FROM * height + r * reach) * up_2) for r in row_R]
        )
        for picture in (soft_HW3, fine_HW3)
    )
    # Colour from the skin at large, so that no brow or shadow is unrolled; texture from the skin.
    tone_S3 = np.median(soft_RS3[: LID_ROWS // 2], axis=0)
    detail_RS3 = np.clip(fine_RS3 - soft_RS3, -14.0, 14.0)
    tone_RS3 = tone_S3[None] + 0.35 * np.clip(soft_RS3 - tone_S3[None], -25.0, 25.0)
    across_S = _across()
    # The lid is a ball's skin: in the fold's shade at the top, lightest below its middle.
    ball_R = 0.90 + 0.14 * np.sin(np.pi * np.clip(0.15 + 0.75 * row_R, 0, 1)) ** 1.5
    shade_RS = ball_R[:, None] * (0.94 + 0.06 * across_S**0.5)[None]
    lid_RS3 = tone_RS3 * shade_RS[..., None] + detail_RS3
    lash_S3 = _lash_colour(soft_HW3, edge_P2, rise_P2, tone_S3)
    lash_RS3 = np.repeat(lash_S3[None], LASH_ROWS, axis=0)
    colour_RS3 = np.concatenate([lid_RS3, lash_RS3])
    alpha_RS = np.repeat(np.clip(row_R / 0.3, 0, 1)[:, None], COLUMNS, axis=1)
    alpha_RS = np.concatenate([alpha_RS, np.zeros((LASH_ROWS, COLUMNS), np.float32)])
    # The lashes: a line that is strongest a little below the edge and thins out to both corners.
    below_R = np.arange(LID_ROWS + LASH_ROWS, dtype=np.float32) - (LID_ROWS - 1)
    width_S = (0.25 + 0.75 * across_S) * LASH_ROWS
    line_RS = np.exp(-(((below_R[:, None] - 0.18 * width_S) / (0.26 * width_S)) ** 2))
    line_RS *= np.clip(1.15 * across_S, 0.0, 1.0) ** 0.5
    colour_RS3 += (lash_S3[None] - colour_RS3) * line_RS[..., None]
    alpha_RS = np.maximum(alpha_RS, line_RS) * np.clip(across_S / 0.2, 0, 1)
    return np.clip(np.dstack([colour_RS3, alpha_RS * 255]), 0, 255).round().astype(np.uint8)


def _lash_colour(
    soft_HW3: FloatArray, edge_P2: FloatArray, rise_P2: FloatArray, tone_S3: FloatArray
) -> FloatArray:
    """The darkest of what lies about the edge: lashes, liner, or their shadow."""
    down_2 = -0.25 * rise_P2[_MIDDLE].mean(0)
    about = [_along(soft_HW3, edge_P2 + share * down_2) for share in (-1.0, 0.0, 1.0)]
    darkest_S3 = np.minimum(np.min(about, axis=0), tone_S3 * 0.6)
    smooth_S3 = cv2.GaussianBlur(darkest_S3, (1, 9), 2.0, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(smooth_S3, np.float32)


def _cheek(soft_HW3: FloatArray, lower_P2: FloatArray, crease_P2: FloatArray) -> Cheek | None:
    """The skin under the eye, where the eye goes on under its lower lid."""
    drop_P2 = crease_P2 - lower_P2
    middle = slice(COLUMNS // 4, 3 * COLUMNS // 4)

    def beside_skin(share: float) -> FloatArray:
        colour_S3 = _lab(_along(soft_HW3, lower_P2 + share * drop_P2))[middle]
        return np.asarray(np.median(colour_S3, axis=0) - skin_3, np.float32)

    skin_3 = np.median(_lab(_along(soft_HW3, lower_P2 + _FAR_CHEEK * drop_P2))[middle], axis=0)
    under_3 = beside_skin(0.3)
    is_white = under_3[0] > MUCH_LIGHTER
    is_black = under_3[0] < -MUCH_DARKER * skin_3[0]
    # What has the skin's hue is its light or its shadow.
    if np.linalg.norm(under_3[1:]) < OTHER_HUE or not (is_white or is_black):
        return None
    reach = next((s for s in _CHEEK_FROM if np.linalg.norm(beside_skin(s)) < ALIKE), None)
    if reach is None:  # glasses, hair or a hand: no skin to be found
        return None
    row_R = np.linspace(0.0, 1.0, LID_ROWS, dtype=np.float32)
    across_S = _across()
    alpha_RS = np.clip((1.0 - row_R) / 0.2, 0, 1)[:, None] * np.clip(across_S / 0.12, 0, 1)[None]
    skin_S3 = _along(soft_HW3, lower_P2 + reach * drop_P2)
    colour_RS3 = np.repeat(skin_S3[None], LID_ROWS, axis=0)
    texture = np.clip(np.dstack([colour_RS3, alpha_RS * 255]), 0, 255).round().astype(np.uint8)
    return Cheek(texture, reach)


def _across() -> FloatArray:
    """0 at both corners of the eye, 1 in its middle."""
    return np.abs(np.sin(np.linspace(0.0, np.pi, COLUMNS))).astype(np.float32)


def _lab(colour_S3: FloatArray) -> FloatArray:
    rgb = np.clip(colour_S3[None], 0, 255).astype(np.uint8)
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)[0], np.float32)


def draw_lids(rgb_HW3: ByteArray, lids: tuple[LidRig, ...], motion: RetargetedMotion) -> None:
    """Draw lids into a rendered picture as far as they are closed."""
    points_N2 = motion.landmarks_N3[:, :2]
    for lid, (upper_P, crease_P, lower_P, cheek_P, _) in zip(lids, LIDS, strict=True):
        lost = 1.0 - _aperture(motion.shape_N3, upper_P, lower_P) / max(lid.aperture, 1e-3)
        share = float(np.clip((lost - CLOSING[0]) / (CLOSING[1] - CLOSING[0]), 0.0, 1.0))
        if share == 0.0:
            continue
        edge_P2, crease_P2, cheek_P2 = points_N2[upper_P], points_N2[crease_P], points_N2[cheek_P]
        down_2 = motion.rotation_33[:2, 1] * np.float32(max(LASH_IOD * motion.scale, LEAST_LASH_PX))
        if lid.cheek is not None:
            lower_P2 = points_N2[lower_P]
            end_P2 = lower_P2 + lid.cheek.reach * (cheek_P2 - lower_P2)
            _draw_strip(
                rgb_HW3, lid.cheek.texture_RS4, np.stack([lower_P2, end_P2]), _CHEEK, share**2
            )
        rows_KP2 = np.stack([crease_P2, edge_P2, edge_P2 + down_2])
        _draw_strip(rgb_HW3, lid.texture_RS4, rows_KP2, _UPPER, share)


def _draw_strip(
    rgb_HW3: ByteArray,
    texture_RS4: ByteArray,
    rows_KP2: FloatArray,
    strip: tuple[FloatArray, NDArray[np.int32]],
    share: float,
) -> None:
    """Composite a strip between rows of nine points, `share` of it."""
    box = Box.around(rows_KP2.reshape(-1, 2), 1.0, (rgb_HW3.shape[0], rgb_HW3.shape[1]))
    if box.is_empty:
        return
    texture_V2, triangle_T3 = strip
    target = RasterTarget.of_size(*box.hw)
    opacity_HW = np.empty(box.hw, np.float32)
    position_V2 = rows_KP2.reshape(-1, 2) - np.array([box.left, box.top], np.float32)
    opacity_V = np.full(len(texture_V2), share, np.float32)
    rasterise(
        np.column_stack([position_V2, np.zeros(len(position_V2))]).astype(np.float32),
        texture_V2,
        triangle_T3,
        np.ones(len(triangle_T3), np.uint8),
        target.map_HW2,
        target.depth_HW,
        target.label_HW,
        opacity_V,
        opacity_HW,
    )
    patch_HW3 = np.ascontiguousarray(rgb_HW3[box.slices])
    alpha_HW = np.empty(box.hw, np.uint8)
    sample_over(texture_RS4, target.map_HW2, target.label_HW, patch_HW3, alpha_HW, 0, 0, opacity_HW)
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


def _strip(texture_rows: tuple[int, ...]) -> tuple[FloatArray, NDArray[np.int32]]:
    """Texture coordinates and triangles of a strip between rows of nine points."""
    columns = np.linspace(0, COLUMNS - 1, 9)
    texture = [(x, float(y)) for y in texture_rows for x in columns]
    triangles = [
        t
        for row in range(0, 9 * (len(texture_rows) - 1), 9)
        for i in range(row, row + 8)
        for t in ((i, i + 1, i + 9), (i + 1, i + 10, i + 9))
    ]
    return np.array(texture, np.float32), np.array(triangles, np.int32)


_UPPER = _strip((0, LID_ROWS - 1, LID_ROWS + LASH_ROWS - 1))
_CHEEK = _strip((0, LID_ROWS - 1))
