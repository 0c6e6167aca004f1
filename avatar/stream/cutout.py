"""A character without its background: what an overlay lays over somebody else's picture.

A rendered picture shows character and backdrop mixed by the coverage. Since the backdrop is known,
its share can be taken out again exactly, soft edges included: what is left are the character's
colours weighed by the coverage ("premultiplied alpha"; Porter and Duff, 1984). Knows rendered
frames; does not know who shows them.

Legend: H, W canvas pixels; 3 colours.
"""

from __future__ import annotations

import numpy as np

from avatar.character.character import Character
from avatar.frames import Backdrop, ByteArray, RenderedFrame
from avatar.jit import kernel
from avatar.warp.plate import Plate


def backdrop_of(character: Character) -> Backdrop:
    """What shows behind a character, wherever it moves."""
    still = None if character.rig is None else character.rig.still
    return Plate(character.background_HW3, still)


def cut_out(frame: RenderedFrame) -> tuple[ByteArray, ByteArray]:
    """Return the character's colours weighed by its coverage (H, W, 3), and the coverage (H, W).

    A frame whose renderer has no matte is all character: its own picture, covering everything.
    """
    if frame.alpha_HW is None or frame.backdrop is None:
        return frame.rgb_HW3, np.full(frame.rgb_HW3.shape[:2], 255, np.uint8)
    cut_HW3 = np.empty_like(frame.rgb_HW3)
    _take_out(frame.rgb_HW3, frame.alpha_HW, frame.backdrop.behind(frame.alpha_HW), cut_HW3)
    return cut_HW3, frame.alpha_HW


def cut_out_rgba(frame: RenderedFrame) -> ByteArray:
    """The same as (H, W, 4) with colours as they are, not weighed: what video editors expect."""
    cut_HW3, alpha_HW = cut_out(frame)
    rgba_HW4 = np.dstack([cut_HW3, alpha_HW])
    _unweigh(rgba_HW4)
    return rgba_HW4


@kernel
def _unweigh(rgba_HW4: ByteArray) -> None:
    rows, columns = rgba_HW4.shape[:2]
    for y in range(rows):
        for x in range(columns):
            cover = np.int32(rgba_HW4[y, x, 3])
            if cover == 0 or cover == 255:
                continue
            for k in range(3):
                rgba_HW4[y, x, k] = np.uint8((rgba_HW4[y, x, k] * 255 + cover // 2) // cover)


@kernel
def _take_out(
    rgb_HW3: ByteArray, alpha_HW: ByteArray, backdrop_HW3: ByteArray, cut_HW3: ByteArray
) -> None:
    rows, columns = alpha_HW.shape
    for y in range(rows):
        for x in range(columns):
            cover = np.int32(alpha_HW[y, x])
            for k in range(3):
                # In 255ths and rounded; a colour cannot be lighter than its coverage.
                share = ((np.int32(255) - cover) * backdrop_HW3[y, x, k] + 127) // 255
                left = np.int32(rgb_HW3[y, x, k]) - share
                cut_HW3[y, x, k] = np.uint8(min(max(left, np.int32(0)), cover))
