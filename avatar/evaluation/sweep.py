"""python -m avatar sweep --suite DIR --output report.json

Every clip of `DIR/driving` moves every picture of `DIR/reference`, a few telling frames each,
through the warp. It answers one question: does anything crash or tear? Every picture is opened
once, every clip tracked once; its frames are those that turn furthest, open the mouth widest and
close the eyes. A contact sheet per clip shows every picture once. The exit code is 1 where anything
crashed. Knows folders and order; what a tear is, is in `tears`.
"""

from __future__ import annotations

import argparse
import json
import math
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from avatar.character.character import Character
from avatar.character.opening import open_character
from avatar.errors import AssetError, ClipError, PictureError
from avatar.evaluation.report import Row, table, write_report
from avatar.evaluation.sheet import save_png
from avatar.evaluation.suite_files import CLIP_SUFFIXES, PICTURE_SUFFIXES, files_in
from avatar.evaluation.tears import find_tears
from avatar.frames import ByteArray, Motion, Tracking
from avatar.motion.calibration import Observation, is_usable, provisional, robust_neutral
from avatar.motion.geometry import face_motion
from avatar.motion.neutral import Neutral
from avatar.motion.retarget import Retargeter
from avatar.motion.rotation import yaw_pitch_roll
from avatar.motion.tracker import FaceTracker
from avatar.motion.tracker_body import BodyTracker
from avatar.stream.clip import Clip
from avatar.warp.renderer import WarpRenderer

MAX_SEEN = 60
"""Frames of a clip that are tracked, evenly over its first `SPAN_FRAMES`."""
MIN_STRIDE, SPAN_FRAMES = 4, 3000
TILE_PX = 160
_NUM_WORST = 12
_COLUMNS = ("clip", "num_pairs", "worst_folded", "worst_holes", "worst_picture", "error")


@dataclass(frozen=True, slots=True)
class DrivenClip:
    """What a clip does to anybody."""

    name: str
    motions: tuple[Motion, ...]
    pictures: tuple[ByteArray, ...]
    neutral: Neutral


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Arguments of `python -m avatar sweep`."""
    parser.add_argument("--suite", type=Path, required=True, metavar="DIR")
    parser.add_argument("--output", type=Path, required=True, metavar="REPORT.json")
    parser.add_argument("--clips", default="", metavar="TEXT", help="only names that contain this")
    parser.add_argument("--references", default="", metavar="TEXT")
    parser.add_argument("--frames", type=int, default=6, metavar="N", help="per pair (default: 6)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Carry out `sweep`; LiveactorError passes through."""
    clips = files_in(arguments.suite / "driving", CLIP_SUFFIXES, arguments.clips)
    pictures = files_in(arguments.suite / "reference", PICTURE_SUFFIXES, arguments.references)
    output: Path = arguments.output
    if not output.parent.is_dir():
        raise AssetError(f"{output}: the folder {output.parent} does not exist.")
    sheets = output.with_suffix("").with_name(output.stem + "_sheets")
    sheets.mkdir(exist_ok=True)
    characters, refused = open_all(pictures)
    rows, crashes, pairs = [], [], []
    for path in tqdm(clips, desc="sweep", unit="clip"):
        clip = watch(path, num_frames=max(1, arguments.frames))
        if isinstance(clip, str):
            rows.append(Row(clip=path.name, num_pairs=0, error=clip))
            continue
        tiles = [_tile(clip.pictures[0])]
        own: list[Row] = []
        for character in characters:
            try:
                row, picture = animate(character, clip)
            except Exception:  # a crash of one pair is what this command looks for
                crash = traceback.format_exc(limit=-3)
                crashes.append({"clip": clip.name, "reference": character.name, "error": crash})
                continue
            own.append(row)
            tiles.append(_tile(picture))
        pairs += own
        rows.append(_worst(clip.name, own))
        save_png(_grid(tiles), sheets / f"{path.stem}.png")
    report: dict[str, object] = {
        "num_pairs": len(pairs),
        "num_crashes": len(crashes),
        "crashes": crashes,
        "refused": refused,
        "folded_mean": _mean(pairs, "folded"),
        "holes_mean": _mean(pairs, "holes"),
        "clips": rows,
        "most_folded": sorted(pairs, key=lambda row: -_number(row, "folded"))[:_NUM_WORST],
        "most_holes": sorted(pairs, key=lambda row: -_number(row, "holes"))[:_NUM_WORST],
    }
    write_report(report, output)
    print(table(rows, _COLUMNS))
    for name, reason in refused.items():
        print(f"refused: {name}: {reason}")
    print(f"{len(pairs)} pairs, {len(crashes)} crashes; {output}; contact sheets in {sheets}")
    print(json.dumps(report))
    return 1 if crashes else 0


def open_all(pictures: Sequence[Path]) -> tuple[list[Character], dict[str, str]]:
    """Every picture that makes a character, and why the others do not."""
    characters, refused = [], {}
    for picture in tqdm(pictures, desc="opening", unit="picture"):
        try:
            characters.append(open_character([picture]))
        except PictureError as error:
            refused[picture.name] = str(error)
    return characters, refused


def watch(path: Path, *, num_frames: int) -> DrivenClip | str:
    """Track a clip and keep its most telling frames; or why it cannot drive anybody."""
    face_tracker, body_tracker = FaceTracker(), BodyTracker()
    seen: list[tuple[Motion, ByteArray]] = []
    try:
        clip = Clip(path)
        span = min(clip.info.num_frames or SPAN_FRAMES, SPAN_FRAMES)
        stride = max(MIN_STRIDE, math.ceil(span / MAX_SEEN))
        for driving in islice(clip.frames(), 0, span, stride):
            assert driving.rgb_HW3 is not None
            found = face_tracker.track(driving.rgb_HW3, driving.stamp.time_s)
            if found is None:
                continue
            observed = body_tracker.track(driving.rgb_HW3)
            hw = (driving.rgb_HW3.shape[0], driving.rgb_HW3.shape[1])
            face = face_motion(found.landmarks_N3)
            motion = Motion(
                driving.stamp, Tracking.TRACKED, hw, face, observed.body, observed.hands
            )
            seen.append((motion, driving.rgb_HW3))
    except ClipError as error:
        return str(error)
    finally:
        face_tracker.close()
        body_tracker.close()
    if not seen:
        return "no face was found in the clip"
    observations = [
        Observation(motion.face, motion.picture_hw, motion.body)
        for motion, _ in seen
        if motion.face is not None
    ]
    usable = [one for one in observations if is_usable(one.face)]
    neutral = robust_neutral(usable) if usable else provisional(observations[0])
    chosen = _telling(observations, num_frames)
    return DrivenClip(
        name=path.name,
        motions=tuple(seen[index][0] for index in chosen),
        pictures=tuple(seen[index][1] for index in chosen),
        neutral=neutral,
    )


def _telling(observations: Sequence[Observation], num_frames: int) -> list[int]:
    """Indices of the frames that ask most of a picture, the most extreme first."""
    angles = np.array([yaw_pitch_roll(one.face.rotation_33) for one in observations])
    lids = np.array([float(one.face.lid_apertures_2.min()) for one in observations])
    lips = np.array([one.face.lip_aperture for one in observations])
    signals = (lips, angles[:, 0], -angles[:, 0], angles[:, 1], -angles[:, 1], -lids, angles[:, 2])
    chosen: list[int] = []
    for rank in range(len(observations)):
        for signal in signals:
            index = int(np.argsort(-signal)[rank])
            if index not in chosen:
                chosen.append(index)
            if len(chosen) == num_frames:
                return chosen
    return chosen


def animate(character: Character, clip: DrivenClip) -> tuple[Row, ByteArray]:
    """The pair's worst figures, and its first picture."""
    view = character.views[0]
    assert character.rig is not None
    retargeter = Retargeter(view.geometry)
    renderer = WarpRenderer(character.rig, character.background_HW3)
    folded, holes, first = [], [], view.rgb_HW3
    for index, motion in enumerate(clip.motions):
        retargeted = retargeter.retarget(motion, clip.neutral)
        rgb_HW3, alpha_HW = renderer.render(retargeted)
        tears = find_tears(view.geometry, retargeted, alpha_HW)
        folded.append(tears.folded)
        holes.append(tears.holes)
        if index == 0:
            first = rgb_HW3
    row: Row = {
        "clip": clip.name,
        "reference": character.name,
        "folded": max(folded),
        "holes": max(holes),
    }
    return row, first


def _worst(name: str, rows: Sequence[Row]) -> Row:
    if not rows:
        return {"clip": name, "num_pairs": 0, "error": "no picture could be animated"}
    worst = max(rows, key=lambda row: _number(row, "folded") + _number(row, "holes"))
    return {
        "clip": name,
        "num_pairs": len(rows),
        "worst_folded": max(_number(row, "folded") for row in rows),
        "worst_holes": max(_number(row, "holes") for row in rows),
        "worst_picture": worst["reference"],
        "error": None,
    }


def _number(row: Row, key: str) -> float:
    value = row[key]
    assert isinstance(value, float)
    return value


def _mean(rows: Sequence[Row], key: str) -> float | None:
    return float(np.mean([_number(row, key) for row in rows])) if rows else None


def _tile(rgb_HW3: ByteArray) -> ByteArray:
    """Fit into a square tile, centred on black."""
    factor = TILE_PX / max(rgb_HW3.shape[:2])
    size = (max(1, round(rgb_HW3.shape[1] * factor)), max(1, round(rgb_HW3.shape[0] * factor)))
    small = cv2.resize(rgb_HW3, size, interpolation=cv2.INTER_AREA)
    tile = np.zeros((TILE_PX, TILE_PX, 3), np.uint8)
    top, left = (TILE_PX - size[1]) // 2, (TILE_PX - size[0]) // 2
    tile[top : top + size[1], left : left + size[0]] = small
    return tile


def _grid(tiles: Sequence[ByteArray]) -> ByteArray:
    columns = max(1, math.ceil(math.sqrt(1.5 * len(tiles))))
    rows = math.ceil(len(tiles) / columns)
    padded = [*tiles, *[np.zeros_like(tiles[0])] * (rows * columns - len(tiles))]
    return np.vstack(
        [np.hstack(padded[row * columns : (row + 1) * columns]) for row in range(rows)]
    )
