"""The part of a picture that the model corrects: a square about the head that stands still.

Most of what a warp lacks lies there, and work goes with the area. Knows places and sizes; does not
know what is drawn. A viewport is fixed for a character, so that what the model remembers of the
frame before stays where it was.

Legend: H, W pixels of the model's picture or of the canvas; h, w feature cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avatar.frames import FloatArray, ReferenceGeometry
from avatar.model.presets import ModelPreset

RIM_CELLS = 2
"""Cells over which corrections fade towards a side that is not the picture's own."""


@dataclass(frozen=True, slots=True)
class Viewport:
    """A part of the model's picture, in its pixels."""

    top: int
    left: int
    hw: tuple[int, int]
    picture_hw: tuple[int, int]

    def of(self, array: NDArray[Any], whole_hw: tuple[int, int]) -> NDArray[Any]:
        """The part of an array whose last axes are the whole picture's, at any resolution."""
        return array[..., *self.place(whole_hw)]

    def place(self, whole_hw: tuple[int, int]) -> tuple[slice, slice]:
        """Rows and columns of the part where the whole picture has this size."""
        (top, left), (rows, columns) = (self.top, self.left), self.hw
        down, across = (whole_hw[k] / self.picture_hw[k] for k in (0, 1))
        return (
            slice(round(top * down), round((top + rows) * down)),
            slice(round(left * across), round((left + columns) * across)),
        )

    def rim(self, cells_hw: tuple[int, int]) -> FloatArray:
        """Per cell of the part the share, 0..1, of a correction that its rim lets through."""
        ends = (
            (self.top > 0, self.top + self.hw[0] < self.picture_hw[0]),
            (self.left > 0, self.left + self.hw[1] < self.picture_hw[1]),
        )
        down, across = (
            _ramp(count, *open_ends) for count, open_ends in zip(cells_hw, ends, strict=True)
        )
        return np.asarray(down[:, None] * across, np.float32)


def _ramp(count: int, opens_before: bool, opens_after: bool) -> FloatArray:
    ramp = np.ones(count, np.float32)
    fading = (np.arange(RIM_CELLS, dtype=np.float32) + 0.5) / RIM_CELLS
    if opens_before:
        ramp[:RIM_CELLS] = fading
    if opens_after:
        ramp[-RIM_CELLS:] *= fading[::-1]
    return ramp


def whole_picture(picture_hw: tuple[int, int]) -> Viewport:
    """Everything: what training draws and then cuts parts from."""
    return Viewport(0, 0, picture_hw, picture_hw)


def about_the_head(
    reference: ReferenceGeometry, preset: ModelPreset, picture_hw: tuple[int, int]
) -> Viewport:
    """The preset's viewport about the reference's face, inside the picture."""
    hw = preset.viewport_hw(picture_hw)
    points_N2 = reference.landmarks_N3[:, :2]
    middle_2 = (points_N2.min(0) + points_N2.max(0)) / 2.0
    step = preset.autoencoder.first_patch_px
    starts = []
    for axis, at in ((0, float(middle_2[1])), (1, float(middle_2[0]))):
        centre = at * picture_hw[axis] / reference.canvas_hw[axis]
        start = round((centre - hw[axis] / 2.0) / step) * step
        starts.append(int(np.clip(start, 0, picture_hw[axis] - hw[axis])))
    return Viewport(starts[0], starts[1], hw, picture_hw)
