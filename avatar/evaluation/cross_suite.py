"""Cross-reenactment: a picture of one person, driven by a clip of another; there is no truth.

Compared are motions: what the driver's face does away from its own rest (the clip's reference
frame, see `crop_protocol`) against what the output's face does away from the reference picture's.
And what leaks: the driver's face shape and bone lengths have no business in the output.

Knows one clip and one character at a time. Shape legend: H, W pixels; 3 colours.
"""

from __future__ import annotations

import numpy as np

from avatar.character.character import Character
from avatar.errors import PictureError, PictureReason
from avatar.evaluation import motion_metrics as motion
from avatar.evaluation.crop_protocol import FaceSeries, PreparedClip
from avatar.evaluation.picture_metrics import sharpness
from avatar.evaluation.report import Row
from avatar.evaluation.sheet import ContactSheet
from avatar.frames import BodyMotion, ByteArray
from avatar.motion.geometry import face_motion
from avatar.motion.tracker import locate_face
from avatar.motion.tracker_body import locate_body
from avatar.regions import LiveSettings
from avatar.stream.animator import Animator

_SHOULDERS = [11, 12]
_SEEN = 0.6


def evaluate_cross(
    prepared: PreparedClip,
    character: Character,
    animator: Animator,
    *,
    max_frames: int,
    stride: int,
) -> tuple[Row, ContactSheet]:
    """One pair's metrics (null where there is nothing to measure) and its contact sheet.

    Raises PictureError where the character's own picture shows the tracker no face.
    """
    reference = character.views[0]
    reference_seen = locate_face(reference.rgb_HW3)
    driver_seen = locate_face(prepared.reference_HW3)
    if reference_seen is None or driver_seen is None:
        what = character.name if reference_seen is None else prepared.clip.info.path.name
        raise PictureError(PictureReason.NO_FACE, f"No face is seen on the canvas of {what}.")
    reference_face = face_motion(reference_seen.landmarks_N3)
    driver_face = face_motion(driver_seen.landmarks_N3)
    animator.configure(LiveSettings(is_mirrored=False))
    animator.open(character)
    animator.neutral = None
    animator.reset()
    driving_series, output_series = FaceSeries(), FaceSeries()
    sheet = ContactSheet(("driving", "output"))
    driving_of: dict[int, ByteArray] = {}
    sharp: list[float] = []
    last_output = reference.rgb_HW3
    try:
        for driving in prepared.frames(max_frames=max_frames, stride=stride):
            assert driving.rgb_HW3 is not None
            driving_of[driving.stamp.pts] = driving.rgb_HW3
            for rendered in animator.push(driving):
                picture = driving_of.pop(rendered.stamp.pts)
                driving_series.add(picture, rendered.stamp.time_s)
                output_series.add(rendered.rgb_HW3, rendered.stamp.time_s)
                sharp.append(sharpness(rendered.rgb_HW3))
                sheet.add(picture, rendered.rgb_HW3)
                last_output = rendered.rgb_HW3
    finally:
        driving_series.close()
        output_series.close()
    driving_faces, output_faces = driving_series.faces, output_series.faces
    rests = driver_face.shape_N3, reference_face.shape_N3
    num_driving = sum(face is not None for face in driving_faces)
    num_both = sum(
        d is not None and o is not None for d, o in zip(driving_faces, output_faces, strict=True)
    )
    return {
        "clip": prepared.clip.info.path.name,
        "reference": character.name,
        "num_frames": len(output_faces),
        "expression_error": motion.expression_error(driving_faces, output_faces, *rests),
        "mouth_correlation": motion.mouth_correlation(driving_faces, output_faces),
        "eye_correlation": motion.eye_correlation(driving_faces, output_faces),
        "head_rotation_error_deg": motion.relative_rotation_error_deg(
            driving_faces, output_faces, driver_face.rotation_33, reference_face.rotation_33
        ),
        "jerk_ratio": motion.jerk_ratio(driving_faces, output_faces),
        "face_shape_leak": motion.shape_leak(driving_faces, output_faces, *rests),
        "bone_leak": _shoulder_leak(reference.rgb_HW3, prepared.reference_HW3, last_output),
        "sharpness": float(np.mean(sharp)) / max(sharpness(reference.rgb_HW3), 1e-3)
        if sharp
        else None,
        "face_found_fraction": num_both / num_driving if num_driving else None,
        "error": None,
    }, sheet


def _shoulder_leak(reference: ByteArray, driving: ByteArray, output: ByteArray) -> float | None:
    """Leak of the shoulders' width; None where not all three pictures show both shoulders."""
    widths = [_shoulder_width(picture) for picture in (reference, driving, output)]
    if any(width is None for width in widths):
        return None
    known = [width for width in widths if width is not None]
    return motion.bone_leak(known[0], known[1], known[2])


def _shoulder_width(rgb_HW3: ByteArray) -> float | None:
    """In sizes of the head (inter-ocular units)."""
    body: BodyMotion | None = locate_body(rgb_HW3).body
    face = locate_face(rgb_HW3)
    if body is None or face is None or float(body.visibility_J[_SHOULDERS].min()) < _SEEN:
        return None
    left, right = body.joints_J3[_SHOULDERS, :2]
    return float(np.linalg.norm(left - right)) / face_motion(face.landmarks_N3).scale
