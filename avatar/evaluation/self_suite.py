"""Self-reenactment: a clip's first good frame, driven by the clip's other frames, against them.

Knows one clip at a time and yields its row of the report for one animator after the other; does not
know files or tables. What is true of the clip is measured once. The driver holds still as the
reference before the clip begins, and that is the neutral (see `settling`): equal motion then gives
an equal picture. Beyond that the animator runs as it does live.

Shape legend: H, W pixels; 3 colours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from avatar.character.character import Character
from avatar.character.opening import character_of_canvas
from avatar.evaluation import motion_metrics as motion
from avatar.evaluation import picture_metrics as pictures
from avatar.evaluation.crop_protocol import FaceSeries, PreparedClip
from avatar.evaluation.report import Row
from avatar.evaluation.sheet import ContactSheet
from avatar.frames import ByteArray, DrivingFrame, FaceMotion, Stamp
from avatar.motion.neutral import Neutral
from avatar.motion.settling import held_before, neutral_of
from avatar.motion.topology import (
    FACE_OVAL,
    LEFT_LID_LOWER_CREASE,
    LEFT_LID_UPPER_CREASE,
    LIPS,
    RIGHT_LID_LOWER_CREASE,
    RIGHT_LID_UPPER_CREASE,
)
from avatar.regions import LiveSettings
from avatar.stream.animator import Animator

Frames = Callable[[int, int], Iterator[DrivingFrame]]
OnOutput = Callable[[Stamp, ByteArray], None]
OPEN_MOUTH = 0.08
"""Lip aperture (inter-ocular units) from which a frame counts as one with an open mouth."""
_LEFT_EYE = np.concatenate([LEFT_LID_UPPER_CREASE, LEFT_LID_LOWER_CREASE])
_RIGHT_EYE = np.concatenate([RIGHT_LID_UPPER_CREASE, RIGHT_LID_LOWER_CREASE])


@dataclass(slots=True)
class _Sums:
    """Values per frame under each metric's name."""

    values: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, value: float | None) -> None:
        if value is not None:
            self.values.setdefault(name, []).append(value)

    def mean(self, name: str) -> float | None:
        found = self.values.get(name)
        return float(np.mean(found)) if found else None


class SelfClip:
    """A clip and what is the same for every animator: its character and its true faces."""

    def __init__(self, name: str, character: Character, frames: Frames, reference: int) -> None:
        """`frames(max_frames, stride)` begins anew with every call; `reference` is the number of
        the frame of the clip that became the character."""
        self.name, self.character, self.frames, self.reference = name, character, frames, reference
        self._faces: dict[int, FaceMotion | None] = {}
        self._series = FaceSeries()

    @classmethod
    def of(cls, prepared: PreparedClip) -> SelfClip:
        """A clip of a suite; PictureError where its reference cannot become a character."""
        name = prepared.clip.info.path.name
        character = character_of_canvas(prepared.reference_HW3, name=name)

        def frames(max_frames: int, stride: int) -> Iterator[DrivingFrame]:
            return prepared.frames(max_frames=max_frames, stride=stride)

        return cls(name, character, frames, prepared.reference_index)

    def face(self, truth_HW3: ByteArray, stamp: Stamp) -> FaceMotion | None:
        """The face of a frame; frames come in order, and again for the next animator."""
        if stamp.pts not in self._faces:
            self._faces[stamp.pts] = self._series.add(truth_HW3, stamp.time_s)
        return self._faces[stamp.pts]

    @property
    def reference_HW3(self) -> ByteArray:
        """The picture that the character was made of."""
        return self.character.views[0].rgb_HW3

    @cached_property
    def neutral(self) -> Neutral:
        """The driver at rest: the reference, as a stream sees it."""
        return neutral_of(self.reference_HW3, self.character.views[0].geometry)

    def close(self) -> None:
        """Release the tracker."""
        self._series.close()


def evaluate_self(
    clip: SelfClip,
    animator: Animator,
    *,
    max_frames: int,
    stride: int = 1,
    on_output: OnOutput = lambda stamp, output_HW3: None,
) -> tuple[Row, ContactSheet]:
    """One clip's metrics (null where there is nothing to measure) and its contact sheet.

    `on_output` is shown every output at the size of the metrics.
    """
    character = clip.character
    animator.configure(LiveSettings(is_mirrored=False))
    animator.open(character)
    animator.neutral = clip.neutral
    output_series = FaceSeries()
    truth_faces: list[FaceMotion | None] = []
    sheet = ContactSheet(("truth", "output", "difference"))
    sums = _Sums()
    before: tuple[ByteArray, ByteArray] | None = None
    truth_of: dict[int, ByteArray] = {}
    try:
        for driving in clip.frames(max_frames, stride):
            assert driving.rgb_HW3 is not None
            if not truth_of and before is None:
                for held in held_before(driving, clip.reference_HW3):
                    animator.push(held)
            truth_of[driving.stamp.pts] = driving.rgb_HW3
            for rendered in animator.push(driving):
                # A chunked animator answers late: the stamp says which frame it answers.
                truth_canvas = truth_of.pop(rendered.stamp.pts)
                truth = pictures.to_metric_size(truth_canvas)
                output = pictures.to_metric_size(rendered.rgb_HW3)
                on_output(rendered.stamp, output)
                face = clip.face(truth, rendered.stamp)
                truth_faces.append(face)
                output_series.add(output, rendered.stamp.time_s)
                _compare(sums, truth, output, face)
                if before is not None:
                    sums.add("flicker", pictures.flicker(before[0], truth, before[1], output))
                before = truth, output
                difference = np.abs(truth.astype(np.int16) - output).astype(np.uint8)
                sheet.add(truth, output, difference)
    finally:
        output_series.close()
    return _row(clip, sums, truth_faces, output_series.faces), sheet


def _compare(sums: _Sums, truth: ByteArray, output: ByteArray, face: FaceMotion | None) -> None:
    sums.add("psnr", pictures.psnr_db(truth, output))
    sums.add("ssim", pictures.ssim(truth, output))
    sums.add("l1", pictures.l1(truth, output))
    if face is None:
        return
    hw = (truth.shape[0], truth.shape[1])
    points_N2 = face.landmarks_N3[:, :2]
    for name, indices, margin in (
        ("face_psnr", (FACE_OVAL,), 0.05),
        ("mouth_psnr", (LIPS,), 0.3),
        ("eye_psnr", (_LEFT_EYE, _RIGHT_EYE), 0.2),
    ):
        for part in indices:
            box = pictures.box_of(points_N2[part], hw, margin)
            if box is not None:
                a, b = pictures.cut_box(truth, box), pictures.cut_box(output, box)
                psnr_db = pictures.psnr_db(a, b)
                sums.add(name, psnr_db)
                if name == "mouth_psnr" and face.lip_aperture > OPEN_MOUTH:
                    sums.add("open_mouth_psnr", psnr_db)
    box = pictures.box_of(points_N2[FACE_OVAL], hw, 0.0)
    if box is not None:
        own = pictures.sharpness(truth, box)
        sums.add("sharpness", pictures.sharpness(output, box) / max(own, 1e-3))


def _row(clip: SelfClip, sums: _Sums, truth: motion.Series, output: motion.Series) -> Row:
    for truth_face, output_face in zip(truth, output, strict=True):
        if truth_face is not None and output_face is not None:
            sums.add("landmark_distance", motion.landmark_distance(truth_face, output_face))
    num_truth = sum(face is not None for face in truth)
    num_both = sum(t is not None and o is not None for t, o in zip(truth, output, strict=True))
    per_frame = (
        "psnr",
        "ssim",
        "l1",
        "face_psnr",
        "mouth_psnr",
        "open_mouth_psnr",
        "eye_psnr",
        "landmark_distance",
        "flicker",
        "sharpness",
    )
    return {
        "clip": clip.name,
        "num_frames": len(truth),
        "reference_frame": clip.reference,
        **{metric: sums.mean(metric) for metric in per_frame},
        "mouth_correlation": motion.mouth_correlation(truth, output),
        "mouth_lag_frames": motion.mouth_lag_frames(truth, output),
        "eye_correlation": motion.eye_correlation(truth, output),
        "head_rotation_error_deg": motion.mean_rotation_error_deg(truth, output),
        "jerk_ratio": motion.jerk_ratio(truth, output),
        "face_found_fraction": num_both / num_truth if num_truth else None,
        "error": None,
    }
