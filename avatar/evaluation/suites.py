"""Animators walk through suites: one row per animator and clip (cross: and picture).

Knows which clips, pictures and animators meet, and that whatever cannot be measured is a row that
says why; one clip's measuring is in `self_suite`, `cross_suite`, `rendered_suite`, `drift`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from tqdm import tqdm

from avatar.character.character import Character
from avatar.character.opening import open_character
from avatar.data.clip import ClipPlan
from avatar.data.held_out import held_out_clips
from avatar.errors import ClipError, LiveactorError, PictureError
from avatar.evaluation.contenders import Contender
from avatar.evaluation.crop_protocol import PreparedClip, prepare_clip
from avatar.evaluation.cross_suite import evaluate_cross
from avatar.evaluation.drift import DRIFT_COLUMNS, evaluate_drift
from avatar.evaluation.rendered_suite import (
    PICTURE_COLUMNS,
    KnownFaces,
    RenderedClip,
    evaluate_rendered,
)
from avatar.evaluation.report import Row
from avatar.evaluation.self_suite import SelfClip, evaluate_self
from avatar.evaluation.sheet import ContactSheet, beside, save_png
from avatar.stream.animator import Animator

SELF_COLUMNS = (
    "clip",
    *PICTURE_COLUMNS,
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
SELF_NUMBERS = (
    *("num_frames", "reference_frame"),
    *SELF_COLUMNS[1:],
    *("l1", "mouth_lag_frames", "face_found_fraction"),
)
"""What a row says beside its names: a row that could not be measured has null for each."""
CROSS_NUMBERS = ("num_frames", *CROSS_COLUMNS[2:])
DRIFT_NUMBERS = DRIFT_COLUMNS[1:]
RENDERED_NUMBERS = (
    *SELF_NUMBERS,
    *("seed", "temporal_error_ratio", "cross_psnr", "face_shape_leak"),
)


class Task:
    """Animators at work, and the rows that they have so far."""

    def __init__(
        self, animators: Mapping[str, Animator], sheets: Path, *, max_frames: int, stride: int
    ) -> None:
        self.animators, self.sheets = animators, sheets
        self.max_frames, self.stride = max_frames, stride
        self.rows: dict[str, list[Row]] = {name: [] for name in animators}

    def refuse(self, names: Row, numbers: Sequence[str], reason: str) -> None:
        """What cannot be measured says why, with null for every number."""
        for rows in self.rows.values():
            rows.append({**_refused(numbers, reason), **names})

    def measure(
        self,
        names: Row,
        numbers: Sequence[str],
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
                row = _refused(numbers, str(error))
            self.rows[name].append({**row, **names})
        if len(self.animators) == 1 and sheets:
            next(iter(sheets.values())).save(self.sheets / sheet_name)
        elif sheets:
            save_png(beside(sheets, shared_label), self.sheets / sheet_name)


def self_rows(task: Task, paths: Sequence[Path]) -> None:
    """Every clip drives its own first good frame."""

    def one(clip: SelfClip, animator: Animator) -> tuple[Row, ContactSheet]:
        return evaluate_self(clip, animator, max_frames=task.max_frames, stride=task.stride)

    _each_clip(task, paths, SELF_NUMBERS, one)


def drift_rows(task: Task, paths: Sequence[Path], duration_s: float) -> None:
    """As `self_rows`, there and back again for a long time."""

    def one(clip: SelfClip, animator: Animator) -> tuple[Row, ContactSheet]:
        return evaluate_drift(
            clip, animator, duration_s=duration_s, max_frames=task.max_frames, stride=task.stride
        )

    _each_clip(task, paths, DRIFT_NUMBERS, one)


def _each_clip(
    task: Task,
    paths: Sequence[Path],
    numbers: Sequence[str],
    one: Callable[[SelfClip, Animator], tuple[Row, ContactSheet]],
) -> None:
    for path in tqdm(paths, desc="clips", unit="clip"):
        names: Row = {"clip": path.name}
        prepared = _prepared(path)
        if isinstance(prepared, str):
            task.refuse(names, numbers, prepared)
            continue
        try:
            clip = SelfClip.of(prepared)
        except PictureError as error:
            task.refuse(names, numbers, str(error))
            continue
        try:
            task.measure(names, numbers, "truth", f"{path.stem}.png", partial(one, clip))
        finally:
            clip.close()


def rendered_rows(
    task: Task,
    contenders: Sequence[Contender],
    *,
    num_clips: int,
    num_views: int,
    weights: Path | None,
) -> None:
    """Rendered people that no training has seen; drawn anew, nothing is read from disk."""
    faces = KnownFaces()
    foreign = {
        task.animators[each.name]: each.make(weights=weights, face_tracker=faces)
        for each in contenders
    }
    plan = ClipPlan(num_frames=task.max_frames, num_references=num_views)
    try:
        for clip in tqdm(held_out_clips(num_clips, plan), total=num_clips, unit="clip"):
            names: Row = {"clip": f"rendered_{clip.seed}", "look": clip.look}
            try:
                rendered = RenderedClip(clip)
            except PictureError as error:
                task.refuse(names, RENDERED_NUMBERS, str(error))
                continue

            def one(
                animator: Animator, rendered: RenderedClip = rendered
            ) -> tuple[Row, ContactSheet]:
                return evaluate_rendered(rendered, animator, foreign[animator], faces)

            try:
                task.measure(names, RENDERED_NUMBERS, "truth", f"rendered_{clip.seed}.png", one)
            finally:
                rendered.close()
    finally:
        for animator in foreign.values():
            animator.close()


def cross_rows(task: Task, paths: Sequence[Path], pictures: Sequence[Path]) -> None:
    """Every clip drives every picture."""
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
                    reason = prepared if isinstance(prepared, str) else str(character)
                    task.refuse(names, CROSS_NUMBERS, reason)
                    continue
                one = partial(
                    evaluate_cross,
                    prepared,
                    character,
                    max_frames=task.max_frames,
                    stride=task.stride,
                )
                sheet_name = f"{path.stem}__{picture.stem}.png"
                task.measure(names, CROSS_NUMBERS, "driving", sheet_name, one)


def _refused(numbers: Sequence[str], reason: str) -> Row:
    return {**dict.fromkeys(numbers), "error": reason}


def _prepared(path: Path) -> PreparedClip | str:
    """The clip with its crop, or why there is none."""
    try:
        return prepare_clip(path) or "no face was found in the clip"
    except ClipError as error:
        return str(error)
