"""What training learns from: short clips of one person each, whoever made them.

Knows the clip; does not know renderers, trackers or tensors. A source draws a clip from a random
generator and nothing else, so that any example of any run can be made again from its number.

Legend: F frames, R references, H, W pixels, N 478 landmarks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from avatar.frames import ByteArray, FloatArray, ReferenceGeometry


@dataclass(frozen=True, slots=True)
class ReferencePicture:
    """A view of the person, as a character holds it."""

    foreground_HW3: ByteArray
    """The person's colours, continued beyond the matte."""
    alpha_HW: ByteArray
    geometry: ReferenceGeometry


@dataclass(frozen=True, slots=True)
class PersonClip:
    """Consecutive frames of one person, and pictures of the same person at other moments.

    References and background share a canvas that may be larger than the frames, as it is live: the
    warp draws on the canvas, and the model sees what it drew at the frames' size.
    """

    person: str
    """Who: the same name is the same person, in every source that knows them."""
    references: tuple[ReferencePicture, ...]
    background_HW3: ByteArray
    """What is behind the first reference, the person taken out; the frames have the same."""
    rgb_FHW3: ByteArray
    alpha_FHW: ByteArray
    landmarks_FN3: FloatArray
    """Pixels of the frames, depth growing away from the camera."""
    double_landmarks_FN3: FloatArray | None = None
    """Of another person who makes the same motion (`avatar.motion.double`); None for real ones."""


class PeopleSource(Protocol):
    """Where clips come from."""

    @property
    def description(self) -> str:
        """One line for the manifest: what the data are and under which licence."""

    def clip(self, random: np.random.Generator, num_frames: int) -> PersonClip:
        """A clip of `num_frames`; the same generator state gives the same clip."""
