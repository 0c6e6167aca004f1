"""From a driving frame to motion on the reference: an animator's whole motion side in one call.

Knows the order (track, smooth, calibrate, mirror, retarget, mix) and what it costs; does not know
pixels of the character or transports. One thread at a time may call it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from avatar.frames import (
    ByteArray,
    DrivingFrame,
    Motion,
    ReferenceGeometry,
    RetargetedMotion,
    Tracking,
)
from avatar.motion.calibration import Calibrator, NeutralOrigin, Observation
from avatar.motion.geometry import face_motion
from avatar.motion.mirror import mirror_motion, mirror_neutral
from avatar.motion.neutral import Neutral
from avatar.motion.retarget import Retargeter
from avatar.motion.smoothing import FaceSmoother
from avatar.motion.tracker import FaceObservation, FaceTracker
from avatar.regions import LiveSettings
from avatar.timing import StageTimers


class FaceSource(Protocol):
    """What the performer needs of a face tracker."""

    num_faces: int
    num_lost: int
    num_reacquired: int

    def track(self, rgb_HW3: ByteArray, time_s: float) -> FaceObservation | None:
        """The face of the next picture."""

    def reset(self) -> None:
        """Forget the face."""

    def close(self) -> None:
        """Release the models."""


@dataclass(frozen=True, slots=True)
class PerformerStatus:
    """What a page shows about the driver."""

    tracking: Tracking
    num_faces: int
    num_lost: int
    num_reacquired: int
    neutral_origin: NeutralOrigin
    calibration_progress: float | None
    """0..1 while a calibration is under way."""


class Performer:
    """Turns driving frames into motion on one reference, which may be swapped at any time."""

    def __init__(
        self,
        reference: ReferenceGeometry,
        *,
        settings: LiveSettings | None = None,
        face_tracker: FaceSource | None = None,
        timers: StageTimers | None = None,
    ) -> None:
        self._tracker: FaceSource = face_tracker if face_tracker is not None else FaceTracker()
        self._smoother = FaceSmoother()
        self._calibrator = Calibrator()
        self._retargeter = Retargeter(reference)
        self._settings = settings or LiveSettings()
        self._mirrored: tuple[Neutral, Neutral] | None = None
        self._tracking = Tracking.LOST
        self.timers = timers or StageTimers()

    def push(self, driving: DrivingFrame) -> RetargetedMotion:
        """The character's motion for one driving frame."""
        time_s = driving.stamp.time_s
        with self.timers.measure("face"):
            motion, neutral = self._observe(driving, time_s)
        self._tracking = motion.tracking
        with self.timers.measure("retarget"):
            if neutral is None:
                return self._retargeter.compose(
                    self._retargeter.rest(), driving.stamp, motion.tracking
                )
            if self._settings.is_mirrored:
                motion, neutral = mirror_motion(motion), self._mirror(neutral)
            return self._retargeter.retarget(motion, neutral)

    def _observe(self, driving: DrivingFrame, time_s: float) -> tuple[Motion, Neutral | None]:
        rgb = driving.rgb_HW3
        if rgb is None:
            seen, picture_hw = None, (1, 1)
        else:
            seen, picture_hw = self._tracker.track(rgb, time_s), (rgb.shape[0], rgb.shape[1])
        raw = None if seen is None else face_motion(seen.landmarks_N3)
        neutral = self._calibrator.update(
            None if raw is None else Observation(raw, picture_hw), time_s
        )
        face, tracking = self._smoother.update(raw, neutral, picture_hw, time_s)
        return Motion(driving.stamp, tracking, picture_hw, face), neutral

    def _mirror(self, neutral: Neutral) -> Neutral:
        if self._mirrored is None or self._mirrored[0] is not neutral:
            self._mirrored = (neutral, mirror_neutral(neutral))
        return self._mirrored[1]

    def swap(self, reference: ReferenceGeometry) -> None:
        """Move another reference from the next push on; tracking and neutral stay."""
        self._retargeter = Retargeter(reference)

    def configure(self, settings: LiveSettings) -> None:
        """Apply live settings from the next push on."""
        self._settings = settings

    def calibrate(self) -> None:
        """Take the driver's neutral from the next second."""
        self._calibrator.request()

    @property
    def neutral(self) -> Neutral | None:
        """The driver's neutral in use, un-mirrored; None before the first face."""
        return self._calibrator.neutral

    @neutral.setter
    def neutral(self, value: Neutral | None) -> None:
        self._calibrator.neutral = value

    @property
    def status(self) -> PerformerStatus:
        """State of tracking and calibration after the last push."""
        return PerformerStatus(
            tracking=self._tracking,
            num_faces=self._tracker.num_faces,
            num_lost=self._tracker.num_lost,
            num_reacquired=self._tracker.num_reacquired,
            neutral_origin=self._calibrator.origin,
            calibration_progress=self._calibrator.progress,
        )

    def reset(self) -> None:
        """Forget the driver; keep the reference and the settings."""
        self._tracker.reset()
        self._smoother.reset()
        self._calibrator.reset()
        self._tracking = Tracking.LOST

    def close(self) -> None:
        """Release the trackers; the performer cannot be used afterwards."""
        self._tracker.close()
