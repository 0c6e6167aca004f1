"""Stand-ins for what an animator is driven by."""

from __future__ import annotations

from avatar.frames import ByteArray
from avatar.motion.tracker import FaceObservation


class NoFace:
    """A face tracker that loads nothing and sees nobody."""

    num_faces = num_lost = num_reacquired = 0

    def track(self, rgb_HW3: ByteArray, time_s: float) -> FaceObservation | None:
        return None

    def reset(self) -> None:
        pass

    def close(self) -> None:
        pass
