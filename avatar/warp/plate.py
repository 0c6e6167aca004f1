"""What lies behind the moving person: the picture itself, until somebody leaves their place in it.

Where nobody stood, a picture's own pixels are the best background there is, and at its soft edges
they are what the matte leaves of them. Only what a person has really uncovered, and a narrow rim
about it (hair carries its colour beyond any matte), is taken from the filled background.

Knows a reference's picture and matte, and one frame's coverage; does not know how the fill was made
(`avatar.character.layers`). Legend: H, W canvas pixels; h, w cells; 3 colours.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar.frames import ByteArray, FloatArray
from avatar.jit import kernel

_CELL_PX = 4
_GONE = (0.25, 0.75)
"""Coverage lost by a cell from which the fill begins to show, and shows fully."""
_RIM = 1 / 24
"""Of the canvas' long side: how far about an uncovered place the fill goes on (beyond the matte,
where single hairs may lie, it differs from the picture only just outside the person)."""
_UNMIXED = (0.5, 0.8)
"""Coverage up to which the background can be told from the person, and from which it cannot."""

_STRANGEST = 64.0
"""How far (8-bit) what a soft edge lets through may differ from the fill beside it."""


@dataclass(frozen=True, slots=True)
class StillBackground:
    """A reference's own background, as far as it can be seen."""

    picture_HW3: ByteArray
    """The picture, the person taken out of the matte's soft edge."""
    known_HW: ByteArray
    """255 where that is background, 0 where it is the person."""
    person_HW: ByteArray
    """The matte: where the person stands in the picture."""


def still_background(
    picture_HW3: ByteArray, foreground_HW3: ByteArray, alpha_HW: ByteArray
) -> StillBackground:
    """Take the person's colours out of a picture wherever its background shows through."""
    alpha = alpha_HW[..., None].astype(np.float32) / 255
    through = np.maximum(1.0 - alpha, 1.0 - _UNMIXED[1])
    unmixed = (picture_HW3 - alpha * foreground_HW3) / through
    low, high = _UNMIXED
    known = np.clip((high - alpha[..., 0]) / (high - low), 0.0, 1.0) * 255
    return StillBackground(
        np.asarray(np.clip(unmixed, 0, 255).round(), np.uint8),
        np.asarray(known.round(), np.uint8),
        alpha_HW,
    )


class Plate:
    """Background of one character's frames."""

    def __init__(self, background_HW3: ByteArray, still: StillBackground | None) -> None:
        """`background_HW3` has nobody in it; without `still` it is exact everywhere."""
        self.rest_HW3 = background_HW3
        """What lies behind a person who has not moved."""
        self._person_hw: FloatArray | None = None
        if still is None:
            return
        known = still.known_HW[..., None].astype(np.float32) / 255
        own = still.picture_HW3.astype(np.float32) - background_HW3
        # Taking the person out of a soft edge multiplies every error of the matte.
        most = np.where(still.person_HW > 0, _STRANGEST, 255.0)[..., None]
        rest = background_HW3 + known * np.clip(own, -most, most)
        self.rest_HW3 = np.asarray(rest.round(), np.uint8)
        self._change_HW3 = background_HW3.astype(np.int16) - self.rest_HW3
        rows, columns = background_HW3.shape[:2]
        self._cells = (max(1, columns // _CELL_PX), max(1, rows // _CELL_PX))
        self._person_hw = self._coverage(still.person_HW)
        side = 2 * max(1, round(_RIM * max(rows, columns) / _CELL_PX)) + 1
        self._rim = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))

    def uncover(self, rgb_HW3: ByteArray, alpha_HW: ByteArray) -> None:
        """Show the fill in a picture drawn over `rest_HW3` where its person has left a place."""
        weight_HW = self._uncovered(alpha_HW)
        if weight_HW is not None:
            _exchange(rgb_HW3, alpha_HW, weight_HW, self._change_HW3)

    def behind(self, alpha_HW: ByteArray) -> ByteArray:
        """The background (H, W, 3) of a picture whose character has this coverage."""
        weight_HW = self._uncovered(alpha_HW)
        behind_HW3 = self.rest_HW3.copy()
        if weight_HW is not None:
            nobody_HW = np.zeros_like(alpha_HW)
            _exchange(behind_HW3, nobody_HW, weight_HW, self._change_HW3)
        return behind_HW3

    def _uncovered(self, alpha_HW: ByteArray) -> FloatArray | None:
        """How far the fill shows, 0..1 per pixel; None: nowhere."""
        if self._person_hw is None:
            return None
        low, high = _GONE
        gone_hw = (self._person_hw - self._coverage(alpha_HW) - low) / (high - low)
        if float(gone_hw.max()) <= 0.0:
            return None
        about_hw = cv2.dilate(np.clip(gone_hw, 0.0, 1.0), self._rim)
        soft_hw = cv2.GaussianBlur(about_hw, (5, 5), 1.2)
        rows, columns = alpha_HW.shape
        weight_HW = cv2.resize(soft_hw, (columns, rows), interpolation=cv2.INTER_LINEAR)
        return np.asarray(weight_HW, np.float32)

    def _coverage(self, alpha_HW: ByteArray) -> FloatArray:
        cells = cv2.resize(alpha_HW, self._cells, interpolation=cv2.INTER_AREA)
        return np.asarray(cells, np.float32) / np.float32(255.0)


@kernel
def _exchange(
    rgb_HW3: ByteArray, alpha_HW: ByteArray, weight_HW: FloatArray, change_HW3: NDArray[np.int16]
) -> None:
    height, width = alpha_HW.shape
    for y in range(height):
        for x in range(width):
            if weight_HW[y, x] <= 0.0 or alpha_HW[y, x] == 255:
                continue
            weight = weight_HW[y, x] * (255 - alpha_HW[y, x]) / np.float32(255.0)
            for k in range(3):
                value = rgb_HW3[y, x, k] + weight * change_HW3[y, x, k]
                rgb_HW3[y, x, k] = np.uint8(min(max(value + np.float32(0.5), 0.0), 255.0))
