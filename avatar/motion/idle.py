"""Being alive with nobody driving: breath, sway, blinks and glances that never loop.

Knows the statistics of people at rest; does not know references or sources. Everything is a pure
function of (seed, time): two runs agree, any moment can be asked for, and no state can grow.

Statistics: blinks 10 to 20 a minute with irregular intervals, some doubled, closing in about 80 ms
and opening in about 150 ms (Bentivoglio et al. 1997); fixations of 0.3 to 3 s with mostly small
saccades (Lee, Badler & Badler 2002, "Eyes Alive"); breathing 12 to 16 a minute; eyes that stay on
their target while the head sways (vestibulo-ocular reflex).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avatar.frames import FloatArray

_MASK = (1 << 64) - 1

_BLINK_SLOT_S = 3.9
_CLOSING_S, _CLOSED_S, _OPENING_S = 0.08, 0.04, 0.16
BLINK_S = _CLOSING_S + _CLOSED_S + _OPENING_S
_FIXATION_SLOT_S = 1.5
_SACCADE_S = 0.045
_BREATH_S = 4.3


@dataclass(frozen=True, slots=True)
class IdleState:
    """One moment of an idle person."""

    yaw: float
    """Head, radians; signs as `rotation.yaw_pitch_roll`."""
    pitch: float
    roll: float
    shift_2: FloatArray
    """Head, inter-ocular units."""
    breath: float
    """-1 (out) .. 1 (in)."""
    gaze_2: FloatArray
    """[yaw, pitch] relative to the head, radians; both eyes."""
    openness: float
    """Of the lids: 1 open, 0 closed."""
    brow: float
    """Inter-ocular units, > 0 raised."""
    lips: float
    """Vertical movement of closed lips, inter-ocular units."""


class IdleMotion:
    """The idle life of one character; another seed is another one."""

    def __init__(self, seed: int) -> None:
        self._seed = seed & _MASK

    def at(self, time_s: float) -> IdleState:
        """The moment `time_s` seconds into the idle life (any finite number)."""
        yaw = 0.045 * self._noise(0, time_s, 0.11) + 0.018 * self._noise(1, time_s, 0.37)
        pitch = 0.028 * self._noise(2, time_s, 0.13) + 0.012 * self._noise(3, time_s, 0.43)
        roll = 0.022 * self._noise(4, time_s, 0.09) + 0.008 * self._noise(5, time_s, 0.31)
        breath = self._breath(time_s)
        shift = np.array(
            [
                0.05 * self._noise(6, time_s, 0.08) + 0.4 * yaw,
                0.02 * self._noise(7, time_s, 0.12) - 0.012 * breath,
            ],
            dtype=np.float32,
        )
        gaze = self._gaze(time_s)
        # The eyes keep their target while the head drifts under them.
        gaze = gaze - 0.8 * np.array([yaw, pitch], dtype=np.float32)
        # Lids follow the eyes: a downward look lowers the upper lid.
        openness = self._blink(time_s) * (1.0 - 0.5 * max(float(gaze[1]), 0.0))
        return IdleState(
            yaw=yaw,
            pitch=pitch - 0.006 * breath,
            roll=roll,
            shift_2=shift,
            breath=breath,
            gaze_2=np.asarray(gaze, dtype=np.float32),
            openness=openness,
            brow=0.012 * self._noise(8, time_s, 0.21),
            lips=0.004 * self._noise(9, time_s, 0.27),
        )

    def gesture(self, time_s: float) -> FloatArray:
        """How a speaker's head moves on top of that: yaw, pitch, roll in radians, whole-hearted.

        Speakers move their heads faster and further than listeners (Hadar et al. 1983).
        """
        yaw = 0.18 * self._noise(22, time_s, 0.19) + 0.06 * self._noise(23, time_s, 0.47)
        pitch = 0.09 * self._noise(24, time_s, 0.23) + 0.03 * self._noise(25, time_s, 0.55)
        roll = 0.09 * self._noise(26, time_s, 0.17) + 0.025 * self._noise(27, time_s, 0.41)
        return np.array([yaw, pitch, roll], dtype=np.float32)

    def _uniform(self, channel: int, index: int) -> float:
        """A number in [0, 1) for one cell of one channel (splitmix64, Steele et al. 2014)."""
        z = (self._seed + 0x9E3779B97F4A7C15 * ((index * 64 + channel + 1) & _MASK)) & _MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        return ((z ^ (z >> 31)) >> 11) / float(1 << 53)

    def _noise(self, channel: int, time_s: float, rate_hz: float) -> float:
        """Smooth gradient noise (Perlin 2002) of about one swing per 1/rate_hz, within -1..1."""
        x = time_s * rate_hz * 2.0
        cell = int(np.floor(x))
        t = x - cell
        before = (2.0 * self._uniform(channel, cell) - 1.0) * t
        after = (2.0 * self._uniform(channel, cell + 1) - 1.0) * (t - 1.0)
        fade = t * t * t * (t * (t * 6.0 - 15.0) + 10.0)
        return 2.0 * (before + fade * (after - before))

    def _breath(self, time_s: float) -> float:
        phase = time_s / _BREATH_S + 0.35 * self._noise(10, time_s, 0.05)
        depth = 1.0 + 0.3 * self._noise(11, time_s, 0.04)
        # In faster than out.
        angle = 2.0 * np.pi * (phase - np.floor(phase))
        return float(np.sin(angle + 0.35 * np.sin(angle)) * depth / 1.3)

    def _blink(self, time_s: float) -> float:
        slot = int(np.floor(time_s / _BLINK_SLOT_S))
        lowest = 1.0
        for index in (slot - 1, slot):
            for start in self._blink_starts(index):
                lowest = min(lowest, _blink_curve(time_s - start))
        return lowest

    def _blink_starts(self, slot: int) -> list[float]:
        start = (slot + 0.95 * self._uniform(13, slot)) * _BLINK_SLOT_S
        if self._uniform(14, slot) < 0.13:  # a double blink
            return [start, start + BLINK_S + 0.05 + 0.1 * self._uniform(15, slot)]
        return [start]

    def _gaze(self, time_s: float) -> FloatArray:
        slot = int(np.floor(time_s / _FIXATION_SLOT_S))
        while time_s < self._fixation_start(slot):
            slot -= 1
        while time_s >= self._fixation_start(slot + 1):
            slot += 1
        t = (time_s - self._fixation_start(slot)) / _SACCADE_S
        target = self._fixation(slot)
        if t >= 1.0:
            drift = 0.004 * np.array(
                [self._noise(16, time_s, 0.9), self._noise(17, time_s, 0.8)], dtype=np.float32
            )
            return np.asarray(target + drift, dtype=np.float32)
        before = self._fixation(slot - 1)
        weight = np.float32(t * t * (3 - 2 * t))
        return np.asarray(before + weight * (target - before), dtype=np.float32)

    def _fixation_start(self, slot: int) -> float:
        return (slot + 0.8 * (self._uniform(18, slot) - 0.5)) * _FIXATION_SLOT_S

    def _fixation(self, slot: int) -> FloatArray:
        across = 2.0 * self._uniform(19, slot) - 1.0
        along = 2.0 * self._uniform(20, slot) - 1.0
        # Mostly at whoever looks; now and then a real glance aside.
        reach = 0.22 if self._uniform(21, slot) < 0.16 else 0.035
        return np.array([reach * across, 0.55 * reach * along], dtype=np.float32)


def _blink_curve(since_s: float) -> float:
    """Openness `since_s` after a blink began."""
    if since_s < 0.0 or since_s >= BLINK_S:
        return 1.0
    if since_s < _CLOSING_S:
        t = since_s / _CLOSING_S
        return 1.0 - t * t * (3 - 2 * t)
    if since_s < _CLOSING_S + _CLOSED_S:
        return 0.0
    t = (since_s - _CLOSING_S - _CLOSED_S) / _OPENING_S
    return t * t * (3 - 2 * t)
