"""Real clips become records, drawn exactly as the stream draws them.

A frame of a clip is the reference and the canvas is laid about its face as for a portrait. It is
held before the tracker until that has settled, which is the neutral (`avatar.motion.settling`, as
live and as in the evaluation); the whole clip, cut by the same window, then drives it through the
performer (tracker, smoothing, retargeting) and the warp. Stretches of the answer are kept with the
true frames. References are taken from all over a clip, in calm poses mostly, so that frames lie
near and far in time and pose.

Needs the tracker. Legend: H, W pixels; F frames of a record.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from avatar.character.character import Character, Framing
from avatar.character.finding import FoundFace
from avatar.character.framing import Person, cut, frame_person, picture_hw
from avatar.character.opening import character_of_canvas
from avatar.errors import ClipError, PictureError
from avatar.frames import ByteArray, DrivingFrame, FaceMotion, FloatArray, Tracking
from avatar.model.presets import ModelPreset
from avatar.motion.body_follower import BodyFollower
from avatar.motion.geometry import face_motion
from avatar.motion.rotation import yaw_pitch_roll
from avatar.motion.settling import held_before, neutral_of
from avatar.motion.tracker import FaceTracker
from avatar.regions import LiveSettings
from avatar.stream.clip import Clip
from avatar.stream.neural_inputs import (
    FrameInputs,
    NeuralInputs,
    picture_4HW,
    reference_view,
    stack,
)
from avatar.stream.performer import Performer
from avatar.stream.warp_animator import rig_of
from avatar.training.examples import Example, region_weights
from avatar.training.record import CANVAS_PX, NUM_FRAMES
from avatar.training.records import RecordWriter

_log = logging.getLogger(__name__)

CALM_SHARE = 0.75
"""Part of the references that a user might have chosen: facing the camera, eyes open."""
CALM_TURN_RAD = 0.45
CALM_LIDS = 0.16
NUM_SKIPPED = 4
"""Frames of a clip that only the tracker sees, before the first stretch."""


@dataclass(slots=True)
class _Stretch:
    """Frames of the record being collected."""

    inputs: list[FrameInputs] = field(default_factory=list)
    targets: list[FloatArray] = field(default_factory=list)
    weights: list[FloatArray] = field(default_factory=list)


def record_clip(
    path: Path, writer: RecordWriter, preset: ModelPreset, *, num_references: int, stride: int
) -> int:
    """Write the records of one clip; returns how many there are.

    The person is the file's name up to `--` (see `records`). Every `stride`-th stretch of
    NUM_FRAMES is kept.
    Raises ClipError for a clip that cannot be read or shows no face.
    """
    clip = Clip(path)
    faces = _faces(clip)
    if not any(faces):
        raise ClipError(f"{path}: shows no face.")
    number = 0
    tracker, follower = FaceTracker(), BodyFollower(is_live=False)
    try:
        for index in _references(faces, num_references, path.stem):
            face = faces[index]
            assert face is not None
            try:
                for example in _examples(clip, index, face, preset, (tracker, follower), stride):
                    writer.add(path.stem, number, example)
                    number += 1
            except PictureError as error:
                _log.warning("%s, frame %d: no reference (%s)", path.name, index, error)
    finally:
        tracker.close()
        follower.close()
    return number


def _faces(clip: Clip) -> list[FaceMotion | None]:
    tracker = FaceTracker()
    try:
        found = [
            None if d.rgb_HW3 is None else tracker.track(d.rgb_HW3, d.stamp.time_s)
            for d in clip.frames()
        ]
    finally:
        tracker.close()
    return [None if seen is None else face_motion(seen.landmarks_N3) for seen in found]


def _references(faces: list[FaceMotion | None], count: int, name: str) -> list[int]:
    """Frames to start from: spread over the clip, calm ones mostly."""
    random = np.random.default_rng([len(faces), *name.encode()])
    usable = [k for k, face in enumerate(faces) if face is not None and face.confidence > 0.5]
    calm = [k for k in usable if _is_calm(faces[k])]
    chosen: list[int] = []
    for part in range(count):
        pool = calm if calm and random.uniform() < CALM_SHARE else usable
        # The first is as in use: the first good frame; others from all over the clip.
        slots = np.array_split(np.array(pool), count)[part] if len(pool) >= count else pool
        if part == 0 and calm:
            chosen.append(calm[0])
        elif len(slots):
            chosen.append(int(random.choice(slots)))
    return sorted(set(chosen))


def _is_calm(face: FaceMotion | None) -> bool:
    if face is None:
        return False
    yaw, pitch, _ = yaw_pitch_roll(face.rotation_33)
    is_facing = max(abs(yaw), abs(pitch)) < CALM_TURN_RAD
    return is_facing and float(face.lid_apertures_2.min()) > CALM_LIDS


def _examples(
    clip: Clip,
    index: int,
    face: FaceMotion,
    preset: ModelPreset,
    trackers: tuple[FaceTracker, BodyFollower],
    stride: int,
) -> Iterator[Example]:
    """All kept stretches of a clip as one of its frames answers them."""
    picture = _frame(clip, index)
    found = FoundFace(face)
    person = Person(eyes_middle_2=found.eyes_middle_2, iod_px=found.unit_px)
    hw = (CANVAS_PX, CANVAS_PX)
    crop = frame_person(person, Framing.PORTRAIT, picture_hw(picture), hw)
    character = character_of_canvas(cut(picture, crop, hw), name=clip.info.path.name)
    view = character.views[0]
    tracker, follower = trackers
    performer = Performer(
        view.geometry,
        settings=LiveSettings(is_mirrored=False),
        face_tracker=tracker,
        body_follower=follower,
    )
    performer.reset()
    performer.neutral = neutral_of(view.rgb_HW3, view.geometry)
    door = _door(character, preset)
    size = (preset.picture_px, preset.picture_px)
    shown = _reference(character, preset, size)
    # Some frames run ahead: velocities need one, and from the held reference to the clip's
    # beginning the person has jumped.
    stretch, position = _Stretch(), -1 - NUM_SKIPPED
    number, is_settled = 0, False
    for driving in clip.frames():
        assert driving.rgb_HW3 is not None
        if not is_settled:
            for held in held_before(driving, view.rgb_HW3):
                performer.push(held)
            is_settled = True
        canvas = cut(driving.rgb_HW3, crop, hw)
        motion = performer.push(DrivingFrame(stamp=driving.stamp, rgb_HW3=canvas))
        if motion.tracking is not Tracking.TRACKED:
            stretch, position = _Stretch(), -1
            continue
        if number % stride == 0 and position >= -1:
            inputs = door.frame(motion)
            if position >= 0:
                stretch.inputs.append(inputs)
                stretch.targets.append(_truth(canvas, inputs, size))
                scaled = motion.landmarks_N3 * (size[0] / CANVAS_PX)
                stretch.weights.append(region_weights(scaled.astype(np.float32), size))
        position += 1
        if position == NUM_FRAMES:
            if number % stride == 0:
                yield _joined(stretch, shown)
            stretch, position = _Stretch(), -1
            number += 1
            door.restart()


def _frame(clip: Clip, index: int) -> ByteArray:
    for number, driving in enumerate(clip.frames()):
        if number == index:
            assert driving.rgb_HW3 is not None
            return driving.rgb_HW3
    raise ClipError(f"{clip.info.path}: has no frame {index}.")


def _door(character: Character, preset: ModelPreset) -> NeuralInputs:
    size = (preset.picture_px, preset.picture_px)
    return NeuralInputs(rig_of(character), character.background_HW3, preset, size)


def _reference(character: Character, preset: ModelPreset, size: tuple[int, int]) -> Example:
    view = character.views[0]
    shown = reference_view(view.geometry, view.foreground_HW3, view.alpha_HW, preset, size)
    return {
        "reference": shown.picture_14HW,
        "reference_guidance": shown.guidance_13HW,
        "reference_face": shown.face_1M,
        "reference_seen": np.ones(1, np.float32),
    }


def _truth(canvas_HW3: ByteArray, inputs: FrameInputs, size: tuple[int, int]) -> FloatArray:
    """The true colours; the coverage of a real frame is not known, so the warp's own stands."""
    solid = np.full(canvas_HW3.shape[:2], 255, np.uint8)
    picture = picture_4HW(canvas_HW3, solid, size)
    picture[3] = inputs.warp_4HW[3]
    return picture


def _joined(stretch: _Stretch, reference: Example) -> Example:
    chunk = stack(stretch.inputs)
    return {
        "warp": chunk.warp[0],
        "map": chunk.sampling_map[0],
        "validity": chunk.validity[0],
        "guidance": chunk.guidance[0],
        "face": chunk.face[0],
        "target": np.stack(stretch.targets),
        "weight": np.stack(stretch.weights),
        **reference,
    }
