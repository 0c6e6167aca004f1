"""python -m avatar evaluate --suite DIR --animator warp --mode self --output report.json

Runs one animator, or several side by side, over every clip of `DIR/driving` (cross: with every
picture of `DIR/reference`), writes the report, a contact sheet per clip beside it, a table to
stdout and the report as its last line. Knows the command and the report; who meets which clip is in
`suites`. A clip without a face is a row that says so.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from avatar.errors import AssetError
from avatar.evaluation.comparison import GAINS, compare
from avatar.evaluation.contenders import OPTIONS, Contender, contender
from avatar.evaluation.drift import DRIFT_COLUMNS
from avatar.evaluation.rendered_suite import RENDERED_COLUMNS
from avatar.evaluation.report import Row, build_comparison, build_report, table, write_report
from avatar.evaluation.suite_files import CLIP_SUFFIXES, PICTURE_SUFFIXES, files_in
from avatar.evaluation.suites import (
    CROSS_COLUMNS,
    SELF_COLUMNS,
    Task,
    cross_rows,
    drift_rows,
    rendered_rows,
    self_rows,
)
from avatar.evaluation.variants import Variant
from avatar.stream.factory import AnimatorKind

RENDERED = "rendered"
DEFAULTS = {"self": (150, 1), "cross": (24, 3), "drift": (75, 1)}
"""Mode: (frames per clip, stride)."""
COLUMNS = {"self": SELF_COLUMNS, "cross": CROSS_COLUMNS, "drift": DRIFT_COLUMNS}


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Arguments of `python -m avatar evaluate`."""
    parser.add_argument(
        "--suite",
        type=Path,
        required=True,
        metavar="DIR",
        help="a folder with driving/ and, for cross, reference/; or `rendered`: people that the "
        "project renders, with exact truth",
    )
    parser.add_argument(
        "--animator",
        nargs="+",
        type=contender,
        default=[contender(AnimatorKind.WARP)],
        metavar="NAME",
        help=f"one or several of {', '.join([*AnimatorKind, *Variant])}, or neural:OPTION=VALUE "
        f"with options {', '.join(OPTIONS)} (default: warp)",
    )
    parser.add_argument(
        "--weights", type=Path, metavar="FOLDER", help="trained weights in place of the shipped"
    )
    parser.add_argument(
        "--mode",
        choices=tuple(DEFAULTS),
        default="self",
        help="self: a clip drives its own first good frame; cross: every picture; drift: self, "
        "there and back again for --minutes (default: self)",
    )
    parser.add_argument("--output", type=Path, required=True, metavar="REPORT.json")
    parser.add_argument(
        "--clips", default="", metavar="TEXT", help="only clips whose name contains this"
    )
    parser.add_argument(
        "--references",
        default="",
        metavar="TEXT",
        help="only pictures whose name contains this (cross)",
    )
    parser.add_argument(
        "--max-frames",
        type=_positive,
        default=None,
        metavar="N",
        help="frames per clip (default: 150; cross and rendered: 24)",
    )
    parser.add_argument(
        "--stride",
        type=_positive,
        default=None,
        metavar="N",
        help="take every Nth frame (default: 1; cross: 3)",
    )
    parser.add_argument(
        "--minutes", type=_minutes, default=3.0, metavar="N", help="drift: of video (default: 3)"
    )
    parser.add_argument(
        "--num-clips", type=_positive, default=16, metavar="N", help="rendered: default 16"
    )
    parser.add_argument(
        "--views", type=_positive, default=1, metavar="N", help="rendered: references (default: 1)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Carry out `evaluate`; LiveactorError passes through."""
    output: Path = arguments.output
    if not output.parent.is_dir():
        raise AssetError(f"{output}: the folder {output.parent} does not exist.")
    sheets = output.with_suffix("").with_name(output.stem + "_sheets")
    sheets.mkdir(exist_ok=True)
    contenders: list[Contender] = list({each.name: each for each in arguments.animator}.values())
    animators = {each.name: each.make(weights=arguments.weights) for each in contenders}
    mode: str = arguments.mode
    max_frames, stride = DEFAULTS[mode]
    task = Task(
        animators,
        sheets,
        max_frames=arguments.max_frames or max_frames,
        stride=arguments.stride or stride,
    )
    columns = COLUMNS[mode]
    try:
        if str(arguments.suite) == RENDERED:
            columns, mode = RENDERED_COLUMNS, RENDERED
            rendered_rows(
                task,
                contenders,
                num_clips=arguments.num_clips,
                num_views=arguments.views,
                weights=arguments.weights,
            )
        else:
            _walk(task, mode, arguments)
    finally:
        for animator in animators.values():
            animator.close()
    report = finish(task.rows, contenders, mode, columns)
    write_report(report, output)
    print(f"{output}; contact sheets in {sheets}")
    print(json.dumps(report))
    return 0


def _walk(task: Task, mode: str, arguments: argparse.Namespace) -> None:
    """Every clip of a folder."""
    suite: Path = arguments.suite
    clips = files_in(suite / "driving", CLIP_SUFFIXES, arguments.clips)
    if mode == "self":
        self_rows(task, clips)
    elif mode == "drift":
        drift_rows(task, clips, 60.0 * arguments.minutes)
    else:
        cross_rows(
            task, clips, files_in(suite / "reference", PICTURE_SUFFIXES, arguments.references)
        )


def finish(
    rows_of: Mapping[str, list[Row]],
    contenders: Sequence[Contender],
    mode: str,
    columns: Sequence[str],
) -> dict[str, object]:
    """Print the tables; the report of one animator, or of several with their comparison."""
    reports = {name: build_report(name, mode, rows) for name, rows in rows_of.items()}
    for name, rows in rows_of.items():
        if len(rows_of) > 1:
            print(f"\n{name}")
        print(table(rows, columns))
    if len(rows_of) == 1:
        return next(iter(reports.values()))
    classical = [each.name for each in contenders if each.is_classical]
    compared = compare(rows_of, classical)
    means = ["animator", *(name for name in columns if name not in ("clip", "reference"))]
    print("\nmeans")
    print(table(compared, means, has_mean=False))
    print(f"\nagainst the best of {', '.join(classical) or 'no classical variant'}, clip by clip")
    gains = ["animator", "clip_wins", *(f"{metric}_gain" for metric in GAINS)]
    print(table(compared, gains, has_mean=False))
    return build_comparison(reports, mode, compared)


def _minutes(text: str) -> float:
    value = float(text)
    if not 0.2 <= value <= 600.0:
        raise argparse.ArgumentTypeError(f"{value:g} must lie between 0.2 and 600")
    return value


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} must be at least 1")
    return value
