"""From clean synthetic speech to the sound of any room, microphone and line.

Knows 16 kHz sound; does not know languages or the network. What the network learns must carry over
from a synthesiser to people, so everything that a mouth does not decide is varied: voice pitch and
vocal-tract length, breath, colour, room, other sounds, level, and what codecs and cheap converters
do. Every function takes its own random generator: the same seed gives the same sound.

Shape legend: T samples, M moments (50 per second), K coefficients.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.signal import lfilter

from avatar.data.voice.corpus import Clip
from avatar.frames import FloatArray
from avatar.motion.audio.features import SAMPLE_RATE_HZ

Floats = NDArray[np.float64]

_STFT_T: Final = 512
_STFT_HOP_T: Final = 256


def stretch(clip: Clip, factor: float) -> Clip:
    """Play a clip `factor` times as fast: pitch, formants and time together."""
    num_samples = max(1, int(len(clip.samples_T) / factor))
    at_T = np.arange(num_samples, dtype=np.float32) * factor
    samples_T = np.interp(at_T, np.arange(len(clip.samples_T)), clip.samples_T)
    num_moments = max(1, int(len(clip.targets_MK) / factor))
    at_M = np.arange(num_moments) * factor
    low_M = np.minimum(at_M.astype(np.intp), len(clip.targets_MK) - 1)
    high_M = np.minimum(low_M + 1, len(clip.targets_MK) - 1)
    share_M1 = (at_M - low_M).astype(np.float32)[:, None]
    targets_MK = clip.targets_MK[low_M] * (1.0 - share_M1) + clip.targets_MK[high_M] * share_M1
    return Clip(samples_T.astype(np.float32), targets_MK)


def revoice(samples_T: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Change what a synthesiser does too well: exact periodicity, fixed formants, clean bands.

    One pass of short-time spectra (root-Hann windows, overlap-add): part of the band loses its
    phase (breath), the envelope is stretched along frequency (vocal-tract length, Jaitly & Hinton
    2013), and weak bins vanish or are rounded (what lossy codecs leave).
    """
    padded = np.pad(samples_T, (_STFT_T, _STFT_T + (-len(samples_T)) % _STFT_HOP_T))
    window = np.sqrt(np.hanning(_STFT_T + 1)[:-1]).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _STFT_T)[::_STFT_HOP_T] * window
    spectra = fft.rfft(frames, axis=1)
    num_bins = spectra.shape[1]
    if rng.random() < 0.6:  # breath above a random frequency
        start = int(rng.uniform(0.0, 0.8) * num_bins) if rng.random() < 0.8 else 0
        turn = rng.random((len(spectra), num_bins - start), dtype=np.float32) * (2.0 * np.pi)
        strength = np.float32(rng.uniform(0.3, 1.0))
        spectra[:, start:] *= np.exp(1j * strength * turn)
    if rng.random() < 0.7:  # another vocal tract
        factor = float(rng.uniform(0.82, 1.22))
        source = np.clip(np.arange(num_bins) * factor, 0, num_bins - 1).astype(np.intp)
        level = _smoothed(np.abs(spectra)) + 1e-7
        spectra *= level[:, source] / level
    if rng.random() < 0.3:  # a lossy codec
        level = np.abs(spectra)
        floor = level.max(axis=1, keepdims=True) * 10.0 ** (-rng.uniform(20.0, 45.0) / 20.0)
        grain = rng.uniform(0.15, 0.8)
        rounded = np.exp(np.round(np.log(level + 1e-8) / grain) * grain)
        spectra *= np.where(level < floor, 0.0, rounded / (level + 1e-8))
    frames = fft.irfft(spectra, axis=1).astype(np.float32) * window
    result = np.zeros(len(padded), np.float32)
    for shift in range(_STFT_T // _STFT_HOP_T):  # frames that do not overlap are added in one go
        part = frames[shift :: _STFT_T // _STFT_HOP_T].reshape(-1)
        offset = shift * _STFT_HOP_T
        result[offset : offset + len(part)] += part
    return result[_STFT_T : _STFT_T + len(samples_T)]


def _smoothed(level: FloatArray) -> FloatArray:
    """Spectral envelope: a 9-bin (280 Hz) running mean along frequency."""
    total = np.cumsum(np.pad(level, ((0, 0), (5, 4)), mode="edge"), axis=1)
    return (total[:, 9:] - total[:, :-9]) / 9.0


def colour_and_room(samples_T: FloatArray, rng: np.random.Generator) -> FloatArray:
    """One filter: microphone colour, a band limit, and the room's reverberation."""
    num_fft = fft.next_fast_len(len(samples_T) + SAMPLE_RATE_HZ // 2, real=True)
    spectrum = fft.rfft(samples_T, num_fft)
    frequency_hz = np.linspace(0.0, SAMPLE_RATE_HZ / 2, len(spectrum))
    knots_hz = np.array([0, 150, 300, 600, 1200, 2400, 4000, 6000, 8000])
    gain_db = np.interp(frequency_hz, knots_hz, rng.normal(0.0, rng.uniform(0.0, 6.0), 9))
    draw = rng.random()
    if draw < 0.12:  # a telephone
        gain_db -= np.where((frequency_hz < 300.0) | (frequency_hz > 3400.0), 40.0, 0.0)
    elif draw < 0.3:  # a narrow codec or an old recording
        gain_db -= np.where(frequency_hz > rng.uniform(3000.0, 7000.0), 40.0, 0.0)
    if rng.random() < 0.3:
        gain_db -= np.where(frequency_hz < rng.uniform(60.0, 250.0), 25.0, 0.0)
    spectrum *= 10.0 ** (gain_db / 20.0)
    if rng.random() < 0.5:
        decay_s = float(rng.uniform(0.1, 0.8))  # RT60
        tail_T = int(min(decay_s, 0.5) * SAMPLE_RATE_HZ)
        time_s = np.arange(tail_T) / SAMPLE_RATE_HZ
        room_T = rng.standard_normal(tail_T) * 10.0 ** (-3.0 * time_s / decay_s)
        room_T *= rng.uniform(0.05, 0.6) / np.sqrt(np.square(room_T).sum())
        room_T[0] = 1.0
        spectrum *= fft.rfft(room_T, num_fft)
    return fft.irfft(spectrum, num_fft)[: len(samples_T)].astype(np.float32)


def noise(num_samples: int, rng: np.random.Generator) -> FloatArray:
    """Sound that is not speech, at unit power: hiss, hum, tunes, clicks, rising and falling."""
    spectrum = fft.rfft(rng.standard_normal(num_samples).astype(np.float32))
    frequency_hz = np.linspace(0.0, SAMPLE_RATE_HZ / 2, len(spectrum))
    knots_hz = np.array([0, 100, 300, 800, 2000, 4000, 8000])
    tilt_db = -rng.uniform(0.0, 8.0) * np.log2(np.maximum(frequency_hz, 50.0) / 50.0)
    tilt_db += np.interp(frequency_hz, knots_hz, rng.normal(0.0, 6.0, 7))
    sound_T = fft.irfft(spectrum * 10.0 ** (tilt_db / 20.0), num_samples)
    sound_T /= np.sqrt(np.square(sound_T).mean()) + 1e-9
    time_s = np.arange(num_samples) / SAMPLE_RATE_HZ
    draw = rng.random()
    if draw < 0.1:
        sound_T += _hum(time_s, rng)
    elif draw < 0.4:
        sound_T = sound_T * rng.uniform(0.0, 0.5) + _music(time_s, rng)
    elif draw < 0.7:
        sound_T = sound_T * rng.uniform(0.02, 0.5) + _knocks(num_samples, rng)
    if rng.random() < 0.4:  # rising and falling, as fast as syllables do
        knots = rng.uniform(0.05, 1.0, max(2, int(time_s[-1] * rng.uniform(0.5, 8.0)) + 2))
        sound_T *= np.interp(time_s, np.linspace(0.0, time_s[-1], len(knots)), knots)
    return (sound_T / (np.sqrt(np.square(sound_T).mean()) + 1e-9)).astype(np.float32)


def _hum(time_s: Floats, rng: np.random.Generator) -> Floats:
    """Mains or a motor: a steady tone with harmonics."""
    base_hz = float(rng.choice([50.0, 60.0, rng.uniform(80.0, 400.0)]))
    sound_T = np.zeros(len(time_s))
    for harmonic in range(1, int(rng.integers(2, 8))):
        phase = 2 * np.pi * (base_hz * harmonic * time_s + rng.random())
        sound_T += rng.uniform(0.2, 2.0) / harmonic * np.sin(phase)
    return sound_T


def _music(time_s: Floats, rng: np.random.Generator) -> Floats:
    """A few instruments: notes of a scale with harmonics, vibrato and decay, perhaps a drum."""
    sound_T = np.zeros(len(time_s))
    for _ in range(int(rng.integers(1, 5))):
        length_s = float(rng.uniform(0.1, 1.5))
        lowest_hz = float(rng.choice([55.0, 110.0, 220.0, 440.0]))
        scale = np.array([0, 2, 4, 5, 7, 9, 11, 12])
        notes_hz = lowest_hz * 2.0 ** (rng.choice(scale, int(time_s[-1] / length_s) + 2) / 12.0)
        note_hz = notes_hz[(time_s / length_s).astype(np.intp)]
        vibrato = rng.uniform(0.0, 0.015) * np.sin(2 * np.pi * rng.uniform(4.0, 7.0) * time_s)
        phase = 2 * np.pi * np.cumsum(note_hz * (1.0 + vibrato)) / SAMPLE_RATE_HZ
        since_s = time_s % length_s
        attack_s = rng.uniform(0.002, 0.1)
        ring = np.minimum(since_s / attack_s, 1.0) * np.exp(-since_s * rng.uniform(0.0, 8.0))
        tilt = rng.uniform(0.5, 2.0)
        for harmonic in range(1, int(rng.integers(2, 9))):
            sound_T += ring * rng.uniform(0.2, 1.5) / harmonic**tilt * np.sin(harmonic * phase)
    if rng.random() < 0.5:
        sound_T += rng.uniform(0.3, 1.5) * _knocks(len(time_s), rng)
    return sound_T


def _knocks(num_samples: int, rng: np.random.Generator) -> Floats:
    """Clicks, steps, typing, drums: bursts of coloured noise that set in at once and die away."""
    sound_T = np.zeros(num_samples)
    period_T = SAMPLE_RATE_HZ / rng.uniform(0.7, 9.0)
    is_even = rng.random() < 0.5
    longest_s, softness = rng.uniform(0.01, 0.4), rng.uniform(0.0, 0.98)
    at = rng.uniform(0.0, period_T)
    while at < num_samples - 64:
        length = min(int(rng.uniform(0.2, 1.0) * longest_s * SAMPLE_RATE_HZ) + 64, num_samples)
        length = min(length, num_samples - int(at))
        decay = np.exp(-np.arange(length) * rng.uniform(3.0, 8.0) / length)
        burst = lfilter([1.0 - softness], [1.0, -softness], rng.standard_normal(length))
        sound_T[int(at) : int(at) + length] += burst * decay * rng.uniform(0.2, 1.0)
        at += period_T * (1.0 if is_even else rng.uniform(0.3, 2.0))
    return sound_T / (np.sqrt(np.square(sound_T).mean()) + 1e-9)


def line_and_level(samples_T: FloatArray, rng: np.random.Generator) -> FloatArray:
    """What recording chains do last: compression, clipping, coarse samples, any level."""
    samples_T = samples_T / (np.abs(samples_T).max() + 1e-6)
    if rng.random() < 0.3:  # someone moves, or a gain control rides
        knots_db = rng.uniform(-9.0, 3.0, max(2, len(samples_T) // SAMPLE_RATE_HZ + 1))
        at = np.linspace(0.0, len(knots_db) - 1.0, len(samples_T))
        samples_T = samples_T * 10.0 ** (np.interp(at, np.arange(len(knots_db)), knots_db) / 20)
    draw = rng.random()
    if draw < 0.1:
        samples_T = np.clip(samples_T * rng.uniform(1.5, 6.0), -1.0, 1.0)
    elif draw < 0.2:
        samples_T = np.tanh(samples_T * rng.uniform(1.0, 4.0))
    elif draw < 0.28:  # mu-law, ITU-T G.711
        coded = np.sign(samples_T) * np.log1p(255.0 * np.abs(samples_T)) / np.log(256.0)
        coded = np.round(coded * 127.0) / 127.0
        samples_T = np.sign(coded) * np.expm1(np.abs(coded) * np.log(256.0)) / 255.0
    elif draw < 0.34:
        samples_T = np.round(samples_T * 127.0) / 127.0
    gain_db = float(rng.uniform(-32.0, 0.0))
    return np.clip(samples_T * 10.0 ** (gain_db / 20.0), -1.0, 1.0).astype(np.float32)
