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


def fit_within(rgb_HW3: ByteArray, longest_px: int) -> tuple[ByteArray, float]:
    """The picture scaled down to a longest side, and the factor applied (1.0: untouched)."""
    longest = max(rgb_HW3.shape[:2])
    if longest <= longest_px:
        return rgb_HW3, 1.0
    factor = longest_px / longest
    size = (
        max(1, round(rgb_HW3.shape[1] * factor)),
        max(1, round(rgb_HW3.shape[0] * factor)),
    )
    return np.asarray(cv2.resize(rgb_HW3, size, interpolation=cv2.INTER_AREA)), factor


def cut(rgb_HW3: ByteArray, square: Square, size_px: int) -> tuple[ByteArray, Square]:
    """A square cut out and scaled to (size_px, size_px), black beyond the picture's border.

    Returns also the square actually cut, which lies on whole pixels.
    """
    rows, columns = rgb_HW3.shape[:2]
    side = max(8, round(square.side))
    x, y = round(square.x), round(square.y)
    left, top = max(x, 0), max(y, 0)
    right, bottom = min(x + side, columns), min(y + side, rows)
    if right <= left or bottom <= top:
        return np.zeros((size_px, size_px, 3), dtype=np.uint8), Square(x, y, side)
    inside = rgb_HW3[top:bottom, left:right]
    if inside.shape[:2] != (side, side):
        inside = np.asarray(
            cv2.copyMakeBorder(
                inside,
                top - y,
                y + side - bottom,
                left - x,
                x + side - right,
                cv2.BORDER_CONSTANT,
                value=(0, 0, 0),
            )
        )
    interpolation = cv2.INTER_AREA if side > size_px else cv2.INTER_LINEAR
    scaled = cv2.resize(inside, (size_px, size_px), interpolation=interpolation)
    return np.asarray(scaled, dtype=np.uint8), Square(x, y, side)
