"""People that the project renders and never trains on: the truth is exact, flow and other face too.

Two passes over each clip. In the first the clip drives its own first reference, as in
`self_suite`. In the second another person's face makes the same motion (landmarks only, exactly
known), so that what the output should look like is known in spite of the foreign driver: how far
its face is the driver's is the leak.

Knows one rendered clip at a time. Legend: F frames; N landmarks; H, W pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np

from avatar.character.opening import character_of_canvas
from avatar.data.clip_file import Clip
from avatar.evaluation import motion_metrics as motion
from avatar.evaluation.crop_protocol import FaceSeries
from avatar.evaluation.picture_metrics import psnr_db
from avatar.evaluation.report import Row
from avatar.evaluation.self_suite import SelfClip, evaluate_self
from avatar.evaluation.sheet import ContactSheet
from avatar.evaluation.temporal import Mask, change_along, flow_to_before
from avatar.frames import ByteArray, DrivingFrame, FloatArray, Stamp
from avatar.motion.double import face_of_double
from avatar.motion.geometry import face_motion
from avatar.motion.neutral import Neutral
from avatar.motion.tracker import FaceObservation
from avatar.regions import LiveSettings
from avatar.stream.animator import Animator

FPS = 25
PICTURE_COLUMNS = (
    "psnr",
    "ssim",
    "face_psnr",
    "mouth_psnr",
    "open_mouth_psnr",
    "eye_psnr",
    "landmark_distance",
)
"""What every table of pictures beside their truth says, in this order."""
RENDERED_COLUMNS = (
    "clip",
    "look",
    *PICTURE_COLUMNS,
    "temporal_error_ratio",
    "cross_psnr",
    "face_shape_leak",
    "sharpness",
)


class KnownFaces:
    """A face tracker that is told what it sees."""

    num_faces, num_lost, num_reacquired = 1, 0, 0

    def __init__(self) -> None:
        self.landmarks_N3: FloatArray | None = None

    def track(self, rgb_HW3: ByteArray, time_s: float) -> FaceObservation | None:
        """The face that was set last."""
        if self.landmarks_N3 is None:
            return None
        size = self.landmarks_N3[:468, :2].max(0) - self.landmarks_N3[:468, :2].min(0)
        return FaceObservation(self.landmarks_N3, float(size.max()), 1.0)

    def reset(self) -> None:
        """Forget the face."""
        self.landmarks_N3 = None

    def close(self) -> None:
        """There is nothing to release."""


class RenderedClip:
    """A rendered clip and what is the same for every animator."""

    def __init__(self, clip: Clip) -> None:
        """Raises PictureError where the tracker finds no face in the reference."""
        self.clip = clip
        name = f"rendered_{clip.seed}"
        views = [character_of_canvas(rgb, name=name) for rgb in clip.reference_rgb_RHW3]
        character = replace(views[0], views=tuple(view.views[0] for view in views))
        self.as_self = SelfClip(name, character, self._frames, 0)
        self._flows = [self._flow(index) for index in range(1, len(clip.rgb_FHW3))]
        self._truth_change = self._change(list(clip.rgb_FHW3))

    def close(self) -> None:
        """Release the tracker."""
        self.as_self.close()

    def _frames(self, max_frames: int, stride: int) -> Iterator[DrivingFrame]:
        for index in range(0, len(self.clip.rgb_FHW3), stride)[:max_frames]:
            yield self.driving(index)

    def driving(self, index: int) -> DrivingFrame:
        """A frame as a camera picture."""
        picture = np.ascontiguousarray(self.clip.rgb_FHW3[index])
        return DrivingFrame(Stamp(index, Fraction(1, FPS), index / FPS), picture)

    def _flow(self, index: int) -> tuple[FloatArray, Mask]:
        flow, seen = self.clip.flow_FHW2, self.clip.visibility_FHW > 0
        return flow_to_before(
            flow[index].astype(np.float32),
            seen[index],
            flow[index - 1].astype(np.float32),
            seen[index - 1],
        )

    def _change(self, pictures: list[ByteArray | None]) -> float | None:
        """Mean change along the true flow over all neighbours that are both there."""
        changes = [
            change_along(now, before, *flow)
            for (before, now), flow in zip(pairwise(pictures), self._flows, strict=True)
            if before is not None and now is not None
        ]
        known = [change for change in changes if change is not None]
        return float(np.mean(known)) if known else None

    def temporal_error_ratio(self, pictures: list[ByteArray | None]) -> float | None:
        """The output's change along the true flow over the truth's own."""
        change = self._change(pictures)
        if change is None or not self._truth_change:
            return None
        return change / self._truth_change


def evaluate_rendered(
    rendered: RenderedClip, animator: Animator, foreign: Animator, faces: KnownFaces
) -> tuple[Row, ContactSheet]:
    """A clip's metrics and contact sheet; `foreign` is a second animator that `faces` drives."""
    clip = rendered.clip
    pictures: list[ByteArray | None] = [None] * len(clip.rgb_FHW3)

    def keep(stamp: Stamp, output_HW3: ByteArray) -> None:
        pictures[stamp.pts] = output_HW3

    row, sheet = evaluate_self(rendered.as_self, animator, max_frames=len(pictures), on_output=keep)
    return {
        **row,
        "look": clip.look,
        "seed": clip.seed,
        "temporal_error_ratio": rendered.temporal_error_ratio(pictures),
        **_cross(rendered, foreign, faces),
    }, sheet


def _cross(rendered: RenderedClip, animator: Animator, faces: KnownFaces) -> Row:
    clip, character = rendered.clip, rendered.as_self.character
    picture_hw = (clip.rgb_FHW3.shape[1], clip.rgb_FHW3.shape[2])
    animator.configure(LiveSettings(is_mirrored=False))
    animator.open(character)
    driver = [face_motion(points) for points in clip.driver_landmarks_FN3]
    own = [face_motion(points) for points in clip.landmarks_FN3]
    reference = face_motion(clip.reference_landmarks_RN3[0])
    animator.neutral = Neutral.of_face(face_of_double(reference, own, driver), picture_hw)
    outputs, truths = FaceSeries(), FaceSeries()
    psnrs: list[float] = []
    try:
        for index in range(len(clip.rgb_FHW3)):
            faces.landmarks_N3 = clip.driver_landmarks_FN3[index]
            for frame in animator.push(rendered.driving(index)):
                truth = clip.rgb_FHW3[frame.stamp.pts]
                psnrs.append(psnr_db(truth, frame.rgb_HW3))
                truths.add(truth, frame.stamp.time_s)
                outputs.add(frame.rgb_HW3, frame.stamp.time_s)
    finally:
        outputs.close()
        truths.close()
    return {
        "cross_psnr": float(np.mean(psnrs)) if psnrs else None,
        "face_shape_leak": motion.exact_shape_leak(truths.faces, outputs.faces, own, driver),
    }
