"""A microphone's chunks become the mouth at any moment: the encoder with stamps around it.

Knows stamps, gaps, rates and broken samples; does not know what is done with the mouth. Chunks may
come in any size and rate; a short gap is heard as silence, a short step back replaces what was
heard, and a long gap or step back starts the encoder anew. Everything kept is bounded.

Shape legend: T samples, M moments (50 per second), K coefficients.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np

from avatar.frames import AudioChunk, FloatArray
from avatar.motion.audio.encoder import LOOK_AHEAD_S, STEP_S, AudioEncoder, Weights
from avatar.motion.audio.features import SAMPLE_RATE_HZ
from avatar.motion.audio.mouth import APERTURE, NUM_COEFFICIENTS, shape_offset
from avatar.motion.audio.resample import Resampler, clean_samples
from avatar.motion.mixer import AudioMotion

DELAY_S: Final = LOOK_AHEAD_S + STEP_S
"""Sound needed after a moment before `mouth_at` can answer for it: look-ahead and interpolation."""
_HISTORY_S = 4.0
_LAG_FALL, _LAG_RISE = 0.05, 0.2
"""The lag shrinks and grows by at most this share of the time that passes: not to be seen."""
_NEEDED_ASKED = 30
_NEEDED_SHARE = 0.85
_LONGEST_LAG_S = 0.3
_JITTER_S = 0.03
"""Stamps of consecutive chunks may be this far from exact."""
_LONGEST_GAP_S = 1.0
IDLE_AFTER_S: Final = 1.5
"""After this long without speech there is no voice: the mixer turns to idle life."""
_SPEAKS = 0.5
_OPENING_GAIN = 1.2
"""The encoder's mean over what a sound may look like is a little shy of one real mouth."""
_LONGEST_PIECE_T = 2 * SAMPLE_RATE_HZ
"""Sound is taken in pieces of at most two seconds, so that a flood cannot fill the memory."""


@dataclass(frozen=True, slots=True)
class MouthMoment:
    """The mouth that the sound asks for at one moment."""

    coefficients_K: FloatArray
    speech: float
    """0..1: whether someone speaks."""
    loudness: float
    """0..1: level of the sound on a 60 dB scale, smoothed over a tenth of a second."""


class VoiceTracker:
    """Follows one speaker's sound; `mouth_at` answers for moments up to `DELAY_S` ago."""

    def __init__(self, weights: Weights | None = None) -> None:
        self._encoder = AudioEncoder(weights)
        self._resampler: Resampler | None = None
        self._origin_s: float | None = None
        self._num_samples = 0
        self._num_restarts = 0
        self._last_speech_s: float | None = None
        self._last_asked_s = 0.0
        self._lag_s = 0.0
        self._needed_s: deque[float] = deque(maxlen=_NEEDED_ASKED)
        self._moments: deque[tuple[float, FloatArray]] = deque(maxlen=int(_HISTORY_S / STEP_S))

    @property
    def num_restarts(self) -> int:
        """How often a break in the sound made the encoder begin anew."""
        return self._num_restarts

    @property
    def heard_until_s(self) -> float | None:
        """Media time of the end of the sound so far; None before any."""
        if self._origin_s is None or self._resampler is None:
            return None
        return self._origin_s + self._num_samples / self._resampler.rate_hz

    @property
    def known_until_s(self) -> float | None:
        """Newest media time that `mouth_at` can answer for; None before any."""
        return self._moments[-1][0] if self._moments else None

    def reset(self) -> None:
        """Forget the sound so far."""
        self._encoder.reset()
        self._moments.clear()
        self._resampler = None
        self._origin_s = None
        self._num_samples = 0
        self._last_speech_s = None
        self._lag_s = 0.0

    def push(self, chunk: AudioChunk) -> None:
        """Take the next sound; raises AudioError for a sample rate that cannot be used."""
        samples_T = clean_samples(np.ravel(chunk.samples_T))
        if self._resampler is None or self._resampler.rate_hz != chunk.sample_rate_hz:
            self._begin(chunk)
        assert self._resampler is not None
        rate_hz = self._resampler.rate_hz
        expected_s = self.heard_until_s
        assert expected_s is not None
        ahead_s = chunk.stamp.time_s - expected_s
        if ahead_s > _LONGEST_GAP_S or ahead_s < -_LONGEST_GAP_S:
            self._num_restarts += 1
            self._begin(chunk)
        elif ahead_s > _JITTER_S:
            self._hear(np.zeros(round(ahead_s * rate_hz), np.float32))
        elif ahead_s < -_JITTER_S:
            self._rewind(-ahead_s)
        for start in range(0, len(samples_T), _LONGEST_PIECE_T):
            self._hear(samples_T[start : start + _LONGEST_PIECE_T])

    def _begin(self, chunk: AudioChunk) -> None:
        self.reset()
        self._resampler = Resampler(chunk.sample_rate_hz)
        self._origin_s = chunk.stamp.time_s

    def _rewind(self, overlap_s: float) -> None:
        """Sound that is to replace the last of what was heard: someone was cut short.

        The network cannot unhear, but what it said of the replaced time is dropped, and what it
        says next is for the time of the new sound.
        """
        assert self._origin_s is not None
        num_moments = round(overlap_s / STEP_S)
        self._origin_s -= num_moments * STEP_S
        for _ in range(min(num_moments, len(self._moments))):
            self._moments.pop()

    def _hear(self, samples_T: FloatArray) -> None:
        assert self._resampler is not None
        assert self._origin_s is not None
        self._num_samples += len(samples_T)
        curve = self._encoder.push(self._resampler.push(samples_T))
        start_s = self._origin_s + curve.start_s
        rows_MR = np.column_stack([curve.coefficients_MK, curve.speech_M, curve.loudness_M])
        for index, row_R in enumerate(rows_MR):
            time_s = start_s + index * STEP_S
            self._moments.append((time_s, row_R))
            if row_R[NUM_COEFFICIENTS] > _SPEAKS:
                self._last_speech_s = time_s

    def mouth_at(self, time_s: float) -> MouthMoment | None:
        """The mouth at a media time; the nearest known moment where that is not known (yet).

        None before any sound, and where the sound ended more than a second before.
        """
        if not self._moments:
            return None
        newest_s, newest_R = self._moments[-1]
        if time_s > newest_s + _LONGEST_GAP_S:
            return None
        oldest_s = self._moments[0][0]
        at = (time_s - oldest_s) / STEP_S
        if at >= len(self._moments) - 1:
            row_R = newest_R
        elif at <= 0.0:
            row_R = self._moments[0][1]
        else:
            low = int(at)
            share = np.float32(at - low)
            row_R = self._moments[low][1] * (1 - share) + self._moments[low + 1][1] * share
        return MouthMoment(
            row_R[:NUM_COEFFICIENTS], float(row_R[NUM_COEFFICIENTS]), float(row_R[-1])
        )

    def motion_at(self, time_s: float) -> AudioMotion | None:
        """What the voice does to a face at a media time; None while nobody speaks.

        Live, the sound that decides a moment comes after it. The answer is then for `lag_s`
        earlier: as little as keeps the mouth moving evenly, so that whoever plays the sound can
        hold it back by the same.
        """
        known_s = self.known_until_s
        if known_s is None or time_s - known_s > _LONGEST_GAP_S:
            return None
        since_s = min(max(0.0, time_s - self._last_asked_s), 1.0)
        self._last_asked_s = time_s
        self._needed_s.append(max(0.0, time_s - known_s))
        # A hiccup makes the mouth wait; only what is needed again and again makes it late.
        wanted_s = min(
            sorted(self._needed_s)[int(_NEEDED_SHARE * len(self._needed_s))], _LONGEST_LAG_S
        )
        is_new = len(self._needed_s) < _NEEDED_ASKED
        rise_s = 1.0 if is_new else _LAG_RISE * since_s
        self._lag_s += min(max(wanted_s - self._lag_s, -_LAG_FALL * since_s), rise_s)
        moment_s = time_s - self._lag_s
        moment = self.mouth_at(moment_s)
        if moment is None or self._last_speech_s is None:
            return None
        if moment_s > self._last_speech_s + IDLE_AFTER_S:
            return None
        return audio_motion(moment)

    @property
    def lag_s(self) -> float:
        """How much earlier than asked the last motion was."""
        return self._lag_s


def audio_motion(moment: MouthMoment) -> AudioMotion:
    """The mouth of a moment as the mixer wants it, on an average face."""
    coefficients_K = moment.coefficients_K.copy()
    coefficients_K[:2] *= _OPENING_GAIN  # aperture and jaw
    return AudioMotion(
        shape_delta_N3=shape_offset(coefficients_K),
        lip_aperture=float(coefficients_K[APERTURE]),
        energy=moment.speech * moment.loudness,
    )
