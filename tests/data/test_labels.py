"""Flow, visibility, landmarks and head pose agree with the picture they describe."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from avatar.data.camera import Camera
from avatar.data.clip import ClipPlan, render_clip
from avatar.data.filming import pose_landmarks
from avatar.data.head import expression, pose_face
from avatar.data.labels import flow_to, regions, view_of
from avatar.data.landmark_map import landmark_map
from avatar.data.person import Person
from avatar.data.posing import Mover, Pose, person_scene
from avatar.data.render import Quality, shade
from avatar.data.resolve import picture
from avatar.data.scene import Label, Lights


def _flat_light() -> Lights:
    ambient = np.zeros((9, 3), np.float32)
    ambient[0] = 0.6
    nothing = np.zeros((0, 3), np.float32)
    none, no = np.zeros(0, np.float32), np.zeros(0, np.uint8)
    return Lights(nothing, nothing, none, no, no, ambient, np.zeros((9, 3), np.float32))


def _turned(pose: Pose, yaw: float) -> Pose:
    return replace(pose, head_rotvec_3=np.array([0, yaw, 0], np.float32))


def test_flow_between_equal_views_is_zero_and_all_is_seen(
    person: Person, neutral_pose: Pose, camera: Camera
) -> None:
    view = view_of(person_scene(person, neutral_pose, camera, 1), camera)
    flow, seen = flow_to(view, view)
    inside = view.index_HW >= 0
    assert np.abs(flow[inside]).max() < 1e-2
    assert (seen[inside] > 0).mean() > 0.995


def test_warping_the_reference_by_the_flow_gives_the_frame_under_even_light(
    person: Person, neutral_pose: Pose, camera: Camera
) -> None:
    quality = Quality(samples=2, glow_taps=0)
    pictures, views = [], []
    background = np.zeros((128, 128, 3), np.float32)
    for pose in (neutral_pose, _turned(neutral_pose, 0.25)):
        scene = person_scene(person, pose, camera, 2)
        shaded = shade(scene, _flat_light(), camera, quality)
        pictures.append(picture(shaded, 2, 1.0, background)[0].astype(np.float32))
        views.append(view_of(scene, camera))
    flow, seen = flow_to(views[1], views[0])
    y, x = np.mgrid[0:128, 0:128].astype(np.float32)
    warped = cv2.remap(pictures[0], x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR)
    label = regions(views[1])
    usable = (seen > 0) & np.isin(label, (Label.SKIN, Label.LIPS, Label.CLOTHES))
    # silhouettes mix with what lies behind them
    usable = cv2.erode(usable.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    error = ((warped - pictures[1]) ** 2)[usable].mean()
    assert usable.sum() > 1000
    assert 10 * np.log10(255**2 / error) >= 32.0


def test_flow_to_another_person_is_refused(
    person: Person, neutral_pose: Pose, camera: Camera
) -> None:
    view = view_of(person_scene(person, neutral_pose, camera, 1), camera)
    other = replace(view, screen_V3=view.screen_V3[:-1])
    with pytest.raises(ValueError, match="same person"):
        flow_to(view, other)


def test_the_landmark_table_was_fitted_within_three_percent(assets: object) -> None:
    table = landmark_map()
    assert table.error_N.mean() < 0.03
    np.testing.assert_allclose(table.weights_N3.sum(1), 1.0, atol=1e-4)


def test_landmarks_move_with_expression_gaze_and_turn(
    person: Person, neutral_pose: Pose, camera: Camera
) -> None:
    rest = pose_landmarks(person.shape_V3, person, neutral_pose, camera)
    iod = np.linalg.norm(rest[468, :2] - rest[473, :2])
    open_mouth = replace(neutral_pose, expression_E=expression(jawOpen=0.6))
    opened = pose_landmarks(person.shape_V3, person, open_mouth, camera)
    assert opened[14, 1] - opened[13, 1] > rest[14, 1] - rest[13, 1] + 0.15 * iod
    looking = replace(neutral_pose, gaze_22=np.full((2, 2), [0.4, 0.0], np.float32))
    looked = pose_landmarks(person.shape_V3, person, looking, camera)
    assert (looked[[468, 473], 0] > rest[[468, 473], 0] + 0.05 * iod).all()
    turned = pose_landmarks(person.shape_V3, person, _turned(neutral_pose, 0.4), camera)
    assert turned[1, 0] > rest[1, 0] + 0.2 * iod  # the nose points to the subject's left
    assert rest[1, 2] < rest[234, 2]  # and is nearer than the cheek's edge


def test_the_eyes_of_the_scene_follow_the_movers_push(person: Person, neutral_pose: Pose) -> None:
    pose = _turned(neutral_pose, 0.3)
    _, eyes = pose_face(person.shape_V3, pose.expression_E, pose.gaze_22)
    mover = Mover(pose, None, eyes.centre_23)
    axis = mover.directions(eyes.axis_23, eyes.centre_23)
    np.testing.assert_allclose(axis[0], [np.sin(0.3), 0, np.cos(0.3)], atol=2e-3)


def test_the_same_seed_gives_the_same_clip(assets: object) -> None:
    plan = ClipPlan(size_px=64, num_frames=1, num_references=1, quality=Quality(samples=1))
    one, two = render_clip(21, plan), render_clip(21, plan)
    np.testing.assert_array_equal(one.rgb_FHW3, two.rgb_FHW3)
    np.testing.assert_array_equal(one.flow_FHW2, two.flow_FHW2)
    assert one.landmarks_FN3.shape == (1, 478, 3)
    # the driver is someone else
    assert np.abs(one.landmarks_FN3 - one.driver_landmarks_FN3).max() > 0.3
