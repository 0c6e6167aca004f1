"""The encoder on real recordings: envelope, closures against open vowels, silence and noise.

Knows the layout of a suite (`audio/` with files named `<language>_*`, `noise_*`, `silence_*`, and
the transcripts in `MANIFEST.md` or in a `.txt` beside a file); does not know faces.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from avatar.data.voice.espeak import Espeak, Phone
from avatar.data.voice.phones import is_bilabial, is_open_vowel
from avatar.errors import AudioError
from avatar.evaluation.voice_alignment import align, can_align
from avatar.evaluation.voice_measures import agreement, envelope
from avatar.evaluation.voice_mouth import HeardMouth, heard_mouth
from avatar.evaluation.voice_strip import write_strip
from avatar.frames import FloatArray
from avatar.motion.audio.encoder import Weights
from avatar.motion.audio.sound import read_sound

_NOT_SPEECH = ("noise", "silence")
_LANGUAGE = re.compile(r"[a-z]{2}")
"""ISO 639-1, the first word of a recording's name."""
_TRANSCRIPT = re.compile(r'transcript: "([^"]+)"')
Row = dict[str, object]


def transcripts(suite: Path) -> dict[str, str]:
    """File name to transcript."""
    found: dict[str, str] = {}
    manifest = suite / "MANIFEST.md"
    if manifest.is_file():
        for line in manifest.read_text(encoding="utf-8").splitlines():
            cells = [cell.strip() for cell in line.split("|")]
            match = _TRANSCRIPT.search(line)
            if match and len(cells) > 1:
                found[Path(cells[1]).name] = match.group(1)
    for text in (suite / "audio").glob("*.txt"):
        for sound in (suite / "audio").glob(f"{text.stem}.*"):
            if sound != text:
                found[sound.name] = text.read_text(encoding="utf-8").strip()
    return found


def evaluate_recordings(
    suite: Path, weights: Weights | None, *, strips: Path | None, is_quiet: bool
) -> list[Row]:
    """One row per file of `suite/audio`, in order; unreadable files have only an `error`."""
    espeak = Espeak()
    texts = transcripts(suite)
    rows: list[Row] = []
    files = sorted(path for path in (suite / "audio").iterdir() if path.suffix != ".txt")
    for path in tqdm(files, desc="recordings", unit="file", disable=is_quiet):
        try:
            sound = read_sound(path)
        except AudioError as error:
            rows.append({"file": path.name, "error": str(error)})
            continue
        rate_hz = sound.sample_rate_hz
        mouth = heard_mouth(sound.samples_T, rate_hz, weights)
        kind = path.name.split("_")[0]
        row: Row = {
            "file": path.name,
            "language": kind if _LANGUAGE.fullmatch(kind) else None,
            **envelope_scores(mouth, sound.samples_T, rate_hz),
        }
        phones: tuple[Phone, ...] | None = None
        text = texts.get(path.name)
        if text is not None and can_align(text) and _LANGUAGE.fullmatch(kind):
            phones = align(espeak, sound.samples_T, rate_hz, text, kind)
            if phones is not None:
                row |= closure_scores(mouth, phones)
        if strips is not None:
            write_strip(strips / f"{path.stem}.png", mouth, sound.samples_T, rate_hz, phones or ())
        rows.append(row)
    return rows


def envelope_scores(mouth: HeardMouth, samples_T: FloatArray, rate_hz: int) -> Row:
    """How the opening follows the sound's envelope, and its size."""
    score = agreement(mouth.opening_M, envelope(samples_T, rate_hz, mouth.times_s))
    return {
        "envelope_correlation": _rounded(score.correlation),
        "envelope_lag_s": score.lag_s,
        "mean_opening": _rounded(float(mouth.opening_M.mean())),
        "opening_p95": _rounded(float(np.percentile(mouth.opening_M, 95))),
        "speech": _rounded(float(mouth.speech_M.mean())),
    }


def closure_scores(mouth: HeardMouth, phones: Sequence[Phone]) -> Row:
    """Mean opening in the middle half of bilabials and of open vowels, by forced times.

    `closure_ratio` is the first over the second: 0 for lips that meet, 1 for a mouth that does not
    know the difference.
    """
    closed = [_opening(mouth, phone) for phone in phones if is_bilabial(phone.ipa)]
    wide = [_opening(mouth, phone) for phone in phones if is_open_vowel(phone.ipa)]
    if not closed or not wide:
        return {}
    return {
        "num_bilabials": len(closed),
        "num_open_vowels": len(wide),
        "bilabial_opening": _rounded(float(np.mean(closed))),
        "open_vowel_opening": _rounded(float(np.mean(wide))),
        "closure_ratio": _rounded(float(np.mean(closed)) / max(float(np.mean(wide)), 1e-6)),
    }


def _opening(mouth: HeardMouth, phone: Phone) -> float:
    quarter_s = 0.25 * (phone.end_s - phone.start_s)
    times_s = np.linspace(phone.start_s + quarter_s, phone.end_s - quarter_s, 5)
    return float(np.interp(times_s, mouth.times_s, mouth.opening_M).mean())


def evaluate_no_speech(
    rows: Sequence[Row], suite: Path, weights: Weights | None
) -> tuple[list[Row], float]:
    """Opening where nobody speaks, as a share of the range (95th percentile over real speech).

    The suite's noise and silence files, and digital silence, hiss and hum made here.
    """
    spoken = [row["opening_p95"] for row in rows if row.get("language")]
    span = float(np.median(np.array(spoken, np.float64))) if spoken else 0.1
    rng = np.random.default_rng(1)
    num_samples = 6 * 16_000
    hiss_T = rng.standard_normal(num_samples).astype(np.float32)
    hum_T = np.sin(2 * np.pi * 50.0 * np.arange(num_samples) / 16_000).astype(np.float32)
    sounds: dict[str, tuple[FloatArray, int]] = {
        "digital silence": (np.zeros(num_samples, np.float32), 16_000),
        "hiss -60 dB": (0.001 * hiss_T, 16_000),
        "hiss -26 dB": (0.05 * hiss_T, 16_000),
        "hum": (0.2 * hum_T, 16_000),
    }
    for folder in (suite / "audio", suite / "bad"):
        for path in sorted(folder.glob("*")):
            if path.name.startswith(_NOT_SPEECH):
                sound = read_sound(path)
                sounds[path.name] = (sound.samples_T, sound.sample_rate_hz)
    results: list[Row] = []
    for name, (samples_T, rate_hz) in sounds.items():
        opening_M = heard_mouth(samples_T, rate_hz, weights).opening_M
        share = _rounded(float(opening_M.mean()) / span)
        results.append({"sound": name, "opening_share": share})
    return results, span


def by_language(rows: Sequence[Row]) -> dict[str, Mapping[str, float | None]]:
    """Means over the files of each language."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        language = row.get("language")
        if isinstance(language, str):
            groups[language].append(row)
    keys = ("envelope_correlation", "envelope_lag_s", "closure_ratio")
    return {
        language: {"num_files": float(len(group)), **{key: _mean(group, key) for key in keys}}
        for language, group in sorted(groups.items())
    }


def _mean(rows: Sequence[Row], key: str) -> float | None:
    values = [value for row in rows if isinstance(value := row.get(key), float)]
    return _rounded(float(np.mean(values))) if values else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
