"""The warp behind `Animator`: motion from the performer, pictures from the landmark mesh.

Knows how a character becomes a warp, one picture per motion; does not know how motion is measured.
"""

from __future__ import annotations

from avatar.character.character import Character
from avatar.frames import RenderedFrame, RetargetedMotion, Stamp
from avatar.stream.animator import Drawing
from avatar.stream.driven_animator import DrivenAnimator
from avatar.stream.performer import FaceSource
from avatar.timing import StageTimers
from avatar.warp.renderer import WarpRenderer
from avatar.warp.rig import WarpRig, build_rig

WARP_WAS_ASKED_FOR = "The warp serves: it was asked for by name."


class WarpStream:
    """One character drawn by the warp: a picture for every motion."""

    def __init__(self, renderer: WarpRenderer, timers: StageTimers) -> None:
        self._renderer = renderer
        self._timers = timers

    def push(self, motion: RetargetedMotion, stamp: Stamp) -> list[RenderedFrame]:
        """Draw a motion."""
        with self._timers.measure("render"):
            rgb_HW3, alpha_HW = self._renderer.render(motion)
        return [
            RenderedFrame(
                stamp, rgb_HW3, alpha_HW, motion.tracking, self._timers.last(), motion.voice_lag_s
            )
        ]

    def restart(self) -> None:
        """There is nothing to forget: every picture stands alone."""


class WarpAnimator(DrivenAnimator[WarpStream]):
    """A character moved by its landmark mesh; see `avatar.stream.animator.Animator`."""

    def __init__(
        self,
        *,
        is_live: bool = False,
        face_tracker: FaceSource | None = None,
        reason: str = WARP_WAS_ASKED_FOR,
    ) -> None:
        super().__init__(is_live=is_live, face_tracker=face_tracker)
        self._reason = reason

    @property
    def drawing(self) -> Drawing:
        """The warp, and why."""
        return Drawing("warp", self._reason)

    def _renderer_of(self, character: Character) -> WarpStream:
        return WarpStream(WarpRenderer(rig_of(character), character.background_HW3), self.timers)


def rig_of(character: Character) -> WarpRig:
    """The character's own rig, or one built here where it was opened without."""
    view = character.views[0]
    return character.rig or build_rig(
        view.geometry, view.foreground_HW3, view.alpha_HW, view.rgb_HW3
    )
