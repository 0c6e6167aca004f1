"""Soft-edged polygons: how deep inside a closed outline each pixel lies.

Knows geometry only. Legend: P outline points, H, W pixels of the region of interest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avatar.frames import FloatArray
from avatar.jit import kernel


@dataclass(frozen=True, slots=True)
class Box:
    """A region of interest in whole pixels; `right` and `bottom` are exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def around(cls, points_P2: FloatArray, margin: float, canvas_hw: tuple[int, int]) -> Box:
        """Box around points, grown by `margin` and cut to the canvas; may be empty."""
        low = np.floor(points_P2.min(0) - margin).astype(int)
        high = np.ceil(points_P2.max(0) + margin).astype(int) + 1
        height, width = canvas_hw
        left, top = max(int(low[0]), 0), max(int(low[1]), 0)
        return cls(left, top, min(int(high[0]), width), min(int(high[1]), height))

    @property
    def is_empty(self) -> bool:
        """No pixel inside."""
        return self.right <= self.left or self.bottom <= self.top

    @property
    def hw(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.bottom - self.top, self.right - self.left

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of the region in a picture."""
        return slice(self.top, self.bottom), slice(self.left, self.right)


def depth_inside(outline_P2: FloatArray, box: Box) -> FloatArray:
    """Signed distance in pixels from each pixel of `box` to the outline; positive inside."""
    points = outline_P2.astype(np.float32) - np.array([box.left, box.top], np.float32)
    return _signed_distance(points, *box.hw)


@kernel
def _signed_distance(points_P2: FloatArray, height: int, width: int) -> FloatArray:
    count = points_P2.shape[0]
    result = np.empty((height, width), np.float32)
    for y in range(height):
        for x in range(width):
            nearest = np.float32(1e12)
            inside = False
            j = count - 1
            for i in range(count):
                ix = points_P2[i, 0]
                iy = points_P2[i, 1]
                dx = points_P2[j, 0] - ix
                dy = points_P2[j, 1] - iy
                px = x - ix
                py = y - iy
                length = dx * dx + dy * dy
                along = (px * dx + py * dy) / length if length > 0 else np.float32(0.0)
                along = min(max(along, np.float32(0.0)), np.float32(1.0))
                ex = px - along * dx
                ey = py - along * dy
                nearest = min(nearest, ex * ex + ey * ey)
                if (iy > y) != (points_P2[j, 1] > y) and px < dx * py / dy:
                    inside = not inside
                j = i
            distance = np.sqrt(nearest)
            result[y, x] = distance if inside else -distance
    return result


def smoothstep(low: float, high: float, value: FloatArray) -> FloatArray:
    """Hermite step from 0 at `low` to 1 at `high`."""
    ratio = np.clip((value - low) / (high - low), 0.0, 1.0)
    return (ratio * ratio * (3.0 - 2.0 * ratio)).astype(np.float32)
