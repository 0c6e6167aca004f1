"""How well one curve follows another: correlation, lag, and the envelope of a sound.

Knows arrays at a common rate; does not know mouths or files.

Shape legend: M moments, T samples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, uniform_filter1d

from avatar.frames import FloatArray

RATE_HZ = 50
LONGEST_LAG_S = 0.3


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two curves compared."""

    correlation: float | None
    """Pearson, without any shift; None where a curve does not move."""
    lag_s: float | None
    """Shift at which they agree best; > 0: the first comes later than the second."""
    best_correlation: float | None
    """At that shift."""


_Curve = FloatArray | NDArray[np.float64]


def correlation(a_M: _Curve, b_M: _Curve) -> float | None:
    """Pearson correlation; None where one of the two does not move."""
    if len(a_M) < 3 or a_M.std() < 1e-9 or b_M.std() < 1e-9:
        return None
    return float(np.corrcoef(a_M, b_M)[0, 1])


def agreement(
    a_M: FloatArray, b_M: FloatArray, *, longest_lag_s: float = LONGEST_LAG_S
) -> Agreement:
    """Compare two curves at 50 per second, shifted either way by up to `longest_lag_s`."""
    longest = round(longest_lag_s * RATE_HZ)
    scores = [shifted_correlation(a_M, b_M, shift) for shift in range(-longest, longest + 1)]
    if any(score is None for score in scores):
        return Agreement(correlation(a_M, b_M), None, None)
    values = np.array(scores, np.float64)
    best = int(values.argmax())
    offset = top_between(values[best - 1 : best + 2]) if 0 < best < len(values) - 1 else 0.0
    lag_s = (best - longest + offset) / RATE_HZ
    return Agreement(correlation(a_M, b_M), round(lag_s, 4), float(values[best]))


def top_between(values_3: NDArray[np.float64]) -> float:
    """Where, from the middle one, the parabola through three values has its top."""
    before, top, after = values_3
    bend = before - 2.0 * top + after
    return 0.0 if bend == 0.0 else float(0.5 * (before - after) / bend)


def shifted_correlation(a_M: FloatArray, b_M: FloatArray, shift: int) -> float | None:
    """Correlation of curves of one length where the first is taken `shift` moments later."""
    if shift >= 0:
        return correlation(a_M[shift:], b_M[: len(b_M) - shift])
    return correlation(a_M[:shift], b_M[-shift:])


def shared_shift(a_MC: FloatArray, b_MC: FloatArray, *, longest_lag_s: float) -> int:
    """The shift, in moments, at which several pairs of curves (columns) agree best in the mean."""
    longest = round(longest_lag_s * RATE_HZ)
    scores = [
        [
            shifted_correlation(a_M, b_M, shift) or 0.0
            for a_M, b_M in zip(a_MC.T, b_MC.T, strict=True)
        ]
        for shift in range(-longest, longest + 1)
    ]
    return int(np.argmax(np.mean(scores, axis=1))) - longest


def envelope(samples_T: FloatArray, rate_hz: int, times_s: FloatArray) -> FloatArray:
    """Level of a sound at `times_s` (M): RMS of 40 ms, smoothed to what a mouth could follow."""
    power_T = uniform_filter1d(np.square(samples_T.astype(np.float64)), int(0.04 * rate_hz))
    level_T = np.sqrt(np.maximum(power_T, 0.0))
    at_M = np.clip((times_s * rate_hz).astype(np.intp), 0, len(level_T) - 1)
    return np.asarray(gaussian_filter1d(level_T[at_M], 1.5), dtype=np.float32)
