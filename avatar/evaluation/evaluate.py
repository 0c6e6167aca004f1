"""python -m avatar evaluate --suite DIR --animator warp --mode self --output report.json

Runs an animator over every clip of `DIR/driving` (cross: with every picture of `DIR/reference`),
writes the report, a contact sheet per clip beside it, a table to stdout and the report as its last
line. Knows folders and order; one clip's measuring is in `self_suite` and `cross_suite`. A clip
without a face is a row that says so.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path

from tqdm import tqdm

from avatar.character.character import Character
from avatar.character.opening import open_character
from avatar.errors import AssetError, ClipError, PictureError
from avatar.evaluation.crop_protocol import PreparedClip, prepare_clip
from avatar.evaluation.cross_suite import evaluate_cross
from avatar.evaluation.report import Row, build_report, table, write_report
from avatar.evaluation.self_suite import evaluate_self
from avatar.evaluation.sheet import ContactSheet
from avatar.stream.animator import Animator
from avatar.stream.factory import AnimatorKind, make_animator

CLIP_SUFFIXES = {".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".264", ".h264", ".gif", ".ts"}
PICTURE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
SELF_COLUMNS = (
    "clip",
    "psnr",
    "ssim",
    "face_psnr",
    "mouth_psnr",
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
        type=AnimatorKind,
        choices=list(AnimatorKind),
        default=AnimatorKind.WARP,
        help="default: warp",
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
    is_self = arguments.mode == "self"
    clips = _files(arguments.suite / "driving", CLIP_SUFFIXES, arguments.clips)
    output: Path = arguments.output
    if not output.parent.is_dir():
        raise AssetError(f"{output}: the folder {output.parent} does not exist.")
    sheets = output.with_suffix("").with_name(output.stem + "_sheets")
    sheets.mkdir(exist_ok=True)
    animator = make_animator(arguments.animator)
    max_frames = arguments.max_frames or (150 if is_self else 24)
    stride = arguments.stride or (1 if is_self else 3)
    try:
        if is_self:
            rows = list(_self_rows(clips, animator, sheets, max_frames, stride))
        else:
            pictures = _files(arguments.suite / "reference", PICTURE_SUFFIXES, arguments.references)
            rows = list(_cross_rows(clips, pictures, animator, sheets, max_frames, stride))
    finally:
        animator.close()
    report = build_report(arguments.animator.value, arguments.mode, rows)
    write_report(report, output)
    print(table(rows, SELF_COLUMNS if is_self else CROSS_COLUMNS))
    print(f"{output}; contact sheets in {sheets}")
    print(json.dumps(report))
    return 0


def _self_rows(
    clips: list[Path], animator: Animator, sheets: Path, max_frames: int, stride: int
) -> Iterator[Row]:
    for path in tqdm(clips, desc="self", unit="clip"):

        def measure(prepared: PreparedClip) -> tuple[Row, ContactSheet]:
            return evaluate_self(prepared, animator, max_frames=max_frames, stride=stride)

        yield _row({"clip": path.name}, _prepared(path), measure, sheets / f"{path.stem}.png")


def _cross_rows(
    clips: list[Path],
    pictures: list[Path],
    animator: Animator,
    sheets: Path,
    max_frames: int,
    stride: int,
) -> Iterator[Row]:
    characters: list[tuple[Path, Character | PictureError]] = []
    for picture in tqdm(pictures, desc="opening", unit="picture"):
        try:
            characters.append((picture, open_character([picture])))
        except PictureError as error:
            characters.append((picture, error))
    with tqdm(total=len(clips) * len(pictures), desc="cross", unit="pair") as bar:
        for path in clips:
            prepared = _prepared(path)
            for picture, character in characters:

                def measure(
                    clip: PreparedClip, character: Character | PictureError = character
                ) -> tuple[Row, ContactSheet]:
                    if isinstance(character, PictureError):
                        raise character
                    return evaluate_cross(
                        clip, character, animator, max_frames=max_frames, stride=stride
                    )

                names: Row = {"clip": path.name, "reference": picture.name}
                yield _row(names, prepared, measure, sheets / f"{path.stem}__{picture.stem}.png")
                bar.update()


def _prepared(path: Path) -> PreparedClip | str:
    """The clip with its crop, or why there is none."""
    try:
        return prepare_clip(path) or "no face was found in the clip"
    except ClipError as error:
        return str(error)


def _row(
    names: Row,
    prepared: PreparedClip | str,
    measure: Callable[[PreparedClip], tuple[Row, ContactSheet]],
    sheet_path: Path,
) -> Row:
    """One row; what cannot be measured says why, with null for every number."""
    if isinstance(prepared, str):
        return {**names, "error": prepared}
    try:
        row, sheet = measure(prepared)
    except (PictureError, ClipError) as error:
        return {**names, "error": str(error)}
    sheet.save(sheet_path)
    return {**row, **names}


def _files(folder: Path, suffixes: set[str], contains: str) -> list[Path]:
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
