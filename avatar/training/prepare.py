"""Real clips and stills become shards: tracked, cut out and framed here, trained on elsewhere.

    python -m avatar train prepare --clips FOLDER --description "..." --output runs/shards
    python -m avatar train prepare --stills FOLDER --description "..." --output runs/shards

Needs the tracker, so it runs on an ordinary machine; the shards go to the machine that trains. Use
only media whose licence permits training. A clip is one person; its name (the file's, without what
follows `--` in it) says who, so that two clips of a person are held out together.

A still becomes a clip by moving: the photograph warped to another pose is the REFERENCE, and the
untouched photograph is the target, so that no warping artefact is ever a thing to imitate.
"""

from __future__ import annotations

import argparse
import logging
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from avatar.character.character import Character
from avatar.character.layers import estimate_foreground
from avatar.character.opening import character_of_canvas, open_character
from avatar.errors import ClipError, LiveactorError
from avatar.frames import ByteArray, FloatArray
from avatar.motion.geometry import face_motion, place_head, reference_geometry
from avatar.motion.rotation import from_yaw_pitch_roll
from avatar.motion.tracker import FaceTracker
from avatar.motion.tracker_matte import segment_person
from avatar.stream.clip import Clip
from avatar.stream.neural_inputs import at_rest
from avatar.training.people import PersonClip, ReferencePicture
from avatar.training.shards import ShardWriter
from avatar.warp.renderer import WarpRenderer
from avatar.warp.rig import build_rig

_log = logging.getLogger(__name__)

SIZE_PX = 256
NUM_FRAMES = 24
"""Frames per shard clip: a second of motion."""
MIN_FRAMES = 8
"""Shorter stretches are left out."""
NUM_CLIPS = 6
"""At most so many stretches of one recording: people count, not frames."""
FACE_SHARE = 0.42
"""Height of the face's landmarks in the frame."""
MAX_TURN_RAD = 0.45
NUM_POSES = 4
"""Warped references per still."""
STILL_FRAMES = 2
PICTURES = (".jpg", ".jpeg", ".png", ".webp")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `python -m avatar train prepare`."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--clips", type=Path, help="folder of clips, one person each")
    source.add_argument("--stills", type=Path, help="folder of portraits")
    parser.add_argument("--output", type=Path, required=True, help="folder for the shards")
    parser.add_argument(
        "--description", required=True, help="what the media are and under which licence"
    )


def run(arguments: argparse.Namespace) -> int:
    """Prepare a folder; what cannot be used is named and left out."""
    folder: Path = arguments.clips or arguments.stills
    make = clips_of if arguments.clips else poses_of
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    if not paths:
        raise ClipError(f"{folder}: holds no files.")
    writer = ShardWriter(arguments.output, arguments.description)
    num_written = 0
    for path in tqdm(paths, desc="prepare", unit="file"):
        try:
            for clip in make(path):
                writer.add(clip)
                num_written += 1
        except LiveactorError as error:
            _log.warning("%s is left out: %s", path.name, error)
    writer.close()
    print(f"{num_written} clips written to {arguments.output}")
    return 0


def person_of(path: Path) -> str:
    """Who a file shows, by its name."""
    return path.stem.split("--")[0]


# -- clips


def clips_of(path: Path) -> Iterator[PersonClip]:
    """Stretches of one recording, framed about the face's place over the whole stretch."""
    frames: list[ByteArray] = []
    landmarks: list[FloatArray] = []
    num_made = 0
    tracker = FaceTracker()
    try:
        for driving in Clip(path).frames():
            assert driving.rgb_HW3 is not None
            seen = tracker.track(driving.rgb_HW3, driving.stamp.time_s)
            if seen is not None:
                frames.append(driving.rgb_HW3)
                landmarks.append(seen.landmarks_N3)
            # A stretch has no gaps: it ends where the face is lost.
            if len(frames) == NUM_FRAMES or (seen is None and frames):
                if len(frames) >= MIN_FRAMES:
                    yield _stretch(path, frames, landmarks)
                    num_made += 1
                frames, landmarks = [], []
                if num_made == NUM_CLIPS:
                    return
        if len(frames) >= MIN_FRAMES:
            yield _stretch(path, frames, landmarks)
            num_made += 1
    finally:
        tracker.close()
    if num_made == 0:
        raise ClipError(f"{path}: holds no {MIN_FRAMES} consecutive frames with a face.")


def _stretch(path: Path, frames: list[ByteArray], landmarks: list[FloatArray]) -> PersonClip:
    points_FN3 = np.stack(landmarks)
    rows, columns = frames[0].shape[:2]
    left, top, side = _square(points_FN3, (rows, columns))
    factor = SIZE_PX / side
    cut = np.stack([_cut(frame, left, top, side) for frame in frames])
    points_FN3 = (points_FN3 - np.array([left, top, 0.0])) * factor
    # The calmest frame is the reference, the most different one a second view of the person.
    calm = int(np.argmin([_strangeness(points) for points in points_FN3]))
    far = int(np.argmax(np.abs(points_FN3 - points_FN3[calm]).mean((1, 2))))
    character = character_of_canvas(cut[calm], name=person_of(path))
    alpha = np.stack([np.rint(255 * segment_person(frame)).astype(np.uint8) for frame in cut])
    return PersonClip(
        person_of(path),
        (_view(character), _picture(cut[far], alpha[far], points_FN3[far])),
        character.background_HW3,
        cut,
        alpha,
        points_FN3.astype(np.float32),
    )


def _square(points_FN3: FloatArray, picture_hw: tuple[int, int]) -> tuple[float, float, float]:
    """Left, top and side of the square that shows head and shoulders in every frame.

    It stays inside the picture: edges drawn out beyond it would be learned as clothes and hair.
    """
    low, high = points_FN3[..., :2].min((0, 1)), points_FN3[..., :2].max((0, 1))
    height = float(np.ptp(points_FN3[..., 1], axis=1).mean())
    side = max(height / FACE_SHARE, 1.15 * float((high - low).max()))
    rows, columns = picture_hw
    side = min(side, float(rows), float(columns))
    x, y = ((low + high) / 2).tolist()
    left = min(max(x - side / 2, 0.0), columns - side)
    top = min(max(y - 0.46 * side, 0.0), rows - side)
    return left, top, side


def _cut(frame: ByteArray, left: float, top: float, side: float) -> ByteArray:
    """The square as SIZE_PX pixels."""
    factor = SIZE_PX / side
    matrix = np.array([[factor, 0, -left * factor], [0, factor, -top * factor]], np.float64)
    flags = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    blurred = cv2.GaussianBlur(frame, (0, 0), 0.4 / factor) if factor < 0.7 else frame
    cut = cv2.warpAffine(
        blurred, matrix, (SIZE_PX, SIZE_PX), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(cut, np.uint8)


def _strangeness(points_N3: FloatArray) -> float:
    face = face_motion(points_N3)
    turned = np.arccos(np.clip((np.trace(face.rotation_33) - 1) / 2, -1, 1))
    return float(turned + 2.0 * face.lip_aperture + max(0.0, 0.25 - face.lid_apertures_2.min()))


# -- stills


def poses_of(path: Path) -> Iterator[PersonClip]:
    """The photograph as target, itself warped to other poses as reference."""
    if path.suffix.lower() not in PICTURES:
        raise ClipError(f"{path}: is not a picture ({', '.join(PICTURES)}).")
    character = open_character([path], size_px=SIZE_PX)
    if character.canvas_hw != (SIZE_PX, SIZE_PX):
        raise ClipError(f"{path}: shows a full body; portraits and half bodies are used so far.")
    view = character.views[0]
    rig = build_rig(view.geometry, view.foreground_HW3, view.alpha_HW)
    renderer = WarpRenderer(rig, character.background_HW3)
    random = np.random.default_rng(zlib.crc32(path.name.encode()))
    rest = at_rest(view.geometry)
    for _ in range(NUM_POSES):
        yaw, pitch, roll = random.uniform(-1, 1, 3) * (MAX_TURN_RAD, 0.25, 0.2)
        turn = from_yaw_pitch_roll(float(yaw), float(pitch), float(roll))
        rotation = (turn @ view.geometry.rotation_33).astype(np.float32)
        shift = random.uniform(-0.05, 0.05, 2) * SIZE_PX
        centre = (view.geometry.translation_2 + shift).astype(np.float32)
        placed = place_head(view.geometry.shape_N3, rotation, centre, view.geometry.scale)
        moved = replace(rest, rotation_33=rotation, translation_2=centre, landmarks_N3=placed)
        rgb, alpha = renderer.render(moved)
        yield PersonClip(
            person_of(path),
            (_picture(rgb, alpha, placed),),  # never the photograph itself: it is the answer
            character.background_HW3,
            np.stack([view.rgb_HW3] * STILL_FRAMES),
            np.stack([view.alpha_HW] * STILL_FRAMES),
            np.stack([view.geometry.landmarks_N3] * STILL_FRAMES),
        )


def _view(character: Character) -> ReferencePicture:
    view = character.views[0]
    return ReferencePicture(view.foreground_HW3, view.alpha_HW, view.geometry)


def _picture(rgb_HW3: ByteArray, alpha_HW: ByteArray, points_N3: FloatArray) -> ReferencePicture:
    coverage = alpha_HW.astype(np.float32) / np.float32(255.0)
    return ReferencePicture(
        estimate_foreground(rgb_HW3, coverage),
        alpha_HW,
        reference_geometry(points_N3.astype(np.float32), (SIZE_PX, SIZE_PX)),
    )
