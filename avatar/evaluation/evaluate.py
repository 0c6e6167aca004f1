"""python -m avatar evaluate --suite DIR --animator warp --mode self --output report.json

Runs one animator, or several side by side, over every clip of `DIR/driving` (cross: with every
picture of `DIR/reference`), writes the report, a contact sheet per clip beside it, a table to
stdout and the report as its last line. Knows folders and order; one clip's measuring is in
`self_suite` and `cross_suite`. A clip without a face is a row that says so.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tqdm import tqdm

from avatar.character.character import Character
from avatar.character.opening import open_character
from avatar.errors import AssetError, ClipError, LiveactorError, PictureError
from avatar.evaluation.comparison import GAINS, compare
from avatar.evaluation.contenders import OPTIONS, Contender, contender
from avatar.evaluation.crop_protocol import PreparedClip, prepare_clip
from avatar.evaluation.cross_suite import evaluate_cross
from avatar.evaluation.report import Row, build_comparison, build_report, table, write_report
from avatar.evaluation.self_suite import SelfClip, evaluate_self
from avatar.evaluation.sheet import ContactSheet, beside, save_png
from avatar.evaluation.variants import Variant
from avatar.stream.animator import Animator
from avatar.stream.factory import AnimatorKind

CLIP_SUFFIXES = {".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".264", ".h264", ".gif", ".ts"}
PICTURE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
SELF_COLUMNS = (
    "clip",
    "psnr",
    "ssim",
    "face_psnr",
    "mouth_psnr",
    "open_mouth_psnr",
    "eye_psnr",
    "landmark_distance",
    "mouth_correlation",
    "eye_correlation",
    "head_rotation_error_deg",
    "flicker",
    "jerk_ratio",
    "sharpness",
)
CROSS_COLUMNS = (
    "clip",
    "reference",
    "expression_error",
    "mouth_correlation",
    "eye_correlation",
    "head_rotation_error_deg",
    "face_shape_leak",
    "bone_leak",
    "jerk_ratio",
    "sharpness",
    "face_found_fraction",
)


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Arguments of `python -m avatar evaluate`."""
    parser.add_argument(
        "--suite",
        type=Path,
        required=True,
        metavar="DIR",
        help="a folder with driving/ and, for cross, reference/",
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
    parser.add_argument("--mode", choices=("self", "cross"), default="self", help="default: self")
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
        help="frames per clip (default: 150; cross: 24)",
    )
    parser.add_argument(
        "--stride",
        type=_positive,
        default=None,
        metavar="N",
        help="take every Nth frame (default: 1; cross: 3)",
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
    is_self = arguments.mode == "self"
    task = _Task(
        animators,
        sheets,
        max_frames=arguments.max_frames or (150 if is_self else 24),
        stride=arguments.stride or (1 if is_self else 3),
    )
    clips = files_in(arguments.suite / "driving", CLIP_SUFFIXES, arguments.clips)
    try:
        if is_self:
            _self_rows(task, clips)
        else:
            pictures = files_in(
                arguments.suite / "reference", PICTURE_SUFFIXES, arguments.references
            )
            _cross_rows(task, clips, pictures)
    finally:
        for animator in animators.values():
            animator.close()
    report = finish(
        task.rows, contenders, arguments.mode, SELF_COLUMNS if is_self else CROSS_COLUMNS
    )
    write_report(report, output)
    print(f"{output}; contact sheets in {sheets}")
    print(json.dumps(report))
    return 0


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


class _Task:
    """Animators at work, and the rows that they have so far."""

    def __init__(
        self, animators: Mapping[str, Animator], sheets: Path, *, max_frames: int, stride: int
    ) -> None:
        self.animators, self.sheets = animators, sheets
        self.max_frames, self.stride = max_frames, stride
        self.rows: dict[str, list[Row]] = {name: [] for name in animators}

    def refuse(self, names: Row, reason: str) -> None:
        """What cannot be measured says why, with null for every number."""
        for rows in self.rows.values():
            rows.append({**names, "error": reason})

    def measure(
        self,
        names: Row,
        shared_label: str,
        sheet_name: str,
        one: Callable[[Animator], tuple[Row, ContactSheet]],
    ) -> None:
        """A row for each animator, and a contact sheet of all."""
        sheets: dict[str, ContactSheet] = {}
        for name, animator in self.animators.items():
            try:
                row, sheets[name] = one(animator)
            except LiveactorError as error:
                row = {"error": str(error)}
            self.rows[name].append({**row, **names})
        if len(self.animators) == 1 and sheets:
            next(iter(sheets.values())).save(self.sheets / sheet_name)
        elif sheets:
            save_png(beside(sheets, shared_label), self.sheets / sheet_name)


def _self_rows(task: _Task, paths: list[Path]) -> None:
    for path in tqdm(paths, desc="self", unit="clip"):
        names: Row = {"clip": path.name}
        prepared = _prepared(path)
        if isinstance(prepared, str):
            task.refuse(names, prepared)
            continue
        try:
            clip = SelfClip(prepared)
        except PictureError as error:
            task.refuse(names, str(error))
            continue

        def one(animator: Animator, clip: SelfClip = clip) -> tuple[Row, ContactSheet]:
            return evaluate_self(clip, animator, max_frames=task.max_frames, stride=task.stride)

        try:
            task.measure(names, "truth", f"{path.stem}.png", one)
        finally:
            clip.close()


def _cross_rows(task: _Task, paths: list[Path], pictures: list[Path]) -> None:
    characters: list[tuple[Path, Character | PictureError]] = []
    for picture in tqdm(pictures, desc="opening", unit="picture"):
        try:
            characters.append((picture, open_character([picture])))
        except PictureError as error:
            characters.append((picture, error))
    with tqdm(total=len(paths) * len(pictures), desc="cross", unit="pair") as bar:
        for path in paths:
            prepared = _prepared(path)
            for picture, character in characters:
                bar.update()
                names: Row = {"clip": path.name, "reference": picture.name}
                if isinstance(prepared, str) or isinstance(character, PictureError):
                    task.refuse(names, str(prepared if isinstance(prepared, str) else character))
                    continue

                def one(
                    animator: Animator,
                    clip: PreparedClip = prepared,
                    character: Character = character,
                ) -> tuple[Row, ContactSheet]:
                    return evaluate_cross(
                        clip,
                        character,
                        animator,
                        max_frames=task.max_frames,
                        stride=task.stride,
                    )

                task.measure(names, "driving", f"{path.stem}__{picture.stem}.png", one)


def _prepared(path: Path) -> PreparedClip | str:
    """The clip with its crop, or why there is none."""
    try:
        return prepare_clip(path) or "no face was found in the clip"
    except ClipError as error:
        return str(error)


def files_in(folder: Path, suffixes: set[str], contains: str) -> list[Path]:
    """Files of a kind in a folder, in order of name; raises AssetError where there are none."""
    if not folder.is_dir():
        raise AssetError(f"{folder}: there is no such folder.")
    found = sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in suffixes and contains in path.name
    )
    if not found:
        filtered = f" whose name contains '{contains}'" if contains else ""
        raise AssetError(f"{folder}: holds no file{filtered} that could be used.")
    return found


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} must be at least 1")
    return value
