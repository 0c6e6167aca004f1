"""What every animator with a driver shares: one performer whose motion a renderer draws.

Knows the life of a session (open, push, swap, reset, close) and that trackers, settings and neutral
outlive a character; does not know how a character is drawn: each kind says that by one method.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Generic, Protocol, TypeVar

from avatar.character.character import Character
from avatar.frames import Backdrop, DrivingFrame, RenderedFrame, RetargetedMotion, Stamp
from avatar.motion.audio.voice import VoiceTracker
from avatar.motion.body_follower import BodyFollower
from avatar.motion.neutral import Neutral
from avatar.motion.tracker import FaceTracker
from avatar.regions import LiveSettings
from avatar.stream.animator import Drawing
from avatar.stream.cutout import backdrop_of
from avatar.stream.performer import FaceSource, Performer, PerformerStatus
from avatar.timing import StageTimers


class StreamRenderer(Protocol):
    """Draws one character's stream of motions."""

    def push(self, motion: RetargetedMotion, stamp: Stamp) -> list[RenderedFrame]:
        """Take a motion; returns what is finished, each with the stamp that caused it."""

    def restart(self) -> None:
        """Forget the stream so far (a new driver, a jump in time)."""


Drawn = TypeVar("Drawn", bound=StreamRenderer)


class DrivenAnimator(ABC, Generic[Drawn]):
    """A performer and a renderer behind `avatar.stream.animator.Animator`.

    `is_live` lets the body be tracked beside the face in a thread of its own; without it the same
    frames always give the same pictures. Making one loads the trackers, opening one is quick.
    `face_tracker` replaces the camera's tracker where the face is known (evaluation).
    """

    def __init__(self, *, is_live: bool = False, face_tracker: FaceSource | None = None) -> None:
        self.timers = StageTimers()
        self._face_tracker: FaceSource = FaceTracker() if face_tracker is None else face_tracker
        self._body_follower = BodyFollower(is_live=is_live)
        self._voice = VoiceTracker()
        self._performer: Performer | None = None
        self._renderer: Drawn | None = None
        self._backdrop: Backdrop | None = None
        self._settings = LiveSettings()
        self._neutral: Neutral | None = None

    @abstractmethod
    def _renderer_of(self, character: Character) -> Drawn:
        """What draws a character; LiveactorError where it cannot be drawn."""

    @property
    @abstractmethod
    def drawing(self) -> Drawing:
        """What draws at present, and why."""

    def open(self, character: Character) -> None:
        """Take on a character, with a fresh driver."""
        self._renderer = self._renderer_of(character)
        self._backdrop = backdrop_of(character)
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
        """Draw the character at the driver's motion."""
        performer, renderer = self._opened()
        drawn = renderer.push(performer.push(driving), driving.stamp)
        return [replace(frame, backdrop=self._backdrop) for frame in drawn]

    def swap(self, character: Character) -> None:
        """Become another character at the next push; tracking and neutral stay."""
        performer, _ = self._opened()
        self._renderer = self._renderer_of(character)
        self._backdrop = backdrop_of(character)
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
    def num_calibrated(self) -> int:
        """Calibrations on request that have found a neutral."""
        return 0 if self._performer is None else self._performer.num_calibrated

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
        """Forget the driver and the stream so far; keep the character."""
        performer, renderer = self._opened()
        self._neutral = None
        performer.reset()
        renderer.restart()

    def close(self) -> None:
        """Release the trackers; the animator cannot be used afterwards."""
        self._face_tracker.close()
        self._body_follower.close()
        self._performer = self._renderer = None

    def _opened(self) -> tuple[Performer, Drawn]:
        assert self._performer is not None, "open() comes first"
        assert self._renderer is not None
        return self._performer, self._renderer
