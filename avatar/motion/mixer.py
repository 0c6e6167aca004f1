"""Each region takes its motion from its source, and something better than nothing when that fails.

Knows sources, the degradation ladder and easing between sources; does not know trackers, sound or
pixels. The ladder: camera, or a moment's hold of it (the smoother's); then the voice for the mouth
where there is one; then idle life. Nothing ever jumps: a change of source takes `EASE_S`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from avatar.frames import FloatArray, Tracking
from avatar.motion import topology as topo
from avatar.motion.face_regions import region_weights
from avatar.motion.idle import IdleMotion, IdleState
from avatar.motion.performance import BodyPose, Performance, mix
from avatar.motion.retarget import Retargeter
from avatar.motion.rotation import from_yaw_pitch_roll, log_rotation
from avatar.regions import LiveSettings, Region, Source

EASE_S = 0.3
LOST_EASE_S = 0.8
"""From a lost face to idle: as slow as the smoother's way to neutral."""
ONSET_EASE_S = 0.06
"""From idle to the voice's mouth, which begins closed: eased longer, a first syllable is lost."""
_SOURCES = (Source.CAMERA, Source.AUDIO, Source.IDLE, Source.STILL)
_ENERGY_S = 0.15
_ENGAGED_S = 1.5
"""Over which a speaker warms to what is said: louder for longer moves the head further."""
_EMPHASIS_GAIN = 2.5


@dataclass(frozen=True, slots=True)
class AudioMotion:
    """What the voice does to a face at one moment, on an average face."""

    shape_delta_N3: FloatArray
    """Offset from a closed mouth at rest: head space, inter-ocular units."""
    lip_aperture: float
    """Inner-lip gap, inter-ocular units."""
    energy: float
    """0..1: how much is being said just now; moves head and brows a little."""


class _Fader:
    """Shares of the sources for one region, easing to a new source."""

    def __init__(self) -> None:
        self._target: Source | None = None
        self._from: FloatArray = np.zeros(len(_SOURCES), dtype=np.float32)
        self._start_s = 0.0
        self._ease_s = EASE_S

    def shares(self, target: Source, time_s: float, ease_s: float) -> FloatArray:
        goal = np.array([source is target for source in _SOURCES], dtype=np.float32)
        if self._target is None:
            self._target, self._from = target, goal
        elif target is not self._target:
            self._from = self._at(time_s)
            self._target, self._start_s, self._ease_s = target, time_s, ease_s
        return self._at(time_s)

    def rests_on(self, source: Source, time_s: float) -> bool:
        """Whether the region takes its motion from `source` and from nothing else any more."""
        return self._target is source and float(self._at(time_s)[_SOURCES.index(source)]) == 1.0

    def _at(self, time_s: float) -> FloatArray:
        goal = np.array([source is self._target for source in _SOURCES], dtype=np.float32)
        elapsed_s = time_s - self._start_s
        t = 1.0 if elapsed_s < 0 else min(elapsed_s / self._ease_s, 1.0)
        weight = np.float32(t * t * (3 - 2 * t))
        return np.asarray(self._from + weight * (goal - self._from), dtype=np.float32)


class Mixer:
    """Mixes the sources into one performance per frame."""

    def __init__(self, *, seed: int = 0) -> None:
        self._idle = IdleMotion(seed)
        self.reset()

    def reset(self) -> None:
        """Start anew: the next frame's sources are taken without easing."""
        self._faders = {region: _Fader() for region in Region}
        self._energy = 0.0
        self._engaged = 0.0
        self._last_s: float | None = None
        self._last_camera: Performance | None = None

    def forget_reference(self) -> None:
        """Drop what was made for a reference that is no longer there."""
        self._last_camera = None

    def mix(
        self,
        retargeter: Retargeter,
        camera: Performance | None,
        tracking: Tracking,
        audio: AudioMotion | None,
        settings: LiveSettings,
        time_s: float,
    ) -> Performance:
        """The performance of `time_s` (media seconds, increasing).

        `camera` is what the driver does (None: nobody was ever seen, or no camera); `audio` None
        where there is no voice.
        """
        dt_s = 0.0 if self._last_s is None else min(max(time_s - self._last_s, 0.0), 0.2)
        self._last_s = time_s
        heard = 0.0 if audio is None else audio.energy
        self._energy += (heard - self._energy) * (1.0 - float(np.exp(-dt_s / _ENERGY_S)))
        self._engaged += (heard - self._engaged) * (1.0 - float(np.exp(-dt_s / _ENGAGED_S)))
        # What stands out from what was said before it: stressed syllables, the start of a phrase.
        emphasis = min(max(_EMPHASIS_GAIN * (self._energy - self._engaged), 0.0), 1.0)
        if camera is not None:
            self._last_camera = camera
        is_seen = camera is not None and tracking in (Tracking.TRACKED, Tracking.HELD)

        weights: dict[Region, list[float]] = {}
        for region, fader in self._faders.items():
            asked = settings.sources.get(region, Source.CAMERA)
            target = resolve_source(region, asked, is_seen=is_seen, is_heard=audio is not None)
            ease_s = EASE_S if target is asked else LOST_EASE_S
            if region is Region.MOUTH and target is Source.AUDIO:
                ease_s = ONSET_EASE_S if fader.rests_on(Source.IDLE, time_s) else ease_s
            shares = fader.shares(target, time_s, ease_s)
            weights[region] = shares.tolist()

        healthy = retargeter.healthy_rest()
        state = self._idle.at(time_s)
        idle = idle_performance(healthy, state)
        candidates = {
            Source.CAMERA: self._last_camera or idle,
            Source.AUDIO: audio_performance(
                retargeter, idle, audio, emphasis, self._engaged * self._idle.gesture(time_s)
            ),
            Source.IDLE: idle,
            Source.STILL: retargeter.rest(),
        }
        return mix([candidates[source] for source in _SOURCES], weights)


def resolve_source(region: Region, asked: Source, *, is_seen: bool, is_heard: bool) -> Source:
    """The source a region really takes: what was asked for, or the next rung down the ladder."""
    if asked is Source.CAMERA and not is_seen:
        asked = Source.AUDIO if region is Region.MOUTH else Source.IDLE
    if asked is Source.AUDIO and not is_heard:
        return Source.IDLE
    return asked


def idle_performance(rest: Performance, state: IdleState) -> Performance:
    """Idle life on a reference at rest."""
    masks = region_weights()
    delta = np.zeros_like(rest.shape_delta_N3)
    delta[:, 1] -= masks[Region.BROWS] * np.float32(state.brow)
    delta[topo.LIPS, 1] += np.float32(state.lips)
    return replace(
        rest,
        rotation_3=log_rotation(from_yaw_pitch_roll(state.yaw, state.pitch, state.roll)),
        shift_2=state.shift_2,
        shape_delta_N3=delta,
        lid_openness_2=np.full(2, state.openness, dtype=np.float32),
        gaze_22=np.stack([state.gaze_2, state.gaze_2]),
        body=None if rest.body is None else _breathe(rest.body, state),
    )


def _breathe(body: BodyPose, state: IdleState) -> BodyPose:
    joints = body.joints_J3.copy()
    shoulders = float(np.linalg.norm(joints[11, :2] - joints[12, :2]))
    sway = np.array([0.012 * state.shift_2[0] / 0.05, -0.008 * state.breath], dtype=np.float32)
    # Shoulders and arms rise and sway; hips and feet stay where they are.
    joints[11:23, :2] += sway * np.float32(shoulders)
    hands = body.hands_2K3.copy()
    hands[..., :2] += sway * np.float32(shoulders)
    return replace(body, joints_J3=joints, hands_2K3=hands)


def audio_performance(
    retargeter: Retargeter,
    idle: Performance,
    audio: AudioMotion | None,
    emphasis: float,
    gesture_3: FloatArray,
) -> Performance:
    """The voice on top of idle life: its mouth, a moving head, nods and brows on what is stressed.

    `emphasis` is 0..1; `gesture_3` yaw, pitch and roll of the head in radians.
    """
    if audio is None:
        return idle
    scale = retargeter.proportions_of_average
    delta = idle.shape_delta_N3 + audio.shape_delta_N3 * scale.scale_N3
    delta[:, 1] -= region_weights()[Region.BROWS] * np.float32(0.045 * emphasis)
    yaw, pitch, roll = gesture_3.tolist()
    turn = from_yaw_pitch_roll(yaw, pitch + 0.05 * emphasis, roll)
    # The eyes stay with whoever listens while the head moves.
    gaze_2 = np.array([yaw, pitch], dtype=np.float32)
    return replace(
        idle,
        rotation_3=idle.rotation_3 + log_rotation(turn),
        shape_delta_N3=delta,
        gaze_22=idle.gaze_22 - np.float32(0.8) * gaze_2,
        lip_gap=max(0.0, audio.lip_aperture) * scale.mouth,
    )
