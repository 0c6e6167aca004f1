"""Faces and bodies in a still picture, and which of several is meant.

Knows what the tracker sees in one picture; does not know framing or time. Shape legend:
N landmarks; J joints; H, W pixels; 3 colours; 2, 3 components of a point.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from avatar.frames import BodyMotion, ByteArray, FaceMotion, FloatArray
from avatar.motion.geometry import face_motion, inter_ocular_px
from avatar.motion.rotation import yaw_pitch_roll
from avatar.motion.topology import CHIN, EYE_CORNERS, FOREHEAD_TOP, NOSE_TIP
from avatar.motion.tracker import locate_faces
from avatar.motion.tracker_body import locate_body

_FACE_HEIGHT_IOD = 2.3
"""Forehead to chin; drawings with large eyes have less, and their unit is reduced to match."""
_NOSE_JOINT = 0
_CENTRE_BONUS = 0.6
"""How much less a face at the picture's rim counts than one of the same size in the middle."""


@dataclass(frozen=True, slots=True)
class FoundFace:
    """One face in picture pixels."""

    motion: FaceMotion

    @property
    def iod_px(self) -> float:
        """Distance between the eyes' centres."""
        return inter_ocular_px(self.motion.landmarks_N3)

    @property
    def unit_px(self) -> float:
        """What that distance would be in a natural face of this height, if less."""
        landmarks_N3 = self.motion.landmarks_N3
        height = float(np.linalg.norm(landmarks_N3[FOREHEAD_TOP] - landmarks_N3[CHIN]))
        return min(self.iod_px, height / _FACE_HEIGHT_IOD)

    @property
    def eyes_middle_2(self) -> FloatArray:
        """The point between the eyes."""
        return np.asarray(self.motion.landmarks_N3[EYE_CORNERS, :2].mean(axis=0), np.float32)

    @property
    def chin_2(self) -> FloatArray:
        """The chin's lowest landmark."""
        return self.motion.landmarks_N3[CHIN, :2]


def find_faces(rgb_HW3: ByteArray) -> list[FoundFace]:
    """All faces, in no particular order; the tracker has looked at each twice."""
    return [FoundFace(face_motion(seen.landmarks_N3)) for seen in locate_faces(rgb_HW3)]


def main_face(faces: Sequence[FoundFace], picture_hw: tuple[int, int]) -> FoundFace:
    """The face that the picture is about: large, central and looking at us."""
    middle = np.array([picture_hw[1] / 2, picture_hw[0] / 2])
    reach = float(np.linalg.norm(middle))

    def weight(face: FoundFace) -> float:
        off_centre = float(np.linalg.norm(face.eyes_middle_2 - middle)) / reach
        yaw, _, _ = yaw_pitch_roll(face.motion.rotation_33)
        turned = 1.0 - 0.4 * min(abs(yaw), 1.0)
        return face.iod_px * turned * (1.0 - _CENTRE_BONUS * min(off_centre, 1.0) ** 2)

    return max(faces, key=weight)


def find_body(rgb_HW3: ByteArray, face: FoundFace) -> BodyMotion | None:
    """The body that carries this face; None where none is seen."""
    body = locate_body(rgb_HW3).body
    if body is not None and _carries(body, face):
        return body
    # Somebody else's: look again where this one's must be.
    unit = face.unit_px
    rows, columns = rgb_HW3.shape[:2]
    x, y = (float(value) for value in face.eyes_middle_2)
    left, right = max(0, round(x - 7 * unit)), min(columns, round(x + 7 * unit))
    top, bottom = max(0, round(y - 4 * unit)), min(rows, round(y + 24 * unit))
    body = locate_body(np.ascontiguousarray(rgb_HW3[top:bottom, left:right])).body
    if body is None:
        return None
    offset_3 = np.array([left, top, 0.0], np.float32)
    body = BodyMotion(joints_J3=body.joints_J3 + offset_3, visibility_J=body.visibility_J)
    return body if _carries(body, face) else None


def _carries(body: BodyMotion, face: FoundFace) -> bool:
    """Whether the body's nose lies on the face's."""
    distance = np.linalg.norm(
        body.joints_J3[_NOSE_JOINT, :2] - face.motion.landmarks_N3[NOSE_TIP, :2]
    )
    return float(distance) < face.iod_px
