"""A character: everything about a reference that can be computed once, ready to be animated.

Knows arrays and words only; `opening` makes one from pictures, `gallery` from a shipped folder.
Frozen and picklable: it is built in one process and animated in another.

Shape legend: H, W pixels of the canvas; 3 colour components.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from avatar.frames import ByteArray, ReferenceGeometry
from avatar.warp.rig import WarpRig

if TYPE_CHECKING:
    from avatar.warp.rig import WarpRig

DEFAULT_SIZE_PX = 512
SIDE_MULTIPLE = 16
"""Canvas sides are multiples of this: video macroblocks, and the latents of the model."""
MIN_SIZE_PX = 128
MAX_SIZE_PX = 1024


class Framing(StrEnum):
    """How much of the person the canvas shows."""

    PORTRAIT = "portrait"
    HALF_BODY = "half_body"
    FULL_BODY = "full_body"


def canvas_hw(
    framing: Framing, size_px: int = DEFAULT_SIZE_PX, *, is_upright: bool = False
) -> tuple[int, int]:
    """Rows and columns of the canvas; `size_px` is the width of a square one.

    Full bodies get 2:3 upright, half bodies where `is_upright` says so.
    """
    if not MIN_SIZE_PX <= size_px <= MAX_SIZE_PX or size_px % SIDE_MULTIPLE:
        raise ValueError(
            f"size {size_px}: must be a multiple of {SIDE_MULTIPLE} "
            f"from {MIN_SIZE_PX} to {MAX_SIZE_PX}"
        )
    if framing is Framing.FULL_BODY or (framing is Framing.HALF_BODY and is_upright):
        # As many pixels as the square: the same cost per frame, and the same bitrate, live.
        width = _round_to_multiple(size_px * 0.8125)
        return _round_to_multiple(width * 1.5), width
    return size_px, size_px


def _round_to_multiple(side_px: float) -> int:
    return max(1, round(side_px / SIDE_MULTIPLE)) * SIDE_MULTIPLE


@dataclass(frozen=True, slots=True)
class ReferenceView:
    """One picture of the person on the character's canvas."""

    rgb_HW3: ByteArray
    """The picture as it was given, framed."""
    foreground_HW3: ByteArray
    """Colours of the person alone, continued beyond the matte's edge: moved over another
    background, soft hair carries nothing of its old one."""
    alpha_HW: ByteArray
    """Matte: coverage by the person, 255 inside."""
    geometry: ReferenceGeometry


@dataclass(frozen=True, slots=True, kw_only=True)
class Character:
    """A person or figure that an animator can bring to life."""

    id: str
    name: str
    framing: Framing
    views: tuple[ReferenceView, ...]
    """One to four; the first is the most frontal and neutral, the one that is animated."""
    background_HW3: ByteArray
    """The first view's background with the person taken out and the hole filled."""
    thumbnail_webp: bytes
    """A small square picture of the face, WebP."""
    description: str = ""
    style: str = ""
    """One word for the look ('photo', 'clay', ...); empty where unknown."""
    licence: str = ""
    notes: tuple[str, ...] = ()
    """Sentences for the user about what was noticed or chosen while opening."""
    rig: WarpRig | None = None
    """What the warp renderer precomputes; None where it has not been built."""

    @property
    def canvas_hw(self) -> tuple[int, int]:
        """Rows and columns of every picture of this character."""
        rows, columns = self.views[0].rgb_HW3.shape[:2]
        return int(rows), int(columns)
