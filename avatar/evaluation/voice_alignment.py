"""When each sound of a transcript was spoken: forced times without a speech recogniser.

Knows that the phonemiser can speak the transcript itself; a recording is brought onto that speech
by dynamic time warping of their spectra (Sakoe & Chiba 1978), and the phonemiser's own times are
carried back. Good to some tens of milliseconds on clear recordings; a poor match is refused.

Shape legend: M frames of the recording, S frames of the synthesis (50 per second), C features.
"""

from __future__ import annotations

import re

import numpy as np

from avatar.data.voice.espeak import Espeak, Phone
from avatar.frames import FloatArray
from avatar.jit import kernel
from avatar.motion.audio.features import NUM_BANDS, log_mel
from avatar.motion.audio.resample import Resampler

_FRAME_S = 0.02
_VOICES = {"en": "en-us", "fr": "fr", "pt": "pt-br"}
_LOGOGRAPHIC = re.compile(r"[\u3400-\u9fff]")
"""Chinese characters (and kanji): this phonemiser spells them out in English."""
_WORST_COST = 0.75


def can_align(transcript: str) -> bool:
    """Whether the phonemiser can read this transcript, and whether it is whole."""
    return not _LOGOGRAPHIC.search(transcript) and "..." not in transcript


def align(
    espeak: Espeak, samples_T: FloatArray, rate_hz: int, transcript: str, language: str
) -> tuple[Phone, ...] | None:
    """The transcript's phones with their times in the recording; None for a poor match."""
    speech = espeak.say(transcript, _VOICES.get(language, language), words_per_minute=160)
    if not speech.phones:
        return None
    heard_MC, start_s = _spectra(samples_T, rate_hz)
    spoken_SC, spoken_start_s = _spectra(speech.samples_T, speech.sample_rate_hz)
    if len(heard_MC) < 10 or len(spoken_SC) < 10:
        return None
    distance_MS = 1.0 - heard_MC @ spoken_SC.T
    path_S, cost = _warp(distance_MS.astype(np.float64))
    if cost > _WORST_COST:
        return None
    times_s = start_s + _FRAME_S * path_S
    spoken_s = spoken_start_s + _FRAME_S * np.arange(len(path_S))
    return tuple(
        Phone(
            phone.ipa,
            float(np.interp(phone.start_s, spoken_s, times_s)),
            float(np.interp(phone.end_s, spoken_s, times_s)),
        )
        for phone in speech.phones
        if phone.ipa
    )


def _spectra(samples_T: FloatArray, rate_hz: int) -> tuple[FloatArray, float]:
    """Unit-length spectra, freed of the recording's colour, from first to last sound."""
    frames_MC = log_mel(Resampler(rate_hz).push(samples_T))
    frames_MC = frames_MC[: len(frames_MC) // 2 * 2]
    bands_MC = frames_MC[:, :NUM_BANDS].reshape(-1, 2, NUM_BANDS).mean(axis=1)
    absolute_MC = bands_MC + frames_MC[::2, NUM_BANDS:]
    loudness_M = absolute_MC.mean(axis=1)
    quiet, loud = np.percentile(loudness_M, [5, 95])
    sounding = np.flatnonzero(loudness_M > quiet + 0.25 * (loud - quiet))
    first, last = int(sounding[0]), int(sounding[-1]) + 1
    absolute_MC = absolute_MC[first:last]
    absolute_MC = absolute_MC - absolute_MC.mean(axis=0)
    absolute_MC /= absolute_MC.std(axis=0) + 1e-3
    change_MC = np.gradient(absolute_MC, axis=0)
    vectors_MC = np.concatenate([absolute_MC, 1.5 * change_MC], axis=1)
    norms = np.linalg.norm(vectors_MC, axis=1, keepdims=True) + 1e-6
    return (vectors_MC / norms).astype(np.float32), first * _FRAME_S


@kernel
def _warp(distance_MS: np.ndarray) -> tuple[np.ndarray, float]:  # type: ignore[type-arg]
    """Cheapest monotone path; for each column the mean row on it, and the mean distance."""
    rows, columns = distance_MS.shape
    total = np.full((rows, columns), np.inf)
    step = np.zeros((rows, columns), np.int8)
    for i in range(rows):
        for j in range(columns):
            best = 0.0 if i == 0 and j == 0 else np.inf
            move = 0
            if i > 0 and j > 0 and total[i - 1, j - 1] < best:
                best, move = total[i - 1, j - 1], 1
            if i > 0 and total[i - 1, j] + 0.15 < best:
                best, move = total[i - 1, j] + 0.15, 2
            if j > 0 and total[i, j - 1] + 0.15 < best:
                best, move = total[i, j - 1] + 0.15, 3
            total[i, j] = best + distance_MS[i, j]
            step[i, j] = move
    at = np.zeros(columns)
    count = np.zeros(columns)
    i, j = rows - 1, columns - 1
    cost = 0.0
    length = 0
    while True:
        at[j] += i
        count[j] += 1.0
        cost += distance_MS[i, j]
        length += 1
        if i == 0 and j == 0:
            break
        move = step[i, j]
        if move == 1:
            i -= 1
            j -= 1
        elif move == 2:
            i -= 1
        else:
            j -= 1
    return at / count, cost / length
