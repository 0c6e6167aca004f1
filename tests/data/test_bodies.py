"""Bodies in motion: hands reach, motion capture plays, joints lie where the picture shows them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from avatar.data.background import BackgroundStyle, move_background
from avatar.data.body import Build
from avatar.data.camera import Camera, look_at
from avatar.data.clip import ClipPlan, render_clip
from avatar.data.gestures import gesture
from avatar.data.joints import frame_of, joints_of
from avatar.data.labels import regions, view_of
from avatar.data.limbs import BodyPose, HandGoal, pose_limbs
from avatar.data.mocap import MAX_CHEST_TURN, play
from avatar.data.person import Person
from avatar.data.posing import Mover, Pose, person_scene
from avatar.data.render import Quality
from avatar.data.scene import Label
from avatar.motion.skeleton import DRAWN_BONES, LEFT_WRIST

CHIN = HandGoal(place_3=(6.0, -16.0, 16.0), fingers_3=(-0.2, 1.0, 0.0), palm_3=(0.0, 0.2, -1.0))


def _wrist(frame_build: Build, goal: HandGoal) -> NDArray[np.float32]:
    frame = frame_of(frame_build)
    rotation, shift = pose_limbs(frame.skeleton, frame.seat, BodyPose(hands=(goal, None)))
    b = frame.skeleton.index("wrist.L")
    at = rotation[b] @ frame.skeleton.heads_B3[b] + shift[b]
    return frame.seat.to_head_cm(at[None])[0]


@pytest.mark.parametrize("build", [Build(male=1.0, weight=0.8), Build(male=0.0, old=0.7)])
def test_a_hand_reaches_the_same_place_on_every_build(assets: object, build: Build) -> None:
    np.testing.assert_allclose(_wrist(build, CHIN), CHIN.place_3, atol=0.3)


def test_a_hand_that_cannot_reach_stretches_towards_its_goal(assets: object) -> None:
    far = replace(CHIN, place_3=(20.0, 0.0, 300.0))
    at = _wrist(Build(), far)
    assert 25 < at[2] < 80
    assert np.isfinite(at).all()


def test_the_chest_stays_and_bones_keep_their_length_in_motion_capture(assets: object) -> None:
    frame = frame_of(Build())
    skeleton = frame.skeleton
    rest = np.linalg.norm(skeleton.tails_B3 - skeleton.heads_B3, axis=1)
    captured = play(4, 12)
    assert len(captured) == 12
    moved = []
    for one in captured:
        assert np.linalg.norm(one.chest_rotvec_3) <= MAX_CHEST_TURN + 1e-6
        rotation, shift = pose_limbs(skeleton, frame.seat, one.pose)
        heads = np.einsum("bij,bj->bi", rotation, skeleton.heads_B3) + shift
        tails = np.einsum("bij,bj->bi", rotation, skeleton.tails_B3) + shift
        np.testing.assert_allclose(np.linalg.norm(tails - heads, axis=1), rest, atol=1e-4)
        neck = skeleton.index("neck01")
        np.testing.assert_allclose(heads[neck], skeleton.heads_B3[neck], atol=1e-5)
        moved.append(heads[skeleton.index("wrist.L")])
    assert np.ptp(np.array(moved), axis=0).max() > 0.05


def test_joints_lie_on_the_hand_that_is_drawn(person: Person, neutral_pose: Pose) -> None:
    assert person.dressed is not None
    camera: Camera = look_at(
        np.array([0, -12, 0], np.float32), distance_cm=170.0, height_cm=70.0, size_hw=(192, 192)
    )
    goal = HandGoal(place_3=(22.0, -14.0, 20.0), fingers_3=(0, 1, 0.1), palm_3=(0, 0, 1), curl=0.0)
    pose = replace(neutral_pose, body=BodyPose(hands=(goal, None)))
    view = view_of(person_scene(person, pose, camera, 1), camera)
    mover = Mover(pose, None, np.zeros((2, 3), np.float32))
    frame = frame_of(person.style.build)
    joints = joints_of(frame, mover, np.full((478, 3), 96, np.float32), view)
    label = regions(view)
    fingers = joints.hands_2K3[0, 5:, :2].astype(int)
    on_hand = label[fingers[:, 1], fingers[:, 0]] == Label.HANDS
    assert on_hand.mean() > 0.8
    assert joints.hands_seen_2K[0].mean() > 0.8
    assert joints.body_seen_J[LEFT_WRIST] == 1
    assert joints.bone_lengths_B.shape == (len(DRAWN_BONES),)
    low_half = joints.body_J3[[25, 26, 27, 28], 1] > 192
    assert low_half.all()
    assert not joints.body_seen_J[[25, 26, 27, 28]].any()


def test_gestures_move_smoothly_and_repeat_by_seed(assets: object) -> None:
    one, two = gesture(9, 60), gesture(9, 60)
    hands = [p.hands[0] or p.hands[1] for p in one]
    again = [p.hands[0] or p.hands[1] for p in two]
    assert hands == again
    places = np.array([h.place_3 for h in hands if h is not None])
    assert len(places) == 60
    assert np.abs(np.diff(places, axis=0)).max() < 8.0
    assert np.ptp(places, axis=0).max() > 1.0


def test_a_moving_background_moves_and_a_clip_keeps_it(assets: object) -> None:
    rng = np.random.default_rng(3)
    style = BackgroundStyle(kind="shapes", seed=4)
    frames = move_background(style, (48, 48), 6, rng)
    assert frames[0].shape == (48, 48, 3)
    assert max(float(np.abs(f - frames[0]).mean()) for f in frames) > 1e-3
    plan = ClipPlan(
        size_px=64, num_frames=2, num_references=1, moving_background_share=1.0,
        framing="full_body", quality=Quality(samples=1),
    )  # fmt: skip
    clip = render_clip(8, plan)
    assert clip.backgrounds_FHW3.shape == (2, 64, 64, 3)
    np.testing.assert_array_equal(clip.backgrounds_FHW3[0], clip.background_HW3)
    assert clip.joints_FJ3.shape == (2, 33, 3)
    assert clip.hands_F2K3.shape == (2, 2, 21, 3)
    assert clip.joints_seen_FJ[:, 11:].sum() > 4
    bare = clip.alpha_FHW[0] == 0
    np.testing.assert_array_equal(clip.rgb_FHW3[0][bare], clip.backgrounds_FHW3[0][bare])
