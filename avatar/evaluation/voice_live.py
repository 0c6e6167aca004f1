"""What a recorded voice-only session says: how late lips and voice are, and how far apart.

    python -m avatar.evaluation.voice_live --make-sound words.wav
    python -m avatar.evaluation.voice_live --sound words.wav --curves curves.npz [--every 300]

Reads the curves that `python -m client.lips_probe` recorded. A session says the same words again
and again; each word is found in the microphone, in the returned voice and on the lips by
correlation with what was said: its level, and the mouth that the encoder makes of it. So a mouth
that opens after its sound by nature (it does) is not counted as late. Knows curves on one clock;
no browser.

Shape legend: M moments of a common clock, T samples.
"""

from __future__ import annotations

import argparse
import json
import wave
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import correlate

from avatar.data.voice.espeak import Espeak
from avatar.evaluation.voice_measures import correlation, top_between
from avatar.evaluation.voice_mouth import heard_mouth
from avatar.frames import FloatArray
from avatar.motion.audio.sound import read_sound

_Curve = NDArray[np.float64]

WORDS = ("papa", "dada", "mama", "baba", "tata", "gaga", "lala", "wawa", "bada", "pata")
_VOICE = "en-us+f2"
_RATE_HZ = 400
"""Of the common clock."""
_BEFORE_S, _AFTER_S = 0.15, 0.3
_WITHIN_S = 0.3
"""How far a word may be from where the rest of what was said puts it, and lips from the voice."""
_LATEST_S = 0.6
"""How long lips and voice may take; words are further apart."""
_LEAST_R = 0.7
"""A word that is found less clearly than this is not counted."""
_OPEN_SHARE = 0.25
"""Of the widest mouth: from here on it counts as open. A picture tells little of how wide."""
_SEEN_SHARE = 0.6
"""The same for what is seen, whose scale has no unit."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Seconds; None where nothing was measured."""

    p50: float | None
    p95: float | None


@dataclass(frozen=True, slots=True)
class LiveVoice:
    """What was measured."""

    num_words: int
    num_found: int
    picture_s: Spread
    """From a sound at the microphone to its lips; None where nobody spoke into one."""
    voice_s: Spread
    """From a sound at the microphone to the same in the returned voice."""
    skew_s: Spread
    """Size of the difference between lips and voice, where the browser's tracks hand them over."""
    skew_median_s: float | None
    """With its sign: positive where the voice comes after the lips."""
    heard_skew_s: Spread
    """The same at loudspeaker and screen, by the browser's own word; None where it says nothing."""
    heard_skew_median_s: float | None
    skew_first_s: float | None
    skew_last_s: float | None
    """Its median over the first and the last tenth of the words."""
    fps: float
    longest_gap_s: float
    """Between pictures."""
    seconds: float


def make_sound() -> tuple[FloatArray, int]:
    """Words with uneven pauses between them: (samples, rate)."""
    espeak, rng = Espeak(), np.random.default_rng(5)
    parts: list[FloatArray] = []
    rate_hz = 0
    for word in WORDS:
        speech = espeak.say(word, _VOICE, words_per_minute=150)
        rate_hz = speech.sample_rate_hz
        pause_T = np.zeros(int(rng.uniform(0.5, 0.9) * rate_hz), np.float32)
        parts += [speech.samples_T.astype(np.float32), pause_T]
    samples_T = np.concatenate(parts)
    return np.asarray(0.6 * samples_T / np.abs(samples_T).max(), np.float32), rate_hz


@dataclass(frozen=True, slots=True)
class _Said:
    """What the session says again and again, on the common clock."""

    level_M: _Curve
    opening_M: _Curve
    words: list[tuple[int, int]]
    """First and last moment of each word, with what surrounds it."""

    @classmethod
    def of(cls, samples_T: FloatArray, rate_hz: int) -> _Said:
        times_s = np.arange(int(len(samples_T) / rate_hz * _RATE_HZ)) / _RATE_HZ
        span = rate_hz // _RATE_HZ
        whole_T = samples_T[: len(times_s) * span]
        # Samples per moment need not be whole: levels by time, as the page takes them.
        power_T = np.square(whole_T.astype(np.float64))
        sums_T = np.concatenate([[0.0], np.cumsum(power_T)])
        edges = np.clip(np.arange(len(times_s) + 1) * rate_hz // _RATE_HZ, 0, len(power_T))
        level_M = np.sqrt(np.diff(sums_T[edges]) / max(1, span))
        mouth = heard_mouth(samples_T, rate_hz, None)
        opening_M = np.interp(times_s, mouth.times_s, mouth.opening_M)
        is_open_M = np.clip(opening_M / (_OPEN_SHARE * opening_M.max()), 0.0, 1.0)
        return cls(level_M, is_open_M, _words(level_M))


def _words(level_M: _Curve) -> list[tuple[int, int]]:
    is_loud = np.flatnonzero(level_M > 0.02 * level_M.max())
    breaks = np.flatnonzero(np.diff(is_loud) > 0.3 * _RATE_HZ)
    starts = np.concatenate([is_loud[:1], is_loud[breaks + 1]])
    ends = np.concatenate([is_loud[breaks], is_loud[-1:]])
    before, after = int(_BEFORE_S * _RATE_HZ), int(_AFTER_S * _RATE_HZ)
    return [
        (max(0, int(start) - before), min(len(level_M), int(end) + after))
        for start, end in zip(starts, ends, strict=True)
    ]


def measure(curves: dict[str, _Curve], samples_T: FloatArray, rate_hz: int) -> LiveVoice:
    """Find every word in what was recorded."""
    said = _Said.of(samples_T, rate_hz)
    start_s = float(max(curves["voice_s"][0], curves["lips_s"][0]))
    end_s = float(min(curves["voice_s"][-1], curves["lips_s"][-1]))
    clock_s = np.arange(start_s, end_s, 1.0 / _RATE_HZ)
    voice_M = np.interp(clock_s, curves["voice_s"], curves["voice"])
    lips_M = _opened(np.interp(clock_s, curves["lips_s"], curves["lips"]))
    has_microphone = len(curves["microphone"]) > 0 and curves["microphone"].max() > 1e-4
    microphone_M = (
        np.interp(clock_s, curves["microphone_s"], curves["microphone"]) if has_microphone else None
    )
    num_words = 0
    picture, voice, skew = [], [], []
    # Where someone spoke into a microphone all else comes later; else lips are near the voice.
    base_M, least_s, most_s = (
        (voice_M, -_WITHIN_S, _WITHIN_S) if microphone_M is None else (microphone_M, 0.0, _LATEST_S)
    )
    for at in _occurrences(base_M, said.level_M):
        for first, last in said.words:
            near = at + first
            if near < _RATE_HZ or at + last + _RATE_HZ > len(clock_s):
                continue
            num_words += 1
            level_M, opening_M = said.level_M[first:last], said.opening_M[first:last]
            spoken = _find(base_M, level_M, near, -_WITHIN_S, _WITHIN_S)
            if spoken is None:
                continue
            near += round(spoken * _RATE_HZ)
            heard = _find(voice_M, level_M, near, least_s, most_s)
            seen = _find(lips_M, opening_M, near, least_s, most_s)
            if heard is None or seen is None:
                continue
            skew.append(heard - seen)
            if microphone_M is not None:
                picture.append(seen)
                voice.append(heard)
    wait_s = _wait_s(curves)
    heard_skew = [] if wait_s is None else [value + wait_s for value in skew]
    gaps_s = np.diff(curves["lips_s"])
    tenth = max(1, len(skew) // 10)
    return LiveVoice(
        num_words=num_words,
        num_found=len(skew),
        picture_s=_spread(picture),
        voice_s=_spread(voice),
        skew_s=_spread([abs(value) for value in skew]),
        skew_median_s=_median(skew),
        heard_skew_s=_spread([abs(value) for value in heard_skew]),
        heard_skew_median_s=_median(heard_skew),
        skew_first_s=_median(skew[:tenth]),
        skew_last_s=_median(skew[-tenth:]),
        fps=round(1.0 / float(gaps_s.mean()), 2),
        longest_gap_s=round(float(gaps_s.max()), 3),
        seconds=round(end_s - start_s, 1),
    )


def _wait_s(curves: dict[str, _Curve]) -> float | None:
    """By how much longer sound takes to the loudspeaker than pictures to the screen."""
    loudspeaker_s, screen_s = curves["loudspeaker_wait_s"], curves["screen_wait_s"]
    if len(loudspeaker_s) == 0 or len(screen_s) == 0:
        return None
    return float(loudspeaker_s[0] - np.median(screen_s))


def measure_every(
    curves: dict[str, _Curve], samples_T: FloatArray, rate_hz: int, every_s: float
) -> list[LiveVoice]:
    """The same for one stretch after the other; a last one of less than half `every_s` is left."""
    start_s = float(max(curves["voice_s"][0], curves["lips_s"][0]))
    end_s = float(min(curves["voice_s"][-1], curves["lips_s"][-1]))
    num_stretches = max(1, round((end_s - start_s) / every_s))
    edges_s = start_s + every_s * np.arange(num_stretches + 1)
    return [
        measure(_cut(curves, from_s, to_s), samples_T, rate_hz)
        for from_s, to_s in zip(edges_s[:-1], edges_s[1:], strict=True)
    ]


def _cut(curves: dict[str, _Curve], from_s: float, to_s: float) -> dict[str, _Curve]:
    cut = {name: curves[name] for name in ("loudspeaker_wait_s", "screen_wait_s")}
    for name in ("microphone", "voice", "lips"):
        times_s = curves[f"{name}_s"]
        is_in = (times_s >= from_s) & (times_s < to_s)
        # Where nobody spoke into a microphone its levels are without times.
        cut[name] = curves[name][is_in] if len(times_s) == len(curves[name]) else curves[name]
        cut[f"{name}_s"] = times_s[is_in]
    return cut


def _opened(lips_M: _Curve) -> _Curve:
    """0 closed, 1 open; mouths are closed between words."""
    risen_M = lips_M - np.median(lips_M)
    return np.clip(risen_M / (_SEEN_SHARE * np.percentile(risen_M, 97)), 0.0, 1.0)


def _occurrences(curve_M: _Curve, pattern_M: _Curve) -> list[int]:
    """Where the pattern begins, also where only its end or its beginning was recorded."""
    length = len(pattern_M)
    padded_M = np.pad(curve_M, length)
    centred_M = pattern_M - pattern_M.mean()
    match_M = correlate(padded_M, centred_M, "valid", "fft")
    found: list[int] = []
    floor = 0.3 * match_M.max()
    while match_M.max() > floor:
        at = int(match_M.argmax())
        found.append(at - length)
        match_M[max(0, at - length // 2) : at + length // 2] = -np.inf
    return sorted(found)


def _find(
    curve_M: _Curve, pattern_M: _Curve, near: int, least_s: float, most_s: float
) -> float | None:
    """Shift in seconds, from `near`, at which the pattern is found; None where it is not."""
    low, high = near + int(least_s * _RATE_HZ), near + int(most_s * _RATE_HZ)
    scores = [_r(curve_M[at : at + len(pattern_M)], pattern_M) for at in range(low, high + 1)]
    best = int(np.argmax(scores))
    if scores[best] < _LEAST_R or best in (0, len(scores) - 1):
        return None
    offset = top_between(np.array(scores[best - 1 : best + 2]))
    return (low + best + offset - near) / _RATE_HZ


def _r(a_M: _Curve, b_M: _Curve) -> float:
    """Least possible where one is cut off or does not move."""
    found = correlation(a_M, b_M) if len(a_M) == len(b_M) else None
    return -1.0 if found is None else found


def _spread(values: list[float]) -> Spread:
    if not values:
        return Spread(None, None)
    return Spread(*(round(float(np.percentile(values, q)), 4) for q in (50, 95)))


def _median(values: list[float]) -> float | None:
    return round(float(np.median(values)), 4) if values else None


def main() -> None:
    """Make the sound, or measure."""
    parser = argparse.ArgumentParser(description="a recorded voice-only session, measured")
    parser.add_argument("--make-sound", type=Path, metavar="WAV", help="write what is to be said")
    parser.add_argument("--sound", type=Path, help="what was said")
    parser.add_argument("--curves", type=Path, help="what was recorded (.npz)")
    parser.add_argument("--every", type=float, metavar="S", help="also for stretches of S seconds")
    arguments = parser.parse_args()
    if arguments.make_sound is not None:
        samples_T, rate_hz = make_sound()
        with wave.open(str(arguments.make_sound), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(rate_hz)
            file.writeframes((32767.0 * samples_T).astype("<i2").tobytes())
        return
    if arguments.sound is None or arguments.curves is None:
        parser.error("--sound and --curves, or --make-sound")
    sound = read_sound(arguments.sound)
    with np.load(arguments.curves) as curves:
        recorded = dict(curves)
    report = asdict(measure(recorded, sound.samples_T, sound.sample_rate_hz))
    if arguments.every is not None:
        stretches = measure_every(recorded, sound.samples_T, sound.sample_rate_hz, arguments.every)
        report["stretches"] = [asdict(stretch) for stretch in stretches]
    print(json.dumps(report))


if __name__ == "__main__":
    main()
