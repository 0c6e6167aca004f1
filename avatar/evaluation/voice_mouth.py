"""What the encoder makes of a whole sound, on a clock of 50 moments per second.

Knows the run-time encoder and resampler; the same arithmetic that a live session runs.

Shape legend: M moments, K coefficients, T samples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avatar.evaluation.voice_measures import RATE_HZ
from avatar.frames import FloatArray
from avatar.motion.audio.encoder import STEP_S, AudioEncoder, Weights
from avatar.motion.audio.mouth import APERTURE
from avatar.motion.audio.resample import Resampler

_TAIL_S = 0.2


@dataclass(frozen=True, slots=True)
class HeardMouth:
    """The mouth of a sound from its start to its end."""

    times_s: FloatArray
    coefficients_MK: FloatArray
    speech_M: FloatArray

    @property
    def opening_M(self) -> FloatArray:
        """Inner-lip gap, inter-ocular units."""
        return self.coefficients_MK[:, APERTURE]


def heard_mouth(samples_T: FloatArray, rate_hz: int, weights: Weights | None) -> HeardMouth:
    """Run the encoder over a sound (and the silence after it that its look-ahead needs)."""
    padded_T = np.concatenate([samples_T, np.zeros(int(_TAIL_S * rate_hz), np.float32)])
    curve = AudioEncoder(weights).push(Resampler(rate_hz).push(padded_T))
    at_s = curve.start_s + STEP_S * np.arange(len(curve.speech_M))
    times_s = np.arange(len(samples_T) * RATE_HZ // rate_hz) / RATE_HZ
    coefficients_MK = np.stack(
        [np.interp(times_s, at_s, column) for column in curve.coefficients_MK.T], axis=1
    )
    return HeardMouth(
        times_s.astype(np.float32),
        coefficients_MK.astype(np.float32),
        np.interp(times_s, at_s, curve.speech_M).astype(np.float32),
    )
