from __future__ import annotations

import pickle
from dataclasses import replace

import cv2
import numpy as np
import pytest

from avatar.frames import ByteArray, FloatArray
from avatar.warp.limbs import take_apart
from avatar.warp.limbs_draw import place_limbs
from avatar.warp.limbs_hands import find_hand
from avatar.warp.limbs_partition import partition, with_islands
from avatar.warp.renderer import WarpRenderer
from tests.warp.painted_body import (
    CANVAS_HW,
    LEFT_SLEEVE,
    LEFT_TROUSER,
    RIGHT_SLEEVE,
    SHIRT,
    SKIN,
    STANDING,
    WALL,
    PaintedBody,
    is_colour,
    joints,
    paint,
)

ARMS_RAISED = {"j13": (196, 66), "j15": (206, 22), "j14": (84, 66), "j16": (74, 22)}


@pytest.fixture(scope="module")
def body() -> PaintedBody:
    return paint()


def render(body: PaintedBody, joints_J3: FloatArray) -> tuple[ByteArray, ByteArray]:
    return WarpRenderer(body.rig, body.background_HW3).render(body.motion(joints_J3))


def test_all_four_limbs_of_a_standing_figure_come_apart(body: PaintedBody) -> None:
    names = [limb.chain.name for limb in body.rig.limbs]
    assert names == ["left leg", "right leg", "left arm", "right arm"]
    assert body.rig.notes == ()
    trunk = body.rig.texture_HW4
    for elbow in (13, 14, 25, 26):
        x, y = STANDING[elbow]
        assert trunk[y, x, 3] < 20


def test_the_references_own_pose_gives_the_picture_back(body: PaintedBody) -> None:
    rgb, alpha = render(body, joints())
    error = np.abs(rgb.astype(int) - body.rgb_HW3).max(axis=2)
    assert error.mean() < 1.0
    assert (error > 60).mean() < 0.004
    assert np.abs(alpha.astype(int) - body.alpha_HW).mean() < 2.0


def test_raised_arms_are_drawn_up_there_and_uncover_the_background(body: PaintedBody) -> None:
    rgb, alpha = render(body, joints(**ARMS_RAISED))
    for elbow, wrist, colour in ((13, 15, LEFT_SLEEVE), (14, 16, RIGHT_SLEEVE)):
        moved = joints(**ARMS_RAISED)
        middle = ((moved[elbow] + moved[wrist]) / 2)[:2].round().astype(int)
        assert is_colour(rgb, colour)[middle[1], middle[0]]
        assert alpha[middle[1], middle[0]] == 255
        x, y = STANDING[wrist]
        assert is_colour(rgb, WALL)[y, x]
        assert alpha[y, x] == 0


def test_moving_arms_leave_head_trunk_and_legs_alone(body: PaintedBody) -> None:
    still, _ = render(body, joints())
    moved, _ = render(body, joints(**ARMS_RAISED))
    assert (still[:90, 118:162] == moved[:90, 118:162]).all()
    assert (still[200:] == moved[200:]).all()
    assert (still[110:185, 130:150] == moved[110:185, 130:150]).all()


def test_a_sharply_bent_elbow_keeps_the_sleeves_width(body: PaintedBody) -> None:
    bent = joints(j15=(206, 74))
    rgb, _ = render(body, bent)
    # Half way along either bone, measured across it.
    for start, end in ((11, 13), (13, 15)):
        a, b = bent[start, :2], bent[end, :2]
        middle, along = (a + b) / 2, (b - a) / np.linalg.norm(b - a)
        across = np.array([-along[1], along[0]])
        x, y = (middle + np.arange(-16, 17)[:, None] * across).round().astype(int).T
        width = int(is_colour(rgb, LEFT_SLEEVE)[y, x].sum())
        assert 10 <= width <= 22
    x, y = (int(v) for v in STANDING[13])
    assert is_colour(rgb, LEFT_SLEEVE)[y, x]


def test_an_arm_that_lay_in_front_leaves_whole_clothes_behind() -> None:
    folded = paint(joints(j13=(196, 140), j15=(140, 150)))
    rgb, _ = WarpRenderer(folded.rig, folded.background_HW3).render(
        folded.motion(joints(j13=(206, 80), j15=(214, 36)))
    )
    assert is_colour(folded.rgb_HW3, LEFT_SLEEVE)[150, 142]
    assert is_colour(rgb, SHIRT)[140:160, 130:155].mean() > 0.95


def test_a_lifted_leg_bends_at_the_knee(body: PaintedBody) -> None:
    rgb, _ = render(body, joints(j25=(214, 214), j27=(214, 276)))
    shown = is_colour(rgb, LEFT_TROUSER)
    assert shown[204, 190]
    assert shown[245, 214]
    x, y = STANDING[27]
    assert not shown[y, x]


def test_an_arm_reaching_far_behind_goes_behind_the_trunk(body: PaintedBody) -> None:
    across = joints(j13=(170, 140), j15=(140, 150))
    front, _ = render(body, across)
    behind = across.copy()
    behind[13, 2], behind[15, 2] = 80.0, 160.0
    hidden, _ = render(body, behind)
    assert is_colour(front, LEFT_SLEEVE)[150, 142]
    assert is_colour(hidden, SHIRT)[150, 142]


def test_a_hand_beyond_the_picture_keeps_its_arm_on_the_body_and_says_so(
    body: PaintedBody,
) -> None:
    out = body.with_joints(joints(j15=(CANVAS_HW[1] + 20.0, 150.0)))
    apart = take_apart(out, body.rgb_HW3, body.alpha_HW)
    assert "left arm" not in [limb.chain.name for limb in apart.limbs]
    assert any("left arm" in note and "hand" in note for note in apart.notes)


def test_crossed_arms_stay_on_the_body_and_say_so() -> None:
    crossed = paint(joints(j13=(190, 150), j15=(100, 150), j14=(90, 150), j16=(180, 150)))
    assert not {"left arm", "right arm"} & {limb.chain.name for limb in crossed.rig.limbs}
    assert any("crossed" in note for note in crossed.rig.notes)


def test_a_hand_on_the_other_arm_keeps_both_on_the_body_and_says_so() -> None:
    folded = paint(joints(j13=(196, 150), j14=(84, 150), j15=(158, 178), j16=(122, 178)))
    assert not {"left arm", "right arm"} & {limb.chain.name for limb in folded.rig.limbs}
    assert any("lie on each other" in note for note in folded.rig.notes)


def test_a_hand_cut_by_the_pictures_rim_keeps_its_arm_on_the_body(body: PaintedBody) -> None:
    wrist_x = CANVAS_HW[1] - 20.0  # knuckles inside, fingertips not
    cut = body.with_joints(joints(j13=(216, 130), j15=(wrist_x, 140)))
    apart = take_apart(cut, body.rgb_HW3, body.alpha_HW)
    assert "left arm" not in [limb.chain.name for limb in apart.limbs]


def test_what_only_touches_a_limb_goes_with_it() -> None:
    alpha = np.zeros((30, 60), np.uint8)
    alpha[10:20, 5:55] = 255
    label = np.zeros_like(alpha)
    label[10:20, 25:45] = 2  # the limb; beside it the trunk's part, and a fingertip or a spoon
    is_trunk = np.zeros(alpha.shape, bool)
    is_trunk[12:18, 6:12] = True
    found = with_islands(label, alpha, is_trunk)
    assert (found[10:20, 45:55] == 2).all()
    assert (found[10:20, 5:25] == 0).all()


def test_an_arm_that_points_at_the_camera_does_not_crumple(body: PaintedBody) -> None:
    pointing = joints(j13=(168, 104), j15=(170, 108))
    arm = next(
        limb
        for limb in place_limbs(body.rig.limbs, body.reference, body.motion(pointing))
        if limb.rig.chain.name == "left arm"
    )
    shrunk = np.ptp(arm.position_V3[:, 1]) / np.ptp(arm.rig.mesh.rest_V2[:, 1])
    assert shrunk > 0.5


def test_legs_under_a_skirt_stay_on_the_body_and_say_so() -> None:
    skirt = paint(is_skirt=True)
    assert not {"left leg", "right leg"} & {limb.chain.name for limb in skirt.rig.limbs}
    assert any("skirt" in note for note in skirt.rig.notes)


def test_a_portrait_has_no_limbs_and_nothing_to_say_about_it(body: PaintedBody) -> None:
    portrait = replace(body.reference, joints_J3=None, visibility_J=None)
    apart = take_apart(portrait, body.rgb_HW3, body.alpha_HW)
    assert apart.limbs == ()
    assert apart.notes == ()
    assert (apart.trunk_HW4[..., 3] == body.alpha_HW).all()


def test_wild_joints_never_tear_a_limb_or_leave_the_picture_undrawn(body: PaintedBody) -> None:
    random = np.random.default_rng(4)
    renderer = WarpRenderer(body.rig, body.background_HW3)
    for _ in range(20):
        wild = joints() + random.normal(0.0, 60.0, (33, 3)).astype(np.float32)
        rgb, alpha = renderer.render(body.motion(wild))
        assert rgb.shape == (*CANVAS_HW, 3)
        assert np.isfinite(alpha).all()
        for limb in place_limbs(body.rig.limbs, body.reference, body.motion(wild)):
            assert np.isfinite(limb.position_V3).all()
            reach = np.ptp(limb.position_V3[:, :2], axis=0).max()
            assert reach < 1.6 * np.abs(np.diff(limb.rig.mesh.points_C2, axis=0)).sum()


def test_a_rig_with_limbs_travels_between_processes(body: PaintedBody) -> None:
    again = pickle.loads(pickle.dumps(body.rig))
    assert [limb.chain for limb in again.limbs] == [limb.chain for limb in body.rig.limbs]
    motion = body.motion(joints(**ARMS_RAISED))
    first, _ = WarpRenderer(body.rig, body.background_HW3).render(motion)
    second, _ = WarpRenderer(again, body.background_HW3).render(motion)
    assert (first == second).all()


def test_fingers_spread_over_clothes_go_with_their_hand(body: PaintedBody) -> None:
    rgb = body.rgb_HW3.copy()
    x, y = (int(v) for v in STANDING[15])
    cv2.circle(rgb, (x + 4, y + 8), 6, SKIN, -1)
    alpha = np.full(body.alpha_HW.shape, 255, np.uint8)
    tips = ((x + 12, y + 16), (x - 3, y + 20), (x + 7, y + 22))
    for tip in tips:
        cv2.line(rgb, (x + 4, y + 8), tip, SKIN, 3)
    outline = np.array([[166, 100], [206, 122], [x, y], [x + 8, y + 20]], np.float32)
    found = find_hand(rgb, alpha, outline, 11.0)
    for tip_x, tip_y in tips:
        assert found[tip_y - 2, tip_x - 1] or found[tip_y - 2, tip_x]
    assert not (found & ~is_colour(rgb, SKIN)).any()
    all_skin = np.full_like(rgb, SKIN)
    assert not find_hand(all_skin, alpha, outline, 11.0).any()


def test_what_lies_between_is_divided_at_the_edge_of_the_picture() -> None:
    rgb = np.zeros((40, 60, 3), np.uint8)
    rgb[:, 38:] = 200  # the limb's cloth begins off the middle between the seeds
    columns = np.arange(60, dtype=np.float32)
    distance = np.broadcast_to(np.abs(columns - 50) / 20, (1, 40, 60)).astype(np.float32)
    trunk = np.zeros((40, 60), bool)
    trunk[:, :25] = True
    nothing = np.zeros((40, 60), bool)
    label = partition(
        rgb,
        np.full((40, 60), 255, np.uint8),
        distance,
        distance,
        nothing[None],
        trunk,
        nothing,
        20.0,
    )
    assert (label[5:35, :36] == 0).all()
    assert (label[5:35, 41:] == 1).all()
