from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from avatar.frames import HandsMotion
from avatar.warp.skeleton import (
    LEFT_ARM,
    LENGTH_LIMITS,
    RIGHT_LEG,
    body_unit,
    is_plausible,
    limb_pose,
)
from avatar.warp.skeleton_cover import cover_body
from avatar.warp.torso import torso_displacement
from tests.warp.painted_body import STANDING, PaintedBody, joints, paint


@pytest.fixture(scope="module")
def body() -> PaintedBody:
    return paint()


def seen(*unseen: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    visibility = np.ones(33, np.float32)
    visibility[list(unseen)] = 0.0
    return visibility


def test_the_references_own_joints_turn_and_stretch_nothing(body: PaintedBody) -> None:
    pose = limb_pose(LEFT_ARM, body.reference, body.motion(), 0.0)
    np.testing.assert_allclose(pose.turn_B, 0.0, atol=1e-5)
    np.testing.assert_allclose(pose.length_B, 1.0, atol=1e-5)


def test_a_raised_forearm_turns_the_lower_bones_only(body: PaintedBody) -> None:
    elbow = np.array(STANDING[13])
    forearm = np.array(STANDING[15]) - elbow
    raised = elbow + [-forearm[1], forearm[0]]  # a quarter turn clockwise on screen
    pose = limb_pose(LEFT_ARM, body.reference, body.motion(joints(j15=tuple(raised))), 0.0)
    np.testing.assert_allclose(pose.turn_B, [0.0, np.pi / 2, np.pi / 2], atol=0.02)


def test_unseen_joints_hold_their_place_relative_to_their_parent(body: PaintedBody) -> None:
    moved = joints(j13=(200, 60), j15=(100, 20))
    nothing = limb_pose(LEFT_ARM, body.reference, body.motion(moved, seen(13, 15)), 0.3)
    np.testing.assert_allclose(nothing.turn_B, 0.3, atol=1e-5)
    forearm = limb_pose(LEFT_ARM, body.reference, body.motion(moved, seen(15)), 0.0)
    assert abs(forearm.turn_B[0]) > 0.5
    assert forearm.turn_B[1] == pytest.approx(forearm.turn_B[0])


def test_a_bone_that_points_at_the_camera_shortens_and_keeps_its_direction(
    body: PaintedBody,
) -> None:
    x, y = STANDING[13]
    pose = limb_pose(LEFT_ARM, body.reference, body.motion(joints(j15=(x - 1.0, y - 1.0))), 0.0)
    assert pose.length_B[1] == pytest.approx(LENGTH_LIMITS[0])
    assert abs(pose.turn_B[1]) < 0.1


def test_a_driver_with_longer_arms_cannot_smear_the_character(body: PaintedBody) -> None:
    pose = limb_pose(LEFT_ARM, body.reference, body.motion(joints(j13=(500, 300))), 0.0)
    assert pose.length_B[0] == pytest.approx(LENGTH_LIMITS[1])


def test_feet_turn_no_further_than_an_ankle_does(body: PaintedBody) -> None:
    moved = joints()
    moved[32] = moved[28] + [0, -14, 0]
    pose = limb_pose(RIGHT_LEG, body.reference, body.motion(moved), 0.0)
    assert abs(pose.turn_B[2]) == pytest.approx(RIGHT_LEG.tip_turn, abs=1e-4)


def test_a_tracked_hand_turns_the_hand(body: PaintedBody) -> None:
    hands = np.zeros((2, 21, 3), np.float32)
    hands[0, 9] = [14.0, 0.0, 0.0]
    motion = replace(body.motion(), hands=HandsMotion(hands, np.array([True, False])))
    straight = limb_pose(LEFT_ARM, body.reference, body.motion(), 0.0)
    turned = limb_pose(LEFT_ARM, body.reference, motion, 0.0)
    assert turned.turn_B[2] < straight.turn_B[2] - 0.5
    np.testing.assert_allclose(turned.turn_B[:2], straight.turn_B[:2])


def test_a_body_in_the_hat_is_no_body(body: PaintedBody) -> None:
    assert is_plausible(body.reference)
    above = joints()
    above[11:] -= [0, 160, 0]
    assert not is_plausible(body.with_joints(above))


def test_a_turned_body_keeps_its_unit(body: PaintedBody) -> None:
    turned = joints(j11=(142, 100), j12=(138, 100))
    assert body_unit(turned) > 0.8 * body_unit(joints())


def test_the_trunk_bends_between_its_shoulders_and_its_hips(body: PaintedBody) -> None:
    leaning = joints()
    leaning[11:13] += [20, 0, 0]
    points = np.array([[140, 100], [140, 145], [140, 190], [140, 300]], np.float32)
    moved = torso_displacement(points, body.reference, body.motion(leaning))
    np.testing.assert_allclose(moved[0], [20, 0], atol=0.5)
    assert 5 < moved[1, 0] < 15
    np.testing.assert_allclose(moved[2:], 0.0, atol=0.5)


def test_a_whole_body_may_rise_but_a_cut_one_keeps_its_edge(body: PaintedBody) -> None:
    risen = joints() - np.array([0, 30, 0], np.float32)
    bottom = np.array([[140.0, 355.0]], np.float32)
    assert torso_displacement(bottom, body.reference, body.motion(risen))[0, 1] < -25
    visibility = seen(27, 28)
    cut = replace(body.reference, visibility_J=visibility)
    assert torso_displacement(bottom, cut, body.motion(risen))[0, 1] > -3


def test_a_mask_without_arms_is_completed_along_the_bones(body: PaintedBody) -> None:
    whole = body.alpha_HW.astype(np.float32) / 255
    arms = np.zeros(whole.shape, np.uint8)
    for chain in ((13, 15, 19), (14, 16, 20)):
        points = joints()[list(chain), :2].round().astype(np.int32)
        cv2.polylines(arms, [points], False, (1,), 22)
    coarse = whole * (arms == 0)
    covered = cover_body(body.rgb_HW3, coarse, body.reference)
    lost = (whole > 0.5) & (coarse < 0.5)
    assert lost.sum() > 500
    assert (covered[lost] > 0.5).mean() > 0.9
    assert (covered[whole < 0.5] > 0.5).mean() < 0.01


def test_a_mask_without_a_body_is_left_alone(body: PaintedBody) -> None:
    portrait = replace(body.reference, joints_J3=None, visibility_J=None)
    coarse = np.zeros(body.alpha_HW.shape, np.float32)
    assert cover_body(body.rgb_HW3, coarse, portrait) is coarse
