"""The one call where everything meets: `Animator.push(driving) -> list[RenderedFrame]`.

Knows the order of things (motion, then rendering) and their times; does not know transports, nor
how a renderer draws. The live server, the offline command and the evaluation all use this call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from avatar.character.character import Character
from avatar.frames import ByteArray, DrivingFrame, RenderedFrame, RetargetedMotion
from avatar.motion.neutral import Neutral as Neutral  # part of this call: re-exported
from avatar.regions import LiveSettings


@dataclass(frozen=True, slots=True)
class Drawing:
    """What draws a character at present: for the log, /health and the page."""

    renderer: str
    """"warp", "neural", "copy" or "echo"."""
    reason: str
    """One sentence: why that, with the measured time where one decided."""


class Animator(Protocol):
    """A character that moves by what is pushed into it. One thread at a time may call it."""

    def open(self, character: Character) -> None:
        """Take on a character; everything that can be computed once is computed here."""

    def push(self, driving: DrivingFrame) -> list[RenderedFrame]:
        """Advance by one driving frame; every result carries the stamp that caused it."""

    def swap(self, character: Character) -> None:
        """Become another character at the next push, keeping tracking and calibration."""

    def configure(self, settings: LiveSettings) -> None:
        """Apply live settings from the next push on."""

    def calibrate(self) -> None:
        """Take the driver's neutral face from the next second of driving."""

    @property
    def drawing(self) -> Drawing:
        """What draws at present, and why; may change from push to push on a slow machine."""

    @property
    def num_calibrated(self) -> int:
        """Counts the calibrations asked for that have found a neutral."""

    @property
    def neutral(self) -> Neutral | None:
        """The driver's neutral in use, for the browser to keep; None before one is known."""

    @neutral.setter
    def neutral(self, value: Neutral | None) -> None: ...

    def reset(self) -> None:
        """Forget the driver (tracking, smoothing, neutral); keep the character."""

    def close(self) -> None:
        """Release trackers and buffers; the animator cannot be used afterwards."""


class Renderer(Protocol):
    """Draws one character at a given motion; stateless between frames but for caches."""

    def render(self, motion: RetargetedMotion) -> tuple[ByteArray, ByteArray | None]:
        """Return (rgb_HW3, alpha_HW or None) of the character's canvas size."""
