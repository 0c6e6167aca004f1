"""The warp behind `Animator`: motion from the performer, pictures from the landmark mesh.

Knows how the two are joined and when a character changes; does not know how either works.
"""

from __future__ import annotations

from avatar.character.character import Character
from avatar.frames import DrivingFrame, RenderedFrame
from avatar.motion.audio.voice import VoiceTracker
from avatar.motion.body_follower import BodyFollower
from avatar.motion.neutral import Neutral
from avatar.motion.tracker import FaceTracker
from avatar.regions import LiveSettings
from avatar.stream.performer import Performer, PerformerStatus
from avatar.timing import StageTimers
from avatar.warp.renderer import WarpRenderer
from avatar.warp.rig import build_rig


class WarpAnimator:
    """A character moved by its landmark mesh; see `avatar.stream.animator.Animator`.

    `is_live` lets the body be tracked beside the face in a thread of its own; without it the same
    frames always give the same pictures. Making one loads the trackers, opening one is quick.
    """

    def __init__(self, *, is_live: bool = False) -> None:
        self.timers = StageTimers()
        self._face_tracker = FaceTracker()
        self._body_follower = BodyFollower(is_live=is_live)
        self._voice = VoiceTracker()
        self._performer: Performer | None = None
        self._renderer: WarpRenderer | None = None
        self._settings = LiveSettings()
        self._neutral: Neutral | None = None

    def open(self, character: Character) -> None:
        """Take on a character, with a fresh driver."""
        self._renderer = _renderer_of(character)
        self._performer = Performer(
            character.views[0].geometry,
            settings=self._settings,
            face_tracker=self._face_tracker,
            body_follower=self._body_follower,
            voice=self._voice,
            timers=self.timers,
        )
        self._performer.reset()
        self._performer.neutral = self._neutral

    def push(self, driving: DrivingFrame) -> list[RenderedFrame]:
        """Draw the character at the driver's motion: one picture per driving frame."""
        performer, renderer = self._opened()
        motion = performer.push(driving)
        with self.timers.measure("render"):
            rgb_HW3, alpha_HW = renderer.render(motion)
        return [
            RenderedFrame(
                driving.stamp,
                rgb_HW3,
                alpha_HW,
                motion.tracking,
                self.timers.last(),
                motion.voice_lag_s,
            )
        ]

    def swap(self, character: Character) -> None:
        """Become another character at the next push; tracking and neutral stay."""
        performer, _ = self._opened()
        self._renderer = _renderer_of(character)
        performer.swap(character.views[0].geometry)

    def configure(self, settings: LiveSettings) -> None:
        """Apply live settings from the next push on."""
        self._settings = settings
        if self._performer is not None:
            self._performer.configure(settings)

    def calibrate(self) -> None:
        """Take the driver's neutral from the next second of driving."""
        self._opened()[0].calibrate()

    @property
    def neutral(self) -> Neutral | None:
        """The driver's neutral in use; None before one is known."""
        return self._neutral if self._performer is None else self._performer.neutral

    @neutral.setter
    def neutral(self, value: Neutral | None) -> None:
        self._neutral = value
        if self._performer is not None:
            self._performer.neutral = value

    @property
    def status(self) -> PerformerStatus | None:
        """Tracking and calibration after the last push; None before `open`."""
        return None if self._performer is None else self._performer.status

    def reset(self) -> None:
        """Forget the driver; keep the character."""
        self._neutral = None
        self._opened()[0].reset()

    def close(self) -> None:
        """Release the trackers; the animator cannot be used afterwards."""
        self._face_tracker.close()
        self._body_follower.close()
        self._performer = self._renderer = None

    def _opened(self) -> tuple[Performer, WarpRenderer]:
        assert self._performer is not None, "open() comes first"
        assert self._renderer is not None
        return self._performer, self._renderer


def _renderer_of(character: Character) -> WarpRenderer:
    view = character.views[0]
    rig = character.rig or build_rig(view.geometry, view.foreground_HW3, view.alpha_HW)
    return WarpRenderer(rig, character.background_HW3)
