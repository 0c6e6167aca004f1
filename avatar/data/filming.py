"""A prepared person acts in front of a camera: pictures and every label become a `Clip`.

Knows the order of shooting and which label comes from where; chooses nothing.

Shape legend: as in avatar.data.clip_file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avatar.data.camera import Camera
from avatar.data.clip_file import Clip
from avatar.data.face_traits import face_traits
from avatar.data.head import identity_shape, pose_face
from avatar.data.joints import Frame, frame_around, frame_of, joints_of
from avatar.data.labels import flow_to, head_pose, head_rotation, regions
from avatar.data.landmark_map import rest_landmarks, with_irises
from avatar.data.light import LightStyle
from avatar.data.people import random_person
from avatar.data.person import Person
from avatar.data.posing import Mover, Pose
from avatar.data.render import Quality
from avatar.data.shot import Set, shoot
from avatar.data.tracker_bias import bias_at

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

HEAD_CENTRE = np.array([0.0, 2.0, 2.0], np.float32)


@dataclass(frozen=True, slots=True)
class Driver:
    """Another person, as far as a tracker would know it."""

    shape_V3: Floats
    frame: Frame


def driver_of(seed: int) -> Driver:
    """Somebody else for the clip of a seed."""
    style = random_person(seed + 7_000_003)
    return Driver(identity_shape(np.array(style.identity, np.float32)), frame_of(style.build))


def table_landmarks(
    shape_V3: Floats, person: Person | None, pose: Pose, camera: Camera
) -> tuple[Floats, float]:
    """(478, 3) landmarks by the table in pixels, and the inter-ocular distance facing the camera.

    z is in the same unit, smaller is nearer, 0 at the head centre.
    """
    rest, eyes = rest_landmarks(shape_V3, pose.expression_E, pose.gaze_22)
    proportions = None if person is None else person.style.proportions
    mover = Mover(pose, proportions, eyes.centre_23)
    growth = 1.0 if proportions is None else proportions.eye_growth(eyes.radius)
    points = with_irises(
        mover.points(rest),
        mover.points(eyes.centre_23),
        mover.directions(eyes.axis_23, eyes.centre_23),
        growth,
    )
    screen = camera.project(points)
    centre = camera.to_camera(mover.points(HEAD_CENTRE[None]))[0, 2]
    depth = (1.0 / screen[:, 2] - centre) * camera.focal_px / centre
    between = mover.points(eyes.centre_23)
    near = float(camera.project(between)[:, 2].mean())
    scale = camera.focal_px * near * float(np.linalg.norm(between[0] - between[1]))
    return np.concatenate([screen[:, :2], depth[:, None]], -1).astype(np.float32), scale


def head_to_camera(pose: Pose, camera: Camera) -> Floats:
    """Rotation of a head in a picture, as in `avatar.data.labels.HeadPose`."""
    turn = _rotation(pose.root_rotvec_3) @ _rotation(pose.head_rotvec_3)
    return head_rotation(turn, camera)


def traits_of(
    shape_V3: Floats,
    person: Person | None,
    pose: Pose,
    camera: Camera,
    scale_px: float,
    light: LightStyle | None = None,
) -> Floats:
    """Traits of a face whose inter-ocular distance is `scale_px` (a driver has no beard)."""
    beard = None if person is None else person.style.beard
    return face_traits(shape_V3, pose.expression_E, beard, scale_px / camera.focal_px, light)


def pose_landmarks(
    shape_V3: Floats,
    person: Person | None,
    pose: Pose,
    camera: Camera,
    light: LightStyle | None = None,
) -> Floats:
    """(478, 3) landmarks as the tracker would find them: the table's and the tracker's bias."""
    landmarks, scale = table_landmarks(shape_V3, person, pose, camera)
    traits = traits_of(shape_V3, person, pose, camera, scale, light)
    landmarks[:, :2] += bias_at(head_to_camera(pose, camera), scale, traits)
    return landmarks


def _rotation(rotvec: Floats) -> Floats:
    angle = float(np.linalg.norm(rotvec))
    if angle < 1e-7:
        return np.eye(3, dtype=np.float32)
    x, y, z = rotvec / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    out = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return out.astype(np.float32)


def _bytes(picture_HW3: Floats) -> Bytes:
    return (picture_HW3 * 255 + 0.5).astype(np.uint8)


def film(
    made: Set,
    camera: Camera,
    references: Sequence[Pose],
    poses: Sequence[Pose],
    driver: Driver,
    quality: Quality,
    seed: int,
    *,
    backgrounds: Sequence[Floats] = (),
) -> Clip:
    """Take all pictures of a clip; `backgrounds` are given where the background moves."""
    person = made.person
    proportions = person.style.proportions
    light = made.situation.light
    ref_rgb, ref_alpha, ref_landmarks = [], [], []
    first = None
    for pose in references:
        shot = shoot(made, pose, camera, quality)
        if first is None:
            first = shot.view
        ref_rgb.append(shot.rgb_HW3)
        ref_alpha.append(shot.alpha_HW)
        ref_landmarks.append(pose_landmarks(person.shape_V3, person, pose, camera, light))
    assert first is not None, "a clip has at least one reference"

    if person.dressed is not None:
        frame = frame_around(person.dressed.skeleton, person.dressed.seat)
    else:
        frame = frame_of(person.style.build)
    _, eyes = pose_face(person.shape_V3, references[0].expression_E, references[0].gaze_22)
    iod = float(np.linalg.norm(eyes.centre_23[0] - eyes.centre_23[1]))
    rows: dict[str, list[Any]] = {}
    lengths = np.zeros(0, np.float32)
    for k, pose in enumerate(poses):
        behind = backgrounds[k] if backgrounds else None
        shot = shoot(made, pose, camera, quality, background_HW3=behind)
        flow, seen = flow_to(shot.view, first)
        mover = Mover(pose, proportions, eyes.centre_23)
        turn = _rotation(pose.root_rotvec_3) @ _rotation(pose.head_rotvec_3)
        head = head_pose(turn, mover.points(HEAD_CENTRE[None])[0], iod, camera)
        landmarks = pose_landmarks(person.shape_V3, person, pose, camera, light)
        joints = joints_of(frame, mover, landmarks, shot.view)
        lengths = joints.bone_lengths_B
        joints_seen, hands_seen = joints.body_seen_J, joints.hands_seen_2K
        if person.dressed is None:  # a photograph says nothing of the body below the neck
            joints_seen = np.where(np.arange(len(joints_seen)) < 11, joints_seen, 0)
            hands_seen = np.zeros_like(hands_seen)
        driver_landmarks = pose_landmarks(driver.shape_V3, None, pose, camera)
        driver_mover = Mover(pose, None, eyes.centre_23)
        other = joints_of(driver.frame, driver_mover, driver_landmarks, shot.view)
        for name, value in (
            ("rgb_FHW3", shot.rgb_HW3),
            ("alpha_FHW", shot.alpha_HW),
            ("flow_FHW2", flow.astype(np.float16)),
            ("visibility_FHW", seen),
            ("regions_FHW", regions(shot.view)),
            ("landmarks_FN3", landmarks),
            ("driver_landmarks_FN3", driver_landmarks),
            ("rotation_F33", head.rotation_33),
            ("translation_F2", head.translation_2),
            ("scale_F", np.float32(head.scale)),
            ("expression_FE", pose.expression_E),
            ("gaze_F22", pose.gaze_22),
            ("joints_FJ3", joints.body_J3),
            ("joints_seen_FJ", joints_seen),
            ("hands_F2K3", joints.hands_2K3),
            ("hands_seen_F2K", hands_seen),
            ("driver_joints_FJ3", other.body_J3),
        ):
            rows.setdefault(name, []).append(value)
    per_frame: dict[str, Any] = {name: np.array(values) for name, values in rows.items()}
    still = backgrounds[0] if backgrounds else made.background_HW3
    return Clip(
        reference_rgb_RHW3=np.array(ref_rgb),
        reference_alpha_RHW=np.array(ref_alpha),
        reference_landmarks_RN3=np.array(ref_landmarks),
        bone_lengths_B=lengths,
        background_HW3=_bytes(still),
        backgrounds_FHW3=np.array([_bytes(b) for b in backgrounds or [still]]),
        look=made.situation.look.value,
        seed=seed,
        **per_frame,
    )
