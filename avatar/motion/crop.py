"""Square crops of a picture, and the way back to its pixels.

Knows squares, borders and scales; does not know what is looked for inside.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from avatar.frames import ByteArray, FloatArray


@dataclass(frozen=True, slots=True)
class Square:
    """A square of a picture in its pixels; may reach beyond the border."""

    x: float
    y: float
    side: float

    @classmethod
    def about(cls, centre_2: FloatArray, side: float) -> Square:
        """The square of a given side about a point."""
        return cls(float(centre_2[0]) - side / 2, float(centre_2[1]) - side / 2, side)

    def to_picture(self, points: FloatArray) -> FloatArray:
        """Points (..., 2 or 3) normalised to the square become picture pixels; z scales alike."""
        placed = np.asarray(points, dtype=np.float32) * np.float32(self.side)
        placed[..., 0] += self.x
        placed[..., 1] += self.y
        return placed


def _halved(rgb_HW3: ByteArray) -> ByteArray:
    """Half the size by averaging 2x2 (OpenCV's fast case; other area factors cost ten times it)."""
    rows, columns = rgb_HW3.shape[0] // 2 * 2, rgb_HW3.shape[1] // 2 * 2
    return np.asarray(
        cv2.resize(
            rgb_HW3[:rows, :columns], (columns // 2, rows // 2), interpolation=cv2.INTER_AREA
        ),
        dtype=np.uint8,
    )


def fit_within(rgb_HW3: ByteArray, longest_px: int) -> tuple[ByteArray, float]:
    """The picture scaled down to a longest side, and the factor applied (1.0: untouched)."""
    rows, columns = rgb_HW3.shape[:2]
    longest = max(rows, columns)
    if longest <= longest_px:
        return rgb_HW3, 1.0
    factor = longest_px / longest
    size = (max(1, round(columns * factor)), max(1, round(rows * factor)))
    while min(rgb_HW3.shape[:2]) > 2 and max(rgb_HW3.shape[:2]) >= 2 * longest_px:
        rgb_HW3 = _halved(rgb_HW3)
    scaled = cv2.resize(rgb_HW3, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(scaled, dtype=np.uint8), factor


def cut(rgb_HW3: ByteArray, square: Square, size_px: int) -> tuple[ByteArray, Square]:
    """A square cut out and scaled to (size_px, size_px), black beyond the picture's border.

    Returns also the square actually cut, which lies on whole pixels.
    """
    rows, columns = rgb_HW3.shape[:2]
    side = max(8, round(square.side))
    x, y = round(square.x), round(square.y)
    actual = Square(x, y, side)
    left, top = max(x, 0), max(y, 0)
    right, bottom = min(x + side, columns), min(y + side, rows)
    if right - left < 2 or bottom - top < 2:
        return np.zeros((size_px, size_px, 3), dtype=np.uint8), actual
    inside = rgb_HW3[top:bottom, left:right]
    factor = size_px / side
    step = 1
    while factor * step <= 0.5 and min(inside.shape[:2]) >= 4:
        inside = _halved(inside)
        step *= 2
    # One warp scales, pads and shifts by the fractions of a pixel that halving left.
    scale = factor * step
    matrix = np.array(
        [
            [scale, 0.0, (left - x) * factor + 0.5 * scale - 0.5],
            [0.0, scale, (top - y) * factor + 0.5 * scale - 0.5],
        ]
    )
    scaled = cv2.warpAffine(
        inside,
        matrix,
        (size_px, size_px),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(0, 0, 0),
    )
    return np.asarray(scaled, dtype=np.uint8), actual
