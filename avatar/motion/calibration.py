"""How a driver's neutral is found: at once, then within a second, then refined over minutes.

Knows which frames show a face at rest and how to average them; does not know cameras, wall time
(it goes by the stamps of the frames) or what the neutral is used for.

    provisional   from the first frame, so that the character moves at once
    automatic     median of the first second of usable frames
    calibrated    median of one second on request ("look at the screen, mouth closed")
    stored        set from outside (the browser kept it)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from avatar.frames import BodyMotion, FaceMotion, FloatArray
from avatar.motion.expression import healthy_aperture, with_lid_apertures, with_lip_gap
from avatar.motion.neutral import Neutral
from avatar.motion.rotation import (
    exp_rotation,
    from_yaw_pitch_roll,
    log_rotation,
    soft_limit,
    yaw_pitch_roll,
)

__all__ = ["Calibrator", "Neutral", "NeutralOrigin", "Observation", "provisional", "robust_neutral"]

CALIBRATION_S = 1.0
TIMEOUT_S = 4.0
"""A calibration takes what it has after this long (a talking, blinking or turning driver)."""
MIN_FRAMES = 6
EASE_AUTOMATIC_S = 1.0
EASE_CALIBRATED_S = 0.35
REFINE_S = 150.0
"""Time constant of the slow refinement,"""
REFINE_PERIOD_S = 0.2
"""which looks at the driver no more often than this."""

_MIN_CONFIDENCE = 0.4
_FRONTAL_RAD = np.radians(25.0)
_REFINE_RAD = np.radians(12.0)
_LIPS_CLOSED = 0.06
_LIP_MARGIN = 0.025
_BLINK_SHARE = 0.8


class NeutralOrigin(StrEnum):
    """Where the neutral in use came from."""

    NONE = "none"
    PROVISIONAL = "provisional"
    AUTOMATIC = "automatic"
    CALIBRATED = "calibrated"
    STORED = "stored"


@dataclass(frozen=True, slots=True)
class Observation:
    """What calibration sees of one driving frame."""

    face: FaceMotion
    picture_hw: tuple[int, int]
    body: BodyMotion | None = None


def provisional(seen: Observation) -> Neutral:
    """A neutral from one frame: lips closed, eyes opened, a far-turned head taken as looking away.

    What a single frame cannot tell (a smile, a raised brow) is corrected within the first second.
    """
    neutral = _measured(seen)
    angles = np.array(yaw_pitch_roll(neutral.rotation_33), dtype=np.float32)
    yaw, pitch, roll = soft_limit(angles, np.radians(15.0).astype(np.float32)).tolist()
    lids = np.array([healthy_aperture(float(a)) for a in neutral.lid_apertures_2], dtype=np.float32)
    # A single blinking or winking frame must not make two different eyes.
    lids[:] = lids.max()
    return replace(
        neutral,
        shape_N3=with_lid_apertures(with_lip_gap(neutral.shape_N3, 0.0), lids),
        lid_apertures_2=lids,
        lip_aperture=min(neutral.lip_aperture, 0.02),
        gaze_22=soft_limit(neutral.gaze_22, 0.2),
        rotation_33=from_yaw_pitch_roll(yaw, pitch, roll),
    )


def is_usable(face: FaceMotion) -> bool:
    """Whether a frame may show a face at rest at all: sure, near-frontal, mouth about closed."""
    yaw, pitch, _ = yaw_pitch_roll(face.rotation_33)
    return (
        face.confidence >= _MIN_CONFIDENCE
        and abs(yaw) < _FRONTAL_RAD
        and abs(pitch) < _FRONTAL_RAD
        and face.lip_aperture < _LIPS_CLOSED
    )


def robust_neutral(seen: Sequence[Observation]) -> Neutral:
    """Component-wise median over the frames of `seen` without blinks and with the mouth at rest."""
    assert seen, "a neutral needs at least one frame"
    lids = np.array([o.face.lid_apertures_2.mean() for o in seen])
    lips = np.array([o.face.lip_aperture for o in seen])
    keep = (lids >= _BLINK_SHARE * np.percentile(lids, 75)) & (
        lips <= np.percentile(lips, 25) + _LIP_MARGIN
    )
    chosen = [_measured(o) for o, is_kept in zip(seen, keep, strict=True) if is_kept]
    if not chosen:  # the open-eyed and the closed-mouthed frames are different ones
        chosen = [_measured(seen[int(np.argmin(lips))])]
    anchor = chosen[0].rotation_33
    turns = np.median([log_rotation(n.rotation_33 @ anchor.T) for n in chosen], axis=0)
    bodies = [n for n in chosen if n.joints_J3 is not None and n.visibility_J is not None]
    return Neutral(
        shape_N3=_median([n.shape_N3 for n in chosen]),
        lid_apertures_2=_median([n.lid_apertures_2 for n in chosen]),
        lip_aperture=float(np.median([n.lip_aperture for n in chosen])),
        gaze_22=_median([n.gaze_22 for n in chosen]),
        rotation_33=exp_rotation(turns.astype(np.float32)) @ anchor,
        translation_2=_median([n.translation_2 for n in chosen]),
        scale=float(np.median([n.scale for n in chosen])),
        joints_J3=_median([n.joints_J3 for n in bodies if n.joints_J3 is not None])
        if bodies
        else None,
        visibility_J=_median([n.visibility_J for n in bodies if n.visibility_J is not None])
        if bodies
        else None,
    )


def _median(values: Sequence[FloatArray]) -> FloatArray:
    return np.asarray(np.median(np.stack(values), axis=0), dtype=np.float32)


def _measured(seen: Observation) -> Neutral:
    neutral = Neutral.of_face(seen.face, seen.picture_hw)
    if seen.body is None:
        return neutral
    centre = np.array([*seen.face.translation_2, 0.0], dtype=np.float32)
    return replace(
        neutral,
        joints_J3=(seen.body.joints_J3 - centre) / np.float32(seen.face.scale),
        visibility_J=_visibility_at_rest(seen.body),
    )


def _visibility_at_rest(body: BodyMotion) -> FloatArray:
    """Visibility with raised arms taken as not seen: a gesture is no rest to measure from."""
    visibility = body.visibility_J.copy()
    joints = body.joints_J3[:, :2]
    for shoulder, elbow, wrist in ((11, 13, 15), (12, 14, 16)):
        reach = float(np.linalg.norm(joints[elbow] - joints[shoulder]))
        is_raised = joints[wrist, 1] < joints[elbow, 1] - 0.25 * reach
        is_out = joints[elbow, 1] < joints[shoulder, 1] + 0.3 * reach
        if is_raised or is_out:
            visibility[[elbow, wrist]] = 0.0
    return visibility


class Calibrator:
    """Keeps the neutral of the driver in front of the camera."""

    def __init__(self) -> None:
        self._is_refining = True
        self.num_calibrated = 0
        """Calibrations on request that have found a neutral."""
        self.reset()

    def reset(self) -> None:
        """Forget the driver."""
        self._origin = NeutralOrigin.NONE
        self._shown: Neutral | None = None
        self._goal: Neutral | None = None
        self._unrefined_s = 0.0
        self._ease_from: Neutral | None = None
        self._ease_start_s = 0.0
        self._ease_s = 0.0
        self._frames: list[Observation] = []
        self._usable_s = 0.0
        self._collect_start_s: float | None = None
        self._last_s: float | None = None
        self._is_requested = False

    @property
    def origin(self) -> NeutralOrigin:
        """Where the neutral in use came from."""
        return self._origin

    @property
    def neutral(self) -> Neutral | None:
        """The neutral in use; None before the first face."""
        return self._shown

    @neutral.setter
    def neutral(self, value: Neutral | None) -> None:
        self.reset()
        if value is not None:
            self._origin = NeutralOrigin.STORED
            self._shown = self._goal = value

    @property
    def is_refining(self) -> bool:
        """Whether the neutral follows the driver slowly; off for exact, repeatable work."""
        return self._is_refining

    @is_refining.setter
    def is_refining(self, value: bool) -> None:
        self._is_refining = value

    @property
    def progress(self) -> float | None:
        """0..1 of the calibration under way; None when none is."""
        if not self._is_collecting:
            return None
        return min(self._usable_s / CALIBRATION_S, 1.0)

    @property
    def _is_collecting(self) -> bool:
        return self._is_requested or self._origin in (
            NeutralOrigin.NONE,
            NeutralOrigin.PROVISIONAL,
        )

    def request(self) -> None:
        """Take the neutral from the next second."""
        self._is_requested = True
        self._frames = []
        self._usable_s = 0.0
        self._collect_start_s = None

    def update(self, seen: Observation | None, time_s: float) -> Neutral | None:
        """Take in a tracked frame (None: no face in it); returns the neutral to use for it."""
        elapsed_s = 0.0 if self._last_s is None else float(np.clip(time_s - self._last_s, 0.0, 0.2))
        self._last_s = time_s
        if seen is not None:
            if self._goal is None:
                self._shown = self._goal = provisional(seen)
                self._origin = NeutralOrigin.PROVISIONAL
            elif seen.body is not None and self._goal.joints_J3 is None:
                self._adopt_body(seen)
            if self._is_collecting:
                self._collect(seen, time_s, elapsed_s)
            elif self._is_refining:
                self._refine(seen, elapsed_s)
        self._ease(time_s)
        return self._shown

    def _collect(self, seen: Observation, time_s: float, elapsed_s: float) -> None:
        if self._collect_start_s is None:
            self._collect_start_s = time_s
        if is_usable(seen.face):
            self._frames.append(seen)
            self._usable_s += elapsed_s
        is_late = time_s - self._collect_start_s >= TIMEOUT_S
        is_enough = self._usable_s >= CALIBRATION_S and len(self._frames) >= MIN_FRAMES
        if not (is_enough or (is_late and len(self._frames) >= MIN_FRAMES)):
            if is_late:  # nothing to go by: start over rather than keep a bad face
                self._frames, self._usable_s, self._collect_start_s = [], 0.0, None
                self._is_requested = False
            return
        found = robust_neutral(self._frames)
        if self._goal is not None:
            body = self._goal.blend(found, 1.0)  # keeps what was seen at rest before
            found = replace(found, joints_J3=body.joints_J3, visibility_J=body.visibility_J)
        is_asked = self._is_requested
        self.num_calibrated += is_asked
        self._origin = NeutralOrigin.CALIBRATED if is_asked else NeutralOrigin.AUTOMATIC
        self._start_easing(found, time_s, EASE_CALIBRATED_S if is_asked else EASE_AUTOMATIC_S)
        self._frames, self._usable_s, self._collect_start_s = [], 0.0, None
        self._is_requested = False

    def _adopt_body(self, seen: Observation) -> None:
        """The body is found later than the face: it joins the neutral as it is first seen."""
        assert self._goal is not None
        assert self._shown is not None
        body = _measured(seen)
        self._goal = replace(self._goal, joints_J3=body.joints_J3, visibility_J=body.visibility_J)
        self._shown = replace(self._shown, joints_J3=body.joints_J3, visibility_J=body.visibility_J)

    def _refine(self, seen: Observation, elapsed_s: float) -> None:
        self._unrefined_s += elapsed_s
        if self._unrefined_s < REFINE_PERIOD_S:
            return
        elapsed_s, self._unrefined_s = self._unrefined_s, 0.0
        goal = self._goal
        assert goal is not None
        face = seen.face
        turn = float(np.linalg.norm(log_rotation(face.rotation_33 @ goal.rotation_33.T)))
        is_at_rest = (
            face.confidence >= _MIN_CONFIDENCE
            and turn < _REFINE_RAD
            and face.lip_aperture < goal.lip_aperture + _LIP_MARGIN
            and bool((face.lid_apertures_2 > _BLINK_SHARE * goal.lid_apertures_2).all())
        )
        if not is_at_rest:
            return
        now = _measured(seen)
        self._goal = goal.blend(now, 1.0 - float(np.exp(-elapsed_s / REFINE_S)))
        if self._ease_from is None:
            self._shown = self._goal

    def _start_easing(self, goal: Neutral, time_s: float, ease_s: float) -> None:
        self._ease_from, self._goal = self._shown, goal
        self._ease_start_s, self._ease_s = time_s, ease_s

    def _ease(self, time_s: float) -> None:
        if self._ease_from is None or self._goal is None:
            return
        t = float(np.clip((time_s - self._ease_start_s) / self._ease_s, 0.0, 1.0))
        weight = t * t * (3 - 2 * t)
        self._shown = self._ease_from.blend(self._goal, weight)
        if t >= 1.0:
            self._ease_from = None
