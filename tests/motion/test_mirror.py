"""Motion in a mirror."""

from __future__ import annotations

import numpy as np

from avatar.frames import HandsMotion
from avatar.motion import topology as topo
from avatar.motion.expression import with_lid_apertures
from avatar.motion.geometry import face_motion
from avatar.motion.mirror import MIRROR_JOINTS, mirror_motion, mirror_neutral
from avatar.motion.neutral import Neutral
from avatar.motion.rotation import yaw_pitch_roll
from tests.motion.synthetic import PICTURE_HW, body, face, hand, look, motion, open_eyes

WIDTH = PICTURE_HW[1]


def wink() -> np.ndarray:
    shape = with_lid_apertures(look(open_eyes(), 0.2, 0.1), np.array([0.05, 0.3], np.float32))
    shape[topo.MOUTH_CORNERS[0], 1] -= 0.1  # subject's left corner of the mouth is up
    return shape


def full_motion():
    hands = HandsMotion(
        np.stack([hand(np.array([500, 300, 0.0]), 30.0), hand(np.array([150, 350, 0.0]), 30.0)]),
        np.array([True, False]),
    )
    seen = face(wink(), yaw=0.3, roll=0.2, centre=(400.0, 200.0))
    return motion(seen, body=body(), hands=hands)


def test_mirror_twice_is_identity():
    once = full_motion()
    twice = mirror_motion(mirror_motion(once))
    assert once.face is not None
    assert twice.face is not None
    for name in ("landmarks_N3", "rotation_33", "translation_2", "shape_N3", "gaze_22"):
        np.testing.assert_allclose(
            getattr(twice.face, name), getattr(once.face, name), atol=1e-4, err_msg=name
        )
    np.testing.assert_allclose(twice.body.joints_J3, once.body.joints_J3, atol=1e-3)
    np.testing.assert_array_equal(twice.hands.is_present_2, once.hands.is_present_2)


def test_mirrored_motion_equals_the_motion_of_the_mirrored_picture():
    once = full_motion()
    assert once.face is not None
    flipped = once.face.landmarks_N3.copy()
    flipped[:, 0] = WIDTH - flipped[:, 0]
    seen = face_motion(flipped[topo.mirror_map()])
    mirrored = mirror_motion(once).face
    assert mirrored is not None
    np.testing.assert_allclose(mirrored.rotation_33, seen.rotation_33, atol=2e-3)
    np.testing.assert_allclose(mirrored.translation_2, seen.translation_2, atol=0.1)
    np.testing.assert_allclose(mirrored.shape_N3, seen.shape_N3, atol=5e-3)
    np.testing.assert_allclose(mirrored.gaze_22, seen.gaze_22, atol=0.02)
    np.testing.assert_allclose(mirrored.lid_apertures_2, seen.lid_apertures_2, atol=5e-3)


def test_left_becomes_right():
    once, mirrored = full_motion(), mirror_motion(full_motion())
    assert once.face is not None
    assert mirrored.face is not None
    assert mirrored.face.lid_apertures_2[1] < mirrored.face.lid_apertures_2[0]
    assert yaw_pitch_roll(mirrored.face.rotation_33)[0] < -0.25
    assert mirrored.face.translation_2[0] == WIDTH - once.face.translation_2[0]
    assert mirrored.hands is not None
    assert mirrored.hands.is_present_2.tolist() == [False, True]
    assert mirrored.hands.joints_2K3[1, 0, 0] == WIDTH - 500


def test_joint_pairs_are_swapped():
    assert (MIRROR_JOINTS[MIRROR_JOINTS] == np.arange(33)).all()
    assert MIRROR_JOINTS[[11, 15, 19, 31]].tolist() == [12, 16, 20, 32]


def test_mirrored_neutral_goes_with_mirrored_motion():
    once = full_motion()
    assert once.face is not None
    neutral = mirror_neutral(Neutral.of_face(once.face, PICTURE_HW))
    again = mirror_motion(once).face
    assert again is not None
    place, _ = neutral.place_px(PICTURE_HW)
    np.testing.assert_allclose(place, again.translation_2, atol=1e-2)
    np.testing.assert_allclose(neutral.shape_N3, again.shape_N3, atol=1e-5)
    np.testing.assert_allclose(neutral.rotation_33, again.rotation_33, atol=1e-6)
