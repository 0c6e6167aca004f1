"""Where pushed sound enters a session: the engine for the lips, the delay line for the ear.

Knows one session's way in and its media clock; does not know queues or sockets.
"""

from __future__ import annotations

from avatar.frames import FloatArray
from server.delay_line import DelayLine
from server.intake import DrivingIntake
from server.lane import EngineLane
from server.lip_sync import LipSync
from server.sync import RATE_HZ


class SessionMouth:
    """One session's `SpeechSink`."""

    def __init__(
        self,
        intake: DrivingIntake,
        lane: EngineLane,
        line: DelayLine,
        lips: LipSync,
        *,
        origin_s: float,
    ) -> None:
        self._intake = intake
        self._lane = lane
        self._line = line
        self._lips = lips
        self._origin_s = origin_s
        self._next: int | None = None
        """Timestamp of the next sample for the ear, in samples since the origin."""

    @property
    def voice_delay_s(self) -> float:
        """From the feed of a sample to the moment it leaves."""
        return max(self._lips.delay_s, self._line.lag_s or 0.0)

    def begin_speech(self) -> None:
        """Pushed sound takes the microphone's place."""
        self._intake.is_microphone_on = False
        self._line.change_source()
        self._next = None

    def show_speech(self, samples_T: FloatArray, end_s: float) -> None:
        """For the lips: sound whose last sample is said at `end_s` (monotonic)."""
        self._lane.publish_sound(samples_T, end_s - self._origin_s, end_s)

    def say_speech(self, samples_T: FloatArray, end_s: float) -> None:
        """For the ear: sound whose last sample is said at `end_s` (monotonic)."""
        start = round((end_s - self._origin_s) * RATE_HZ) - len(samples_T)
        if self._next is None or abs(start - self._next) > len(samples_T):
            self._next = start  # even timestamps, unless time was left out
        self._line.push(samples_T, self._next, end_s)
        self._next += len(samples_T)

    def hush_speech(self) -> None:
        """Nothing of what waits for the ear is to be heard any more."""
        self._line.hush()

    def end_speech(self) -> None:
        """The microphone is heard again."""
        self._intake.is_microphone_on = True
        self._line.change_source()
        self._next = None
