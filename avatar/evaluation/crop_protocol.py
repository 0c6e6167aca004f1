"""The fixed crop of every evaluated clip, the same for every animator.

1. The reference is the first good frame: a face turned less than 30 degrees, eyes open; where a
   clip has none within its first SEARCH_FRAMES, the most frontal of them.
2. A square window is laid about that face as the product frames portraits (6.4 inter-ocular
   distances wide, eyes at 43 % of its height, inside the picture where that is possible). It then
   stands still: every frame is cut by the same window to CANVAS_PX, edges continued.
3. The cut frames are the driving pictures and, in self-reenactment, the truth.

Knows clips and faces; does not know animators or metrics. Shape legend: H, W pixels; 3 colours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from avatar.character.character import Framing
from avatar.character.finding import FoundFace
from avatar.character.framing import Crop, Person, cut, frame_person, picture_hw
from avatar.frames import ByteArray, DrivingFrame, FaceMotion
from avatar.motion.geometry import face_motion
from avatar.motion.rotation import yaw_pitch_roll
from avatar.motion.tracker import FaceTracker
from avatar.stream.clip import Clip

CANVAS_PX = 512
SEARCH_FRAMES = 90
_MAX_TURN_RAD = 0.52
_OPEN_LIDS = 0.16


@dataclass(frozen=True, slots=True)
class PreparedClip:
    """A clip with its crop chosen."""

    clip: Clip
    crop: Crop
    reference_index: int
    """Which frame of the clip is the reference."""
    reference_HW3: ByteArray
    """That frame on the canvas."""

    def frames(self, *, max_frames: int, stride: int) -> Iterator[DrivingFrame]:
        """Canvas frames from the reference on."""
        every = islice(self.clip.frames(), self.reference_index, None, stride)
        for driving in islice(every, max_frames):
            assert driving.rgb_HW3 is not None
            canvas = cut(driving.rgb_HW3, self.crop, (CANVAS_PX, CANVAS_PX))
            yield DrivingFrame(stamp=driving.stamp, rgb_HW3=canvas)


def prepare_clip(path: Path) -> PreparedClip | None:
    """Choose reference and crop; None where no face is found. Raises ClipError."""
    clip = Clip(path)
    found: tuple[int, ByteArray, FaceMotion] | None = None
    tracker = FaceTracker()
    try:
        for index, driving in enumerate(islice(clip.frames(), SEARCH_FRAMES)):
            assert driving.rgb_HW3 is not None
            seen = tracker.track(driving.rgb_HW3, driving.stamp.time_s)
            if seen is None:
                continue
            motion = face_motion(seen.landmarks_N3)
            if found is None or _is_good(motion) or _turn(motion) < _turn(found[2]):
                found = index, driving.rgb_HW3, motion
            if _is_good(motion):
                break
    finally:
        tracker.close()
    if found is None:
        return None
    index, rgb_HW3, motion = found
    face = FoundFace(motion)
    person = Person(eyes_middle_2=face.eyes_middle_2, iod_px=face.unit_px)
    hw = (CANVAS_PX, CANVAS_PX)
    crop = frame_person(person, Framing.PORTRAIT, picture_hw(rgb_HW3), hw)
    return PreparedClip(clip, crop, index, cut(rgb_HW3, crop, hw))


def _turn(face: FaceMotion) -> float:
    """The larger of a head's yaw and pitch, radians."""
    yaw, pitch, _ = yaw_pitch_roll(face.rotation_33)
    return max(abs(yaw), abs(pitch))


def _is_good(face: FaceMotion) -> bool:
    return (
        _turn(face) < _MAX_TURN_RAD
        and float(np.min(face.lid_apertures_2)) > _OPEN_LIDS
        and face.confidence > 0.5
    )


class FaceSeries:
    """Measures the face of one stream of pictures, one after the other."""

    def __init__(self) -> None:
        self._tracker = FaceTracker()
        self.faces: list[FaceMotion | None] = []

    def add(self, rgb_HW3: ByteArray, time_s: float) -> FaceMotion | None:
        """Measure the next picture."""
        seen = self._tracker.track(rgb_HW3, time_s)
        face = None if seen is None else face_motion(seen.landmarks_N3)
        self.faces.append(face)
        return face

    def close(self) -> None:
        """Release the tracker."""
        self._tracker.close()
