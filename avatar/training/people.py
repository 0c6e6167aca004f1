"""What training learns from: short clips of one person each, whoever made them.

Knows the record and how sources are mixed; does not know renderers, trackers or tensors. A source
draws a clip from a random generator and nothing else, so that any example of any run can be made
again from its number.

Legend: F frames, R references, H, W pixels, N 478 landmarks.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    """Consecutive frames of one person, and pictures of the same person at other moments."""

    person: str
    """Who: the same name is the same person, in every source that knows them."""
    references: tuple[ReferencePicture, ...]
    background_HW3: ByteArray
    """What is behind the first reference, the person taken out; the frames have the same."""
    rgb_FHW3: ByteArray
    alpha_FHW: ByteArray
    landmarks_FN3: FloatArray
    """Pixels of the frames, depth growing away from the camera."""


class PeopleSource(Protocol):
    """Where clips come from."""

    @property
    def description(self) -> str:
        """One line for the manifest: what the data are and under which licence."""

    def clip(self, random: np.random.Generator, num_frames: int) -> PersonClip:
        """A clip of `num_frames`; the same generator state gives the same clip."""


class Mixture:
    """Several sources, each with its share of the examples."""

    def __init__(self, sources: Sequence[PeopleSource], shares: Sequence[float]) -> None:
        if len(sources) != len(shares) or not sources or min(shares) < 0 or sum(shares) <= 0:
            raise ValueError("a mixture needs one share, not negative, for each of its sources")
        self._sources = tuple(sources)
        self._shares = np.asarray(shares, np.float64) / sum(shares)

    @property
    def description(self) -> str:
        """All parts with their shares."""
        return "; ".join(
            f"{100 * share:.0f} % {source.description}"
            for source, share in zip(self._sources, self._shares, strict=True)
        )

    def clip(self, random: np.random.Generator, num_frames: int) -> PersonClip:
        """A clip of one of the sources."""
        chosen = int(random.choice(len(self._sources), p=self._shares))
        return self._sources[chosen].clip(random, num_frames)
