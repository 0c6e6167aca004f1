"""Log-mel features of a stream of sound, one implementation for training and run time.

Knows samples at 16 kHz and bands; does not know the network. Whatever the sizes of the pieces the
sound comes in, the frames are the same. State is bounded: less than one window of samples, and the
running level.

Shape legend: T samples, M frames (100 per second), C features of a frame.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from scipy import fft

from avatar.frames import FloatArray

SAMPLE_RATE_HZ: Final = 16_000
HOP_T: Final = 160
WINDOW_T: Final = 400
FRAME_RATE_HZ: Final = SAMPLE_RATE_HZ // HOP_T
NUM_BANDS: Final = 64
NUM_FEATURES: Final = NUM_BANDS + 1

_FFT_T = 512
_LOWEST_HZ, _HIGHEST_HZ = 60.0, 7600.0
_FLOOR_DB = -80.0
"""Power below this reads as silence: 16-bit sound ends near -90 dB."""
_LEVEL_FLOOR_DB = -60.0
"""The running level never falls below this, so that faint hiss is not blown up into speech."""
_LEVEL_FALL_DB = 4.0 / FRAME_RATE_HZ
"""The level follows a louder sound at once and falls by 4 dB per second."""
_UNIT_DB = 20.0


def _mel(frequency_hz: FloatArray | float) -> FloatArray:
    """Mel scale (O'Shaughnessy 1987)."""
    return np.asarray(2595.0 * np.log10(1.0 + np.asarray(frequency_hz) / 700.0))


@cache
def _filters() -> FloatArray:
    """Triangular mel filters (257 bins, 64 bands) with unit area in mel."""
    edges = np.linspace(_mel(_LOWEST_HZ), _mel(_HIGHEST_HZ), NUM_BANDS + 2)
    bins = _mel(np.fft.rfftfreq(_FFT_T, 1.0 / SAMPLE_RATE_HZ))[:, None]
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (bins - left) / (centre - left), (right - bins) / (right - centre)
    filters = np.maximum(0.0, np.minimum(rising, falling))
    return (filters / np.maximum(filters.sum(axis=0), 1e-3)).astype(np.float32)


@cache
def _window() -> FloatArray:
    """Hann window scaled so that a full-scale sine has power 1."""
    window = np.hanning(WINDOW_T + 1)[:-1]
    return (window * 2.0 / window.sum()).astype(np.float32)


class LogMel:
    """Turns 16 kHz sound into frames; frame m spans samples m * 160 ... m * 160 + 400."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the sound so far."""
        self._tail_T = np.zeros(0, np.float32)
        self._level_db = _LEVEL_FLOOR_DB

    def push(self, samples_T: FloatArray) -> FloatArray:
        """Take the next samples; return the (M, 65) frames they complete.

        Bands are decibels below the running level in units of 20 dB, clipped to [-3, 1]; the last
        feature is the level itself.
        """
        samples_T = np.concatenate([self._tail_T, samples_T.astype(np.float32, copy=False)])
        num_frames = max(0, (len(samples_T) - WINDOW_T) // HOP_T + 1)
        self._tail_T = samples_T[num_frames * HOP_T :]
        if num_frames == 0:
            return np.zeros((0, NUM_FEATURES), np.float32)
        windows_MT = np.lib.stride_tricks.sliding_window_view(samples_T, WINDOW_T)[
            : num_frames * HOP_T : HOP_T
        ]
        spectra = fft.rfft(windows_MT * _window(), n=_FFT_T, axis=1)
        power = np.square(spectra.real) + np.square(spectra.imag)
        bands_MC = power @ _filters()
        bands_db = 10.0 * np.log10(np.maximum(bands_MC, 10.0 ** (_FLOOR_DB / 10.0)))
        loudness_db = 10.0 * np.log10(bands_MC.sum(axis=1) + 10.0 ** (_FLOOR_DB / 10.0))
        levels_db = np.empty(num_frames, np.float32)
        level_db = self._level_db
        for index, frame_db in enumerate(loudness_db.tolist()):
            level_db = max(frame_db, level_db - _LEVEL_FALL_DB, _LEVEL_FLOOR_DB)
            levels_db[index] = level_db
        self._level_db = level_db
        frames_MC = np.empty((num_frames, NUM_FEATURES), np.float32)
        frames_MC[:, :NUM_BANDS] = np.clip((bands_db - levels_db[:, None]) / _UNIT_DB, -3.0, 1.0)
        frames_MC[:, NUM_BANDS] = (levels_db + 30.0) / _UNIT_DB
        return frames_MC


def log_mel(samples_T: FloatArray) -> FloatArray:
    """All (M, 65) frames of a whole sound at 16 kHz."""
    return LogMel().push(samples_T)


def frame_loudness(frames_MC: FloatArray) -> FloatArray:
    """How loud each frame is: (M), 0 at -60 dB and 1 at full scale."""
    levels_db = frames_MC[:, NUM_BANDS] * _UNIT_DB - 30.0
    power_M = np.power(10.0, frames_MC[:, :NUM_BANDS] * (_UNIT_DB / 10.0)).sum(axis=1)
    return np.clip(1.0 + (levels_db + 10.0 * np.log10(power_M + 1e-9)) / 60.0, 0.0, 1.0)
