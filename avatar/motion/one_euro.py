"""One-Euro filters that can follow a trend: calm at rest, hardly late in motion.

Knows speeds, cut-offs and dt; does not know what is filtered.

One-Euro filter: G. Casiez, N. Roussel, D. Vogel, CHI 2012: a first-order low-pass whose cut-off
rises with the (smoothed) speed. A low-pass alone is late by its time constant however steady the
motion is, so here the value goes on with the course it had and only what a measurement adds to that
is low-passed: an alpha-beta filter (P. R. Kalata, IEEE Trans. AES, 1984, for how its two gains
belong together) whose trend is forgotten with a time constant, so that a head that stops does not
swing past.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avatar.frames import FloatArray
from avatar.motion.rotation import exp_rotation, log_rotation


@dataclass(frozen=True, slots=True)
class OneEuroSettings:
    """Cut-off at rest (Hz), its rise per unit of speed, cut-off of the speed estimate (Hz).

    `trend_s` is how long a trend is believed (time constant, s); 0 follows none.
    """

    min_cutoff_hz: float
    beta: float
    speed_cutoff_hz: float = 1.5
    trend_s: float = 0.0


def _alpha(cutoff_hz: FloatArray | float, dt_s: float) -> FloatArray:
    r = 2.0 * np.pi * np.asarray(cutoff_hz, dtype=np.float32) * dt_s
    return np.asarray(r / (r + 1.0), dtype=np.float32)


class OneEuro:
    """Filters an array of any shape, each point (last axis) with the speed of its own.

    The speed is the length over the last axis, so that a point's components are filtered alike.
    """

    def __init__(self, settings: OneEuroSettings) -> None:
        self._settings = settings
        self.reset()

    def reset(self) -> None:
        """Take the next value as it is."""
        self._value: FloatArray | None = None
        self._raw: FloatArray | None = None
        self._speed: FloatArray = np.zeros(0, dtype=np.float32)
        self._trend: FloatArray = np.zeros(0, dtype=np.float32)

    def __call__(self, value: FloatArray, dt_s: float, *, unit: float = 1.0) -> FloatArray:
        """The smoothed value, `dt_s` seconds after the last one.

        `unit` is what the settings' speeds are counted in, in units of the value.
        """
        value = np.asarray(value, dtype=np.float32)
        if self._value is None or self._raw is None or dt_s < 0:
            self._value = self._raw = value
            self._speed = self._trend = np.zeros_like(self._step(value, value))
            return value
        if dt_s == 0:
            return self._value
        s = self._settings
        velocity = self._step(self._raw, value) / np.float32(dt_s)
        self._speed = self._speed + _alpha(s.speed_cutoff_hz, dt_s) * (velocity - self._speed)
        self._raw = value
        speed = np.linalg.norm(self._speed, axis=-1, keepdims=True)
        alpha = _alpha(s.min_cutoff_hz + s.beta / unit * speed, dt_s)
        kept = np.float32(np.exp(-dt_s / s.trend_s)) if s.trend_s > 0 else np.float32(0.0)
        self._trend = kept * self._trend
        expected = self._moved(self._value, self._trend * np.float32(dt_s))
        news = self._step(expected, value)
        self._value = self._moved(expected, alpha * news)
        if s.trend_s > 0:
            self._trend = self._trend + alpha**2 / (2 - alpha) * news / np.float32(dt_s)
        return self._value

    def _step(self, start: FloatArray, end: FloatArray) -> FloatArray:
        return end - start

    def _moved(self, start: FloatArray, step: FloatArray) -> FloatArray:
        return start + step


class OneEuroRotation(OneEuro):
    """The same filter on rotations (3 x 3): speeds and steps are rotation vectors (radians)."""

    def _step(self, start: FloatArray, end: FloatArray) -> FloatArray:
        return log_rotation(end @ start.T)

    def _moved(self, start: FloatArray, step: FloatArray) -> FloatArray:
        return np.asarray(exp_rotation(step) @ start, dtype=np.float32)
