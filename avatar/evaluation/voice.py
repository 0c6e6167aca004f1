"""python -m avatar evaluate-voice --suite DIR

Measures the audio encoder: on synthesised speech of voices and languages it never heard (the truth
is known), on real recordings, where nobody speaks, and on clips of people who talk. Knows how to
put the parts together and what to print; the last line is one JSON object.

A suite is a folder with `audio/` (files named `<language>_*`, `noise_*`, `silence_*`), perhaps
`driving/` (clips), and transcripts in `MANIFEST.md` or `.txt` files beside the sounds.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from avatar.errors import ConfigError
from avatar.evaluation.voice_clips import evaluate_clips
from avatar.evaluation.voice_real import (
    by_language,
    evaluate_no_speech,
    evaluate_recordings,
)
from avatar.evaluation.voice_synthetic import evaluate_synthetic
from avatar.motion.audio.encoder import Weights

_NUM_LINES = 6


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Arguments of `python -m avatar evaluate-voice`."""
    parser.add_argument("--suite", type=Path, required=True, metavar="DIR", help="see the docs")
    parser.add_argument("--output", type=Path, help="also write the report to this JSON file")
    parser.add_argument("--strips", type=Path, metavar="DIR", help="write mouth pictures here")
    parser.add_argument("--weights", type=Path, help="an encoder's .npz (default: the shipped one)")
    parser.add_argument(
        "--lines", type=int, default=_NUM_LINES, help=f"per language (default: {_NUM_LINES})"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bars")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Carry out `evaluate-voice`; LiveactorError passes through."""
    if not (arguments.suite / "audio").is_dir():
        raise ConfigError(f"--suite {arguments.suite}: has no folder 'audio' with recordings.")
    weights = None if arguments.weights is None else Weights.read(arguments.weights)
    report = evaluate_voice(
        arguments.suite,
        weights,
        num_lines=arguments.lines,
        strips=arguments.strips,
        is_quiet=arguments.quiet,
    )
    for line in table(report):
        print(line)
    if arguments.output is not None:
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        arguments.output.write_text(json.dumps(report, indent=1), encoding="utf-8")
    print(json.dumps(report))
    return 0


def evaluate_voice(
    suite: Path,
    weights: Weights | None,
    *,
    num_lines: int = _NUM_LINES,
    strips: Path | None = None,
    is_quiet: bool = False,
) -> dict[str, object]:
    """The whole report; its `summary` holds the figures that have a goal."""
    synthetic = evaluate_synthetic(weights, num_lines=num_lines, is_quiet=is_quiet)
    recordings = evaluate_recordings(suite, weights, strips=strips, is_quiet=is_quiet)
    no_speech, span = evaluate_no_speech(recordings, suite, weights)
    clips = evaluate_clips(suite, weights, is_quiet=is_quiet)
    languages = by_language(recordings)
    talking = [clip for clip in clips if clip["is_talking"]]
    return {
        "summary": {
            "held_out_voices_correlation": _mean(
                [row["opening_correlation"] for row in synthetic if not row["is_held_out"]]
            ),
            "held_out_languages_correlation": _mean(
                [row["opening_correlation"] for row in synthetic if row["is_held_out"]]
            ),
            "largest_synthetic_lag_s": _largest([row["opening_lag_s"] for row in synthetic]),
            "envelope_correlation": _mean([x["envelope_correlation"] for x in languages.values()]),
            "least_envelope_correlation": _least(
                [x["envelope_correlation"] for x in languages.values()]
            ),
            "closure_ratio": _mean([row.get("closure_ratio") for row in recordings]),
            "largest_no_speech_share": _largest([row["opening_share"] for row in no_speech]),
            "talking_clips_correlation": _mean([clip["correlation"] for clip in talking]),
            "talking_clips_best_correlation": _mean([x["best_correlation"] for x in talking]),
            "talking_clips_in_step_correlation": _mean([x["in_step_correlation"] for x in talking]),
            "num_clips_in_step": sum(x["in_step_correlation"] is not None for x in talking),
            "talking_clips_envelope_correlation": _mean(
                [clip["envelope_correlation"] for clip in talking]
            ),
            "num_talking_clips": len(talking),
            "opening_range": round(span, 4),
        },
        "synthetic": synthetic,
        "languages": languages,
        "recordings": recordings,
        "no_speech": no_speech,
        "clips": clips,
    }


def table(report: dict[str, object]) -> list[str]:
    """The report as lines for people."""
    lines = ["synthetic speech, held-out voices      opening r   lag ms   jaw r  width r  press r"]
    for row in _rows(report["synthetic"]):
        scores = row["coefficients"]
        assert isinstance(scores, dict)
        name = f"{row['language']}{' (language held out)' if row['is_held_out'] else ''}"
        others = "".join(_cell(scores[key]["correlation"], 9) for key in ("jaw", "width", "press"))
        lag = _cell(row["opening_lag_s"], 9, scale=1e3, digits=0)
        lines.append(f"  {name:36}{_cell(row['opening_correlation'], 10)}{lag}{others}")
    lines.append("real recordings                        envelope r  lag ms  bilabial/open  files")
    languages = report["languages"]
    assert isinstance(languages, dict)
    for language, row in languages.items():
        lag = _cell(row["envelope_lag_s"], 9, scale=1e3, digits=0)
        lines.append(
            f"  {language:36}{_cell(row['envelope_correlation'], 10)}{lag}"
            f"{_cell(row['closure_ratio'], 14)}{int(row['num_files']):7}"
        )
    lines.append("nobody speaks                          opening, share of the range")
    for row in _rows(report["no_speech"]):
        lines.append(f"  {row['sound']!s:36}{_cell(row['opening_share'], 10, digits=3)}")
    lines.append(
        "clips with a sound track    tracker r  at best lag  lag ms  in step  envelope r  left out"
    )
    for row in _rows(report["clips"]):
        lag = _cell(row.get("lag_s"), 8, scale=1e3, digits=0)
        lines.append(
            f"  {str(row['clip'])[:28]:28}{_cell(row.get('correlation'), 7)}"
            f"{_cell(row.get('best_correlation'), 13)}{lag}"
            f"{_cell(row.get('in_step_correlation'), 9)}"
            f"{_cell(row.get('envelope_correlation'), 12)}  {row['left_out'] or ''}"
        )
    return lines


def _rows(value: object) -> list[dict[str, object]]:
    assert isinstance(value, list)
    return value


def _cell(value: object, width: int, *, scale: float = 1.0, digits: int = 2) -> str:
    if not isinstance(value, float):
        return f"{'-':>{width}}"
    return f"{value * scale:{width}.{digits}f}"


def _numbers(values: Sequence[object]) -> list[float]:
    return [value for value in values if isinstance(value, float)]


def _mean(values: Sequence[object]) -> float | None:
    numbers = _numbers(values)
    return round(float(np.mean(numbers)), 4) if numbers else None


def _least(values: Sequence[object]) -> float | None:
    return min(_numbers(values), default=None)


def _largest(values: Sequence[object]) -> float | None:
    return max(_numbers(values), key=abs, default=None)
