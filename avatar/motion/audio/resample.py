"""Streaming resampling to the encoder's 16 kHz: any rate in, any piece size, bounded state.

Knows rates and samples; does not know time stamps. A windowed sinc, evaluated where the output
samples fall (Smith, "Digital Audio Resampling"), so that a rate such as 44.1 kHz needs no common
multiple. The filter is centred: output sample n stands for input time n / 16000 s, and waits for
half a filter of input (under 2 ms) after it.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from avatar.errors import AudioError
from avatar.frames import FloatArray
from avatar.motion.audio.features import SAMPLE_RATE_HZ

LOWEST_RATE_HZ: Final = 4_000
HIGHEST_RATE_HZ: Final = 384_000
_ZERO_CROSSINGS: Final = 12
_PHASES: Final = 256
"""Positions between two samples at which the filter is tabulated (interpolation error -90 dB)."""


class Resampler:
    """Turns a stream of mono samples at `rate_hz` into one at 16 kHz."""

    def __init__(self, rate_hz: int) -> None:
        """Raises AudioError for a rate outside 4..384 kHz."""
        if not LOWEST_RATE_HZ <= rate_hz <= HIGHEST_RATE_HZ:
            raise AudioError(
                f"A sample rate of {rate_hz} Hz cannot be used; send "
                f"{LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ} Hz."
            )
        self.rate_hz = rate_hz
        # The pass band ends at the lower of both Nyquist frequencies.
        cutoff = min(1.0, SAMPLE_RATE_HZ / rate_hz)
        self._half = int(np.ceil(_ZERO_CROSSINGS / cutoff))
        offsets = np.arange(-self._half + 1, self._half + 1)
        phases = np.arange(_PHASES + 1)[:, None] / _PHASES
        at = offsets[None, :] - phases
        window = np.where(
            np.abs(at) < self._half,
            0.5 + 0.5 * np.cos(np.pi * np.clip(at / self._half, -1, 1)),
            0.0,
        )
        taps = cutoff * np.sinc(cutoff * at) * window
        self._taps_PT = (taps / taps.sum(axis=1, keepdims=True)).astype(np.float32)
        self.reset()

    def reset(self) -> None:
        """Forget the sound so far: the next sample is the first."""
        self._past_T = np.zeros(self._half, np.float32)
        self._first_index = -self._half  # input index of the first remembered sample
        self._num_outputs = 0

    def push(self, samples_T: FloatArray) -> FloatArray:
        """Take the next samples; return the 16 kHz samples they complete."""
        if self.rate_hz == SAMPLE_RATE_HZ:
            return samples_T.astype(np.float32, copy=False)
        heard_T = np.concatenate([self._past_T, samples_T.astype(np.float32, copy=False)])
        end_index = self._first_index + len(heard_T)
        # The output at input position p needs inputs up to floor(p) + half.
        usable = end_index - self._half  # exclusive bound of floor(p)
        num_ready = max(0, -(-usable * SAMPLE_RATE_HZ // self.rate_hz)) - self._num_outputs
        if num_ready <= 0:
            self._past_T = heard_T
            return np.zeros(0, np.float32)
        numbers = np.arange(self._num_outputs, self._num_outputs + num_ready, dtype=np.int64)
        whole, part = np.divmod(numbers * self.rate_hz, SAMPLE_RATE_HZ)
        phase = np.round(part * (_PHASES / SAMPLE_RATE_HZ)).astype(np.intp)
        starts = (whole - self._half + 1 - self._first_index).astype(np.intp)
        windows = np.lib.stride_tricks.sliding_window_view(heard_T, 2 * self._half)
        if self.rate_hz % SAMPLE_RATE_HZ == 0:  # every output falls on an input: one phase
            step = self.rate_hz // SAMPLE_RATE_HZ
            # einsum, not @: no second thread for so little (see the encoder)
            outputs_T = np.einsum(
                "ot,t->o", windows[starts[0] : starts[-1] + 1 : step], self._taps_PT[0]
            )
        else:
            outputs_T = np.einsum("ot,ot->o", windows[starts], self._taps_PT[phase])
        self._num_outputs += num_ready
        next_whole = self._num_outputs * self.rate_hz // SAMPLE_RATE_HZ
        keep_from = next_whole - self._half + 1 - self._first_index
        self._past_T = heard_T[max(0, keep_from) :]
        self._first_index += max(0, keep_from)
        return outputs_T.astype(np.float32)


def clean_samples(samples_T: FloatArray) -> FloatArray:
    """Samples with NaN and infinities silenced and anything beyond [-1, 1] clipped."""
    finite_T = np.nan_to_num(samples_T, nan=0.0, posinf=0.0, neginf=0.0)
    return np.clip(finite_T, -1.0, 1.0).astype(np.float32, copy=False)
