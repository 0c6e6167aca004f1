"""From a driving frame to motion on the reference: an animator's whole motion side in one call.

Knows the order (track, smooth, calibrate, mirror, retarget, mix) and what it costs; does not know
pixels of the character or transports. One thread at a time may call it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from avatar.frames import (
    BodyMotion,
    ByteArray,
    DrivingFrame,
    HandsMotion,
    Motion,
    ReferenceGeometry,
    RetargetedMotion,
    Tracking,
)
from avatar.motion.body_follower import BodyFollower
from avatar.motion.calibration import Calibrator, NeutralOrigin, Observation
from avatar.motion.geometry import face_motion
from avatar.motion.mirror import mirror_motion, mirror_neutral
from avatar.motion.mixer import AudioMotion, Mixer, resolve_source
from avatar.motion.mouth_interior import measure_mouth_interior
from avatar.motion.neutral import Neutral
from avatar.motion.performance import Performance
from avatar.motion.retarget import Retargeter
from avatar.motion.smoothing import FaceSmoother
from avatar.motion.tracker import FaceObservation, FaceTracker
from avatar.regions import LiveSettings, Region, Source
from avatar.stream.hearing import Hearing, VoiceSource
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


class BodyFollowing(Protocol):
    """What the performer needs of a body follower."""

    def update(
        self, rgb_HW3: ByteArray, time_s: float, *, wants_hands: bool = True
    ) -> tuple[BodyMotion | None, HandsMotion | None]:
        """Body and hands at a moment."""

    def reset(self) -> None:
        """Forget the person."""

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
    """Turns driving frames into motion on one reference, which may be swapped at any time.

    `is_live` lets the body be tracked in a thread of its own; without it the same frames always
    give the same motion.
    """

    def __init__(
        self,
        reference: ReferenceGeometry,
        *,
        settings: LiveSettings | None = None,
        is_live: bool = False,
        seed: int = 0,
        face_tracker: FaceSource | None = None,
        body_follower: BodyFollowing | None = None,
        voice: VoiceSource | None = None,
        timers: StageTimers | None = None,
    ) -> None:
        self._tracker: FaceSource = face_tracker if face_tracker is not None else FaceTracker()
        self._follower: BodyFollowing = (
            body_follower if body_follower is not None else BodyFollower(is_live=is_live)
        )
        self._hearing = None if voice is None else Hearing(voice)
        self._smoother = FaceSmoother()
        self._calibrator = Calibrator()
        self._mixer = Mixer(seed=seed)
        self._retargeter = Retargeter(reference)
        self._settings = LiveSettings()
        self.configure(settings or self._settings)
        self._mirrored: tuple[Neutral, Neutral] | None = None
        self._picture_hw: tuple[int, int] = (1, 1)
        self._tracking = Tracking.LOST
        self.timers = timers or StageTimers()

    def push(self, driving: DrivingFrame) -> RetargetedMotion:
        """The character's motion for one driving frame."""
        time_s = driving.stamp.time_s
        motion, neutral = self._observe(driving, time_s)
        self._tracking = motion.tracking
        is_known = neutral is not None and motion.face is not None
        is_seen = is_known and motion.tracking in (Tracking.TRACKED, Tracking.HELD)
        audio = self._listen(driving, time_s, is_seen=is_seen)
        with self.timers.measure("retarget"):
            camera = self._perform(motion, neutral)
            mixed = self._mixer.mix(
                self._retargeter, camera, motion.tracking, audio, self._settings, time_s
            )
            result = self._retargeter.compose(mixed, driving.stamp, motion.tracking)
        return replace(result, voice_lag_s=self._voice_lag_s(is_seen=is_seen))

    def _listen(self, driving: DrivingFrame, time_s: float, *, is_seen: bool) -> AudioMotion | None:
        if self._hearing is None:
            return None
        is_wanted = any(self._is_by_voice(region, is_seen=is_seen) for region in Region)
        with self.timers.measure("voice"):
            return self._hearing.motion_at(driving.audio, time_s, is_wanted=is_wanted)

    def _is_by_voice(self, region: Region, *, is_seen: bool) -> bool:
        """Whether a voice would move the region. Silence between words does not take it away."""
        asked = self._settings.sources.get(region, Source.CAMERA)
        return resolve_source(region, asked, is_seen=is_seen, is_heard=True) is Source.AUDIO

    def _voice_lag_s(self, *, is_seen: bool) -> float | None:
        """By how much a mouth that the voice moves is late; None where it does not."""
        if self._hearing is None or not self._is_by_voice(Region.MOUTH, is_seen=is_seen):
            return None
        return self._hearing.lag_s

    def _observe(self, driving: DrivingFrame, time_s: float) -> tuple[Motion, Neutral | None]:
        rgb = driving.rgb_HW3
        body: BodyMotion | None = None
        hands: HandsMotion | None = None
        if rgb is not None:
            self._picture_hw = (rgb.shape[0], rgb.shape[1])
        with self.timers.measure("face"):
            seen = None if rgb is None else self._tracker.track(rgb, time_s)
            raw = None if seen is None else face_motion(seen.landmarks_N3)
            if raw is not None and rgb is not None:
                interior = measure_mouth_interior(rgb, raw.landmarks_N3)
                raw = replace(raw, mouth_interior=interior)
        if rgb is not None and self._wants_body:
            with self.timers.measure("body"):
                body, hands = self._follower.update(rgb, time_s, wants_hands=self._wants_hands)
        with self.timers.measure("smooth"):
            observation = None if raw is None else Observation(raw, self._picture_hw, body)
            neutral = self._calibrator.update(observation, time_s)
            face, tracking = self._smoother.update(raw, neutral, self._picture_hw, time_s)
        return Motion(driving.stamp, tracking, self._picture_hw, face, body, hands), neutral

    def _perform(self, motion: Motion, neutral: Neutral | None) -> Performance | None:
        if neutral is None or motion.face is None:
            return None
        if self._settings.is_mirrored:
            motion, neutral = mirror_motion(motion), self._mirror(neutral)
        return self._retargeter.perform(motion, neutral)

    def _mirror(self, neutral: Neutral) -> Neutral:
        if self._mirrored is None or self._mirrored[0] is not neutral:
            self._mirrored = (neutral, mirror_neutral(neutral))
        return self._mirrored[1]

    @property
    def _wants_body(self) -> bool:
        return self._retargeter.has_body and (
            self._is_camera(Region.BODY) or self._is_camera(Region.HANDS)
        )

    @property
    def _wants_hands(self) -> bool:
        return self._retargeter.has_hands and self._is_camera(Region.HANDS)

    def _is_camera(self, region: Region) -> bool:
        return self._settings.sources.get(region, Source.CAMERA) is Source.CAMERA

    def swap(self, reference: ReferenceGeometry) -> None:
        """Move another reference from the next push on; tracking and neutral stay."""
        self._retargeter = Retargeter(reference)
        self._mixer.forget_reference()

    def configure(self, settings: LiveSettings) -> None:
        """Apply live settings from the next push on."""
        self._settings = settings
        self._calibrator.is_refining = settings.is_refining

    def calibrate(self) -> None:
        """Take the driver's neutral from the next second."""
        self._calibrator.request()

    @property
    def num_calibrated(self) -> int:
        """Calibrations on request that have found a neutral."""
        return self._calibrator.num_calibrated

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
        self._follower.reset()
        self._smoother.reset()
        self._calibrator.reset()
        self._mixer.reset()
        if self._hearing is not None:
            self._hearing.reset()
        self._tracking = Tracking.LOST

    def close(self) -> None:
        """Release the trackers; the performer cannot be used afterwards."""
        self._tracker.close()
        self._follower.close()
