"""Classical variants of the warp that exist to be compared with, not to be served.

What a trained model must beat is the strongest of these, not only the product's own warp: painting
a mouth, or inventing what lies behind a head, can cost more than it gains. The blurred one is a
control: a model that wins no more than a blur has learned to blur.

Knows how each differs from the warp; does not know metrics. Shape legend: H, W pixels; 3 colours.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

import cv2
import numpy as np

from avatar.character.character import Character
from avatar.frames import ByteArray, RenderedFrame, RetargetedMotion, Stamp
from avatar.stream.animator import Drawing
from avatar.stream.driven_animator import DrivenAnimator, StreamRenderer
from avatar.stream.performer import FaceSource
from avatar.stream.warp_animator import WarpStream, rig_of
from avatar.timing import StageTimers
from avatar.warp.mesh import Label
from avatar.warp.renderer import WarpRenderer
from avatar.warp.rig import WarpRig

BLUR_SIGMA = 1 / 256
"""Of the canvas' short side: one pixel at the size of the metrics."""
RIM_SIGMA = 1 / 128


class Variant(StrEnum):
    """Ways to differ from the warp."""

    NO_MOUTH = "warp-no-mouth"
    """Nothing is painted between the lips: what the reference shows there is stretched."""
    STILL_BACKGROUND = "warp-still-background"
    """No mouth either, and the reference's own pixels wherever no person is or was."""
    BLURRED = "warp-blurred"
    """The control."""


CONTROLS = frozenset({Variant.BLURRED})
"""Not to be counted when the strongest classical variant is sought."""


class VariantAnimator(DrivenAnimator[StreamRenderer]):
    """The warp, but for one thing."""

    def __init__(self, variant: Variant, *, face_tracker: FaceSource | None = None) -> None:
        super().__init__(face_tracker=face_tracker)
        self._variant = variant

    @property
    def drawing(self) -> Drawing:
        """The variant's name, for the report."""
        return Drawing("warp", f"A variant of the warp for comparison: {self._variant}.")

    def _renderer_of(self, character: Character) -> StreamRenderer:
        match self._variant:
            case Variant.NO_MOUTH:
                return _stream(without_mouth(rig_of(character)), character, self.timers)
            case Variant.STILL_BACKGROUND:
                inner = _stream(without_mouth(rig_of(character)), character, self.timers)
                view = character.views[0]
                return _StillBackground(inner, view.rgb_HW3, view.alpha_HW)
            case Variant.BLURRED:
                return _Blurred(_stream(rig_of(character), character, self.timers))


def without_mouth(rig: WarpRig) -> WarpRig:
    """The rig whose mesh has no mouth: its triangles there are skin like any other."""
    label_T = rig.mesh.label_T.copy()
    label_T[label_T == Label.MOUTH] = Label.SKIN
    return replace(rig, mesh=replace(rig.mesh, label_T=label_T))


def _stream(rig: WarpRig, character: Character, timers: StageTimers) -> WarpStream:
    return WarpStream(WarpRenderer(rig, character.background_HW3), timers)


class _StillBackground:
    """Shows the reference itself where neither its person nor the drawn one is."""

    def __init__(self, inner: WarpStream, reference_HW3: ByteArray, alpha_HW: ByteArray) -> None:
        self._inner = inner
        self._reference_HW3, self._alpha_HW = reference_HW3, alpha_HW

    def push(self, motion: RetargetedMotion, stamp: Stamp) -> list[RenderedFrame]:
        """Draw a motion."""
        return [self._composed(frame) for frame in self._inner.push(motion, stamp)]

    def _composed(self, frame: RenderedFrame) -> RenderedFrame:
        assert frame.alpha_HW is not None, "the warp knows its coverage"
        person_HW = np.maximum(self._alpha_HW, frame.alpha_HW) > 127
        sigma = RIM_SIGMA * min(person_HW.shape)
        grown_HW = cv2.dilate(person_HW.astype(np.uint8), np.ones((3, 3)), iterations=round(sigma))
        weight = cv2.GaussianBlur(grown_HW.astype(np.float32), (0, 0), sigma)[..., None]
        mixed = self._reference_HW3 + weight * (
            frame.rgb_HW3.astype(np.float32) - self._reference_HW3
        )
        return replace(frame, rgb_HW3=np.asarray(mixed + 0.5, np.uint8))

    def restart(self) -> None:
        """Nothing is kept."""


class _Blurred:
    """The warp seen through a blur."""

    def __init__(self, inner: WarpStream) -> None:
        self._inner = inner

    def push(self, motion: RetargetedMotion, stamp: Stamp) -> list[RenderedFrame]:
        """Draw a motion."""
        return [
            replace(frame, rgb_HW3=blurred(frame.rgb_HW3))
            for frame in self._inner.push(motion, stamp)
        ]

    def restart(self) -> None:
        """Nothing is kept."""


def blurred(rgb_HW3: ByteArray) -> ByteArray:
    """By BLUR_SIGMA of its short side."""
    sigma = BLUR_SIGMA * min(rgb_HW3.shape[:2])
    return np.asarray(cv2.GaussianBlur(rgb_HW3, (0, 0), sigma), np.uint8)
