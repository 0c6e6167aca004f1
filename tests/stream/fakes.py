"""Stand-ins for what an animator is driven by."""

from __future__ import annotations

from avatar.frames import ByteArray
from avatar.motion.tracker import FaceObservation
from tests.conftest import FakeClock


class NoFace:
    """A face tracker that loads nothing and sees nobody."""

    num_faces = num_lost = num_reacquired = 0

    def track(self, rgb_HW3: ByteArray, time_s: float) -> FaceObservation | None:
        return None

    def reset(self) -> None:
        pass

    def close(self) -> None:
        pass


class SlowClock:
    """Advances by a fixed time at every look: two looks per chunk."""

    def __init__(self, per_look_s: float) -> None:
        self._clock, self.per_look_s = FakeClock(), per_look_s

    def __call__(self) -> float:
        self._clock.advance(self.per_look_s)
        return self._clock()
