"""Training examples: some seconds of heard sound, and the mouth it should give.

Knows how clips become segments and how features line up with targets; does not know the network.
Example `i` of train step `s` depends only on (seed, s, i), so that a resumed run sees what an
unbroken one would have seen.

Shape legend: B examples, M moments (50 per second), T samples, C features, K coefficients.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avatar.data.voice.augment import (
    colour_and_room,
    line_and_level,
    noise,
    revoice,
    stretch,
)
from avatar.data.voice.corpus import Corpus
from avatar.data.voice.visemes import TARGET_RATE_HZ
from avatar.frames import FloatArray
from avatar.motion.audio.encoder import STEP_T, first_output_s
from avatar.motion.audio.features import SAMPLE_RATE_HZ, log_mel
from avatar.motion.audio.mouth import NUM_COEFFICIENTS

_BANK_SIZE = 96
_BANK_S = 12.0
_NO_SPEECH_SHARE = 0.18
_CLEAN_SHARE = 0.1
_MILD_SHARE = 0.3
"""A good microphone in a quiet room: what most callers have."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one train step learns from."""

    features_BMC: FloatArray
    """At 100 per second: two features to a moment."""
    targets_BMK: FloatArray
    """Mouth coefficients, then whether someone speaks (0 or 1); at 50 per second."""


class Examples:
    """Makes batches from a corpus of clean speech."""

    def __init__(self, corpus: Corpus, *, seed: int, batch_size: int, segment_s: float) -> None:
        self._corpus = corpus
        self._seed = seed
        self._batch_size = batch_size
        num_moments = int(segment_s * TARGET_RATE_HZ)
        # frames of 25 ms every 10 ms: the last moment's second frame ends 15 ms after the moment
        self._num_samples = num_moments * STEP_T + 240
        self._num_moments = num_moments
        rng = np.random.default_rng([seed, 1 << 30])
        self._noises = [noise(int(_BANK_S * SAMPLE_RATE_HZ), rng) for _ in range(_BANK_SIZE)]

    def batch(self, train_step: int) -> Batch:
        """The batch of one train step."""
        features, targets = [], []
        for index in range(self._batch_size):
            rng = np.random.default_rng([self._seed, train_step, index])
            samples_T, targets_MK = self.example(rng)
            features.append(log_mel(samples_T))
            targets.append(targets_MK)
        return Batch(np.stack(features), np.stack(targets))

    def example(self, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """One heard sound at 16 kHz and its targets (M, K + 1) in the encoder's own timing."""
        if rng.random() < _NO_SPEECH_SHARE:
            clean_T = np.zeros(self._num_samples, np.float32)
            targets_MK = np.zeros((self._num_moments, NUM_COEFFICIENTS + 1), np.float32)
            quiet_db = float(rng.uniform(-75.0, 0.0))
            heard_T = self._noise(rng) * np.float32(0.1 * 10.0 ** (quiet_db / 20.0))
            if rng.random() < 0.7:
                heard_T = line_and_level(heard_T, rng)
            if rng.random() < 0.15:
                heard_T = clean_T  # digital silence
            return heard_T, targets_MK
        clean_T, targets_MK = self._speech(rng)
        if rng.random() < _CLEAN_SHARE:
            return line_and_level(clean_T, rng), self._aligned(targets_MK)
        is_mild = rng.random() < _MILD_SHARE
        heard_T = revoice(clean_T, rng) if rng.random() < 0.6 else clean_T
        heard_T = colour_and_room(heard_T, rng)
        power = float(np.square(heard_T).mean()) + 1e-9
        if rng.random() < 0.8:
            snr_db = float(rng.uniform(25.0, 50.0) if is_mild else rng.uniform(4.0, 35.0))
            heard_T = heard_T + self._noise(rng) * np.sqrt(power) * 10.0 ** (-snr_db / 20.0)
        if rng.random() < 0.2 and not is_mild:  # someone else, farther away
            other_T = self._clip(rng, self._num_samples)
            other_T = colour_and_room(other_T, rng)
            snr_db = float(rng.uniform(10.0, 30.0))
            gain = np.sqrt(power / (np.square(other_T).mean() + 1e-9)) * 10.0 ** (-snr_db / 20.0)
            heard_T = heard_T + other_T * gain
        return line_and_level(heard_T.astype(np.float32), rng), self._aligned(targets_MK)

    def _speech(self, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Lines of speech with pauses between them, and targets at times 0, 20, 40 ... ms."""
        samples_T = np.zeros(self._num_samples, np.float32)
        targets_MK = np.zeros((self._num_moments + 2, NUM_COEFFICIENTS + 1), np.float32)
        at_M = int(rng.integers(0, int(1.2 * TARGET_RATE_HZ)))
        factor = float(np.exp(rng.normal(0.0, 0.08)))
        while at_M < self._num_moments:
            clip = stretch(self._corpus[int(rng.integers(len(self._corpus)))], factor)
            at_T = at_M * STEP_T
            num_samples = min(len(clip.samples_T), self._num_samples - at_T)
            gain = 10.0 ** (float(rng.uniform(-6.0, 0.0)) / 20.0)
            samples_T[at_T : at_T + num_samples] = gain * clip.samples_T[:num_samples]
            num_moments = min(len(clip.targets_MK), len(targets_MK) - at_M)
            targets_MK[at_M : at_M + num_moments, :-1] = clip.targets_MK[:num_moments]
            targets_MK[at_M : at_M + num_moments, -1] = 1.0
            pause_s = float(rng.choice([0.1, 0.4, 1.5])) * float(rng.random())
            at_M += len(clip.targets_MK) + int(pause_s * TARGET_RATE_HZ)
        return samples_T, targets_MK

    def _aligned(self, targets_MK: FloatArray) -> FloatArray:
        """Targets at the moments that the encoder's outputs stand for."""
        at_M = (np.arange(self._num_moments) / TARGET_RATE_HZ + first_output_s()) * TARGET_RATE_HZ
        low_M = np.floor(at_M).astype(np.intp)
        share_M1 = (at_M - low_M).astype(np.float32)[:, None]
        low_M = np.clip(low_M, 0, len(targets_MK) - 2)
        return targets_MK[low_M] * (1.0 - share_M1) + targets_MK[low_M + 1] * share_M1

    def _clip(self, rng: np.random.Generator, num_samples: int) -> FloatArray:
        clip_T = self._corpus[int(rng.integers(len(self._corpus)))].samples_T
        result_T = np.zeros(num_samples, np.float32)
        at = int(rng.integers(0, num_samples // 2))
        length = min(len(clip_T), num_samples - at)
        result_T[at : at + length] = clip_T[:length]
        return result_T

    def _noise(self, rng: np.random.Generator) -> FloatArray:
        noise_T = self._noises[int(rng.integers(len(self._noises)))]
        at = int(rng.integers(0, len(noise_T) - self._num_samples))
        return noise_T[at : at + self._num_samples] * float(rng.choice([-1.0, 1.0]))
