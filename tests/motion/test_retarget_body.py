"""A driver's body on a reference's bones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from avatar.frames import BodyMotion, HandsMotion, RetargetedMotion
from avatar.motion import skeleton as sk
from avatar.motion.calibration import Observation, robust_neutral
from avatar.motion.mirror import mirror_motion, mirror_neutral
from avatar.motion.neutral import Neutral
from avatar.motion.retarget import Retargeter
from avatar.motion.retarget_body import bent, beyond
from tests.motion.synthetic import (
    PICTURE_HW,
    body,
    face,
    hand,
    motion,
    open_eyes,
    reference,
    with_raised_arm,
)

LIMBS = (*sk.ARM_BONES, *sk.LEG_BONES)


def neutral(posture: BodyMotion | None = None) -> Neutral:
    seen = Observation(face(open_eyes()), PICTURE_HW, posture or body())
    return robust_neutral([seen])


def retarget(
    posture: BodyMotion | None, hands: HandsMotion | None = None, rest: Neutral | None = None
) -> RetargetedMotion:
    onto = reference(canvas_hw=(900, 600), scale=30.0, has_body=True)
    seen = motion(face(open_eyes()), body=posture, hands=hands)
    return Retargeter(onto).retarget(seen, rest or neutral())


def joints_of(out: RetargetedMotion) -> np.ndarray:
    assert out.joints_J3 is not None
    return out.joints_J3


def lengths(joints: np.ndarray) -> np.ndarray:
    return np.array([np.linalg.norm(joints[b] - joints[a]) for a, b in LIMBS])


def test_driver_at_rest_gives_the_references_posture():
    onto = reference(canvas_hw=(900, 600), scale=30.0, has_body=True)
    assert onto.joints_J3 is not None
    np.testing.assert_allclose(joints_of(retarget(body()))[11:], onto.joints_J3[11:], atol=1.0)


def test_raised_arm_is_raised_on_the_same_side():
    out = joints_of(retarget(with_raised_arm(body(), 0)))
    assert out[15, 1] < out[11, 1]
    assert out[16, 1] > out[12, 1]
    assert out[15, 0] > out[11, 0]


def test_mirrored_driver_raises_the_other_arm():
    seen = motion(face(open_eyes()), body=with_raised_arm(body(), 0))
    onto = reference(canvas_hw=(900, 600), scale=30.0, has_body=True)
    out = Retargeter(onto).retarget(mirror_motion(seen), mirror_neutral(neutral()))
    joints = joints_of(out)
    assert joints[16, 1] < joints[12, 1]
    assert joints[15, 1] > joints[11, 1]


def test_bone_lengths_are_the_references_whatever_the_pose():
    rest = lengths(joints_of(retarget(body())))
    for side in (0, 1):
        np.testing.assert_allclose(
            lengths(joints_of(retarget(with_raised_arm(body(), side)))), rest, rtol=0.02
        )


def test_a_larger_driver_with_other_proportions_gives_the_same_pose():
    def long_limbed(posture: BodyMotion) -> BodyMotion:
        joints = posture.joints_J3.copy()
        for start, end in sk.ARM_BONES:
            bone = posture.joints_J3[end] - posture.joints_J3[start]
            joints[end] = joints[start] + 1.5 * bone
        return BodyMotion(joints, posture.visibility_J)

    pose = with_raised_arm(body(), 0)
    plain = joints_of(retarget(pose))
    lanky = joints_of(retarget(long_limbed(pose), rest=neutral(long_limbed(body()))))
    np.testing.assert_allclose(lanky[[13, 14, 15, 16]], plain[[13, 14, 15, 16]], atol=1.0)


def test_unseen_arm_keeps_the_references_posture():
    pose = with_raised_arm(body(), 0)
    pose.visibility_J[[13, 15]] = 0.1
    rest = joints_of(retarget(body()))
    np.testing.assert_allclose(joints_of(retarget(pose))[15], rest[15], atol=1.5)


def test_forearm_towards_the_camera_is_drawn_short():
    pose = with_raised_arm(body(), 0)
    joints = pose.joints_J3.copy()
    joints[15] = joints[13] + np.array([0.0, -30.0, -300.0], dtype=np.float32)
    out = joints_of(retarget(BodyMotion(joints, pose.visibility_J)))
    drawn = np.linalg.norm(out[15, :2] - out[13, :2])
    assert drawn < 0.35 * np.linalg.norm(out[15] - out[13])


def test_hand_hangs_on_the_references_wrist_in_its_proportion():
    posture = with_raised_arm(body(), 0)
    sizes = []
    for palm in (20.0, 60.0):
        hands = HandsMotion(
            np.stack([hand(posture.joints_J3[15], palm), np.zeros((21, 3), np.float32)]),
            np.array([True, False]),
        )
        out = retarget(posture, hands)
        assert out.hands is not None
        assert out.hands.is_present_2.tolist() == [True, False]
        np.testing.assert_allclose(out.hands.joints_2K3[0, 0], joints_of(out)[15], atol=1e-3)
        sizes.append(np.linalg.norm(out.hands.joints_2K3[0, 9] - out.hands.joints_2K3[0, 0]))
    assert sizes[0] == pytest.approx(sizes[1], rel=1e-3)
    # About 1.5 inter-ocular distances from wrist to middle knuckle.
    assert 1.0 < sizes[0] / 30.0 < 2.0


def test_fingers_point_where_the_drivers_point():
    posture = with_raised_arm(body(), 0)
    hands = HandsMotion(
        np.stack([hand(posture.joints_J3[15], 40.0), np.zeros((21, 3), np.float32)]),
        np.array([True, False]),
    )
    out = retarget(posture, hands)
    assert out.hands is not None
    fingers = out.hands.joints_2K3[0]
    assert fingers[12, 1] < fingers[9, 1] < fingers[0, 1]
    assert fingers[4, 0] < fingers[20, 0]


def test_head_joints_follow_the_head_and_the_head_stays_on_its_neck():
    onto = reference(canvas_hw=(900, 600), scale=30.0, has_body=True)
    assert onto.joints_J3 is not None
    seen = motion(face(open_eyes(), centre=(520.0, 240.0)), body=body())
    out = Retargeter(onto).retarget(seen, neutral())
    joints = joints_of(out)
    np.testing.assert_allclose(joints[0, :2], out.landmarks_N3[1, :2], atol=2.0)
    shoulders = (joints - onto.joints_J3)[[11, 12], :2].mean(0)
    head = out.translation_2 - onto.translation_2
    assert np.linalg.norm(head - shoulders) <= 0.85 * onto.scale
    assert head[0] > 0.5 * onto.scale


def test_without_a_tracked_body_the_shoulders_follow_the_head():
    onto = reference(canvas_hw=(900, 600), scale=30.0, has_body=True)
    assert onto.joints_J3 is not None
    seen = motion(face(open_eyes(), centre=(380.0, 240.0)))
    joints = joints_of(Retargeter(onto).retarget(seen, neutral()))
    assert joints[11, 0] > onto.joints_J3[11, 0] + 10.0
    np.testing.assert_allclose(joints[23], onto.joints_J3[23], atol=0.5)


def test_reference_without_a_body_has_no_joints():
    out = Retargeter(reference()).retarget(
        motion(face(open_eyes()), body=body()), replace(neutral())
    )
    assert out.joints_J3 is None
    assert out.hands is None


def swayed(posture: BodyMotion, shift: float, *, sees_hips: bool) -> BodyMotion:
    """The same body moved sideways; without sight of anything below the chest if so wished."""
    joints = posture.joints_J3.copy()
    joints[:, 0] += shift
    visibility = posture.visibility_J.copy()
    if not sees_hips:
        visibility[23:] = 0.0
    return BodyMotion(joints, visibility)


def test_hips_that_are_not_seen_stay_and_the_character_leans():
    seated = swayed(body(), 0.0, sees_hips=False)
    at_rest = joints_of(retarget(seated, rest=neutral(seated)))
    leaning = joints_of(retarget(swayed(body(), 30.0, sees_hips=False), rest=neutral(seated)))
    shoulders = leaning[[11, 12], 0].mean() - at_rest[[11, 12], 0].mean()
    assert abs(shoulders) > 5.0
    np.testing.assert_allclose(leaning[23:], at_rest[23:], atol=0.15 * abs(shoulders))


def test_feet_that_are_not_seen_stay_planted_while_hips_sway():
    seen_to_the_hips = swayed(body(), 0.0, sees_hips=True)
    seen_to_the_hips.visibility_J[25:] = 0.0
    moved = swayed(seen_to_the_hips, 20.0, sees_hips=True)
    at_rest = joints_of(retarget(seen_to_the_hips, rest=neutral(seen_to_the_hips)))
    out = joints_of(retarget(moved, rest=neutral(seen_to_the_hips)))
    hips = np.abs(out[[23, 24], 0] - at_rest[[23, 24], 0])
    feet = np.abs(out[27:33, :2] - at_rest[27:33, :2])
    assert hips.min() > 3.0
    assert feet.max() < 0.35 * hips.min()
    np.testing.assert_allclose(lengths(out), lengths(at_rest), rtol=0.02)


@pytest.mark.parametrize("end", [(0.0, 1.5, 0.2), (0.0, 5.0, 0.0), (0.0, 0.01, 0.0)])
def test_two_bones_reach_as_far_as_they_can(end):
    root, target = np.zeros(3, np.float32), np.array(end, np.float32)
    middle, reached = bent(root, target, np.array([0.3, 0.8, 0.0], np.float32), 1.0, 1.1)
    assert np.linalg.norm(middle - root) == pytest.approx(1.0, abs=1e-3)
    assert np.linalg.norm(reached - middle) == pytest.approx(1.1, abs=1e-3)
    if 0.1 <= np.linalg.norm(target) <= 2.1:
        np.testing.assert_allclose(reached, target, atol=1e-4)


def shoulders_of(out: RetargetedMotion) -> np.ndarray:
    return joints_of(out)[[11, 12], :2]


def shifted(left: tuple[float, float], right: tuple[float, float]) -> BodyMotion:
    """The resting body with its shoulders moved, in the driver's inter-ocular distances."""
    seen = body()
    joints = seen.joints_J3.copy()
    scale = face(open_eyes()).scale
    joints[11, :2] += np.array(left, np.float32) * scale
    joints[12, :2] += np.array(right, np.float32) * scale
    return replace(seen, joints_J3=joints)


def test_a_trackers_jitter_does_not_shake_the_trunk():
    still = shoulders_of(retarget(body()))
    random = np.random.default_rng(0)
    for _ in range(20):
        left, right = random.normal(0.0, 0.04, (2, 2))
        moved = shoulders_of(retarget(shifted(tuple(left), tuple(right)))) - still
        # 0.04 inter-ocular distances of the driver would be 1.2 px on this reference.
        assert np.abs(moved).max() < 0.6


def test_shoulders_that_are_read_apart_do_not_move_the_trunk():
    still = shoulders_of(retarget(body()))
    moved = shoulders_of(retarget(shifted((-0.3, 0.0), (0.3, 0.0)))) - still
    assert np.abs(moved.mean(0)).max() < 0.1


def test_a_true_sway_is_followed_steadily_without_a_step():
    still = shoulders_of(retarget(body())).mean(0)
    sways = np.linspace(0.0, 1.0, 41)
    followed = np.array(
        [shoulders_of(retarget(shifted((x, 0.0), (x, 0.0)))).mean(0)[0] - still[0] for x in sways]
    )
    assert followed[-1] > 0.9 * 30.0
    steps = np.diff(followed)
    assert (steps >= -1e-3).all()
    assert steps.max() < 1.4 * 30.0 * (sways[1] - sways[0]), "a step, not a dead zone's soft end"


def test_hidden_shoulders_are_not_believed():
    seen = shifted((0.6, 0.2), (0.6, 0.2))
    visibility = seen.visibility_J.copy()
    visibility[[11, 12]] = 0.45
    hidden = replace(seen, visibility_J=visibility)
    moved = shoulders_of(retarget(hidden)) - shoulders_of(retarget(body()))
    assert np.abs(moved).max() < 0.5


def test_a_dead_zone_lets_through_what_goes_beyond_it():
    assert beyond(0.02, 0.1) < 0.05
    assert beyond(0.1, 0.1) == 0.5
    assert beyond(1.0, 0.1) > 0.98


def test_a_reaching_arm_that_reads_as_a_turn_in_depth_does_not_turn_the_trunk():
    def line(out: RetargetedMotion) -> float:
        across = joints_of(out)[11] - joints_of(out)[12]
        return float(np.degrees(np.arctan2(across[2], across[0])))

    seen = body()
    joints = seen.joints_J3.copy()
    span = float(np.linalg.norm(joints[11] - joints[12]))
    joints[11, 2] -= 0.2 * span
    assert abs(line(retarget(replace(seen, joints_J3=joints))) - line(retarget(seen))) < 2.0
    joints[11, 2] -= 0.8 * span
    turned = abs(line(retarget(replace(seen, joints_J3=joints))) - line(retarget(seen)))
    assert turned > 12.0, "a true turn is still followed"
