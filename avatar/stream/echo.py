"""The animators without a character's motion: the transport probe and the evaluation floor.

`EchoAnimator` returns the driving picture, so that transports are measured alone. `CopyAnimator`
returns the reference unchanged, whatever drives it: the floor that every animator must beat.
"""

from __future__ import annotations

import cv2
import numpy as np

from avatar.character.character import Character
from avatar.frames import ByteArray, DrivingFrame, RenderedFrame, Tracking
from avatar.motion.neutral import Neutral
from avatar.regions import LiveSettings
from avatar.stream.animator import Drawing
from avatar.stream.cutout import backdrop_of


class _Still:
    """What both share: they take a character and settings, and have no driver to learn."""

    neutral: Neutral | None = None
    num_calibrated = 0

    def __init__(self) -> None:
        self._character: Character | None = None

    def open(self, character: Character) -> None:
        """Take on a character."""
        self._character = character

    def swap(self, character: Character) -> None:
        """Become another character at the next push."""
        self._character = character

    def configure(self, settings: LiveSettings) -> None:
        """Nothing here moves, so no setting has an effect."""

    def calibrate(self) -> None:
        """There is no driver's neutral to take."""

    def reset(self) -> None:
        """There is nothing to forget."""

    def close(self) -> None:
        """Let go of the character."""
        self._character = None

    def _opened(self) -> Character:
        assert self._character is not None, "open() comes before push()"
        return self._character


class CopyAnimator(_Still):
    """The reference, unchanged."""

    drawing = Drawing("copy", "The picture is shown unchanged, as asked.")

    def push(self, driving: DrivingFrame) -> list[RenderedFrame]:
        """Return the reference stamped with the driving frame."""
        character = self._opened()
        view = character.views[0]
        return [
            RenderedFrame(
                driving.stamp,
                view.rgb_HW3,
                view.alpha_HW,
                Tracking.LOST,
                backdrop=backdrop_of(character),
            )
        ]


class EchoAnimator(_Still):
    """The driving picture, cut and scaled to the character's canvas."""

    drawing = Drawing("echo", "The camera's own picture is sent back, as asked.")

    def push(self, driving: DrivingFrame) -> list[RenderedFrame]:
        """Return the middle of the driving picture; grey where there is none."""
        height, width = self._opened().canvas_hw
        if driving.rgb_HW3 is None:
            grey: ByteArray = np.full((height, width, 3), 128, np.uint8)
            return [RenderedFrame(driving.stamp, grey, None, Tracking.LOST)]
        rows, columns = driving.rgb_HW3.shape[:2]
        side = min(rows / height, columns / width)
        cut_rows, cut_columns = round(side * height), round(side * width)
        top, left = (rows - cut_rows) // 2, (columns - cut_columns) // 2
        cut = driving.rgb_HW3[top : top + cut_rows, left : left + cut_columns]
        if cut.shape[:2] != (height, width):
            cut = np.asarray(cv2.resize(cut, (width, height), interpolation=cv2.INTER_AREA))
        return [RenderedFrame(driving.stamp, np.ascontiguousarray(cut), None, Tracking.LOST)]
