"""Guidance maps: colours and places."""

from __future__ import annotations

import numpy as np
import pytest

from avatar.frames import HandsMotion, RetargetedMotion
from avatar.motion.guidance import BONE_COLOURS, HEAD_RADIUS, GuidancePainter
from avatar.motion.neutral import Neutral
from avatar.motion.retarget import Retargeter
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

ONTO = reference(canvas_hw=(900, 600), scale=30.0, has_body=True)
NEUTRAL = Neutral.of_face(face(open_eyes()), PICTURE_HW)


def retarget(posture=None, hands=None, **pose: float) -> RetargetedMotion:
    seen = motion(face(open_eyes(), **pose), body=posture or body(), hands=hands)
    return Retargeter(ONTO).retarget(seen, NEUTRAL)


def painted(size_hw: tuple[int, int] = (900, 600), **pose: float) -> np.ndarray:
    return GuidancePainter(ONTO).paint(retarget(**pose), size_hw)


def sphere_mask(picture: np.ndarray, out: RetargetedMotion) -> np.ndarray:
    """Pixels that change when the bones are left out stay; what is left is the sphere."""
    bare = GuidancePainter(ONTO).paint(
        RetargetedMotion(
            **{
                name: None if name in ("joints_J3", "visibility_J", "hands") else getattr(out, name)
                for name in RetargetedMotion.__dataclass_fields__
            }
        ),
        (picture.shape[0], picture.shape[1]),
    )
    return np.asarray(bare.max(-1) > 0)


def test_map_has_the_size_asked_for_and_a_black_background():
    picture = painted()
    assert picture.shape == (900, 600, 3)
    assert picture.dtype == np.uint8
    assert not picture[:20].any()
    assert picture.any()


@pytest.mark.parametrize("size_hw", [(64, 64), (33, 57), (512, 512), (900, 600)])
def test_any_resolution_shows_the_same_scene(size_hw: tuple[int, int]):
    picture = painted(size_hw)
    assert picture.shape[:2] == size_hw
    assert float(picture.mean()) == pytest.approx(float(painted().mean()), rel=0.15)


def test_sphere_follows_the_driver_and_has_the_references_size():
    for centre, scale in (((320.0, 240.0), 60.0), (((360.0, 230.0)), 75.0)):
        out = retarget(centre=centre, scale=scale)
        mask = sphere_mask(painted(centre=centre, scale=scale), out)
        rows, columns = np.nonzero(mask)
        np.testing.assert_allclose(
            [columns.mean() + 0.5, rows.mean() + 0.5], out.translation_2, atol=1.0
        )
        assert np.ptp(columns) + 1 == pytest.approx(2 * HEAD_RADIUS * 30.0, abs=3)


def test_sphere_colour_tells_the_orientation():
    def middle(**pose: float) -> np.ndarray:
        out = retarget(**pose)
        picture = painted(**pose)
        x, y = np.round(out.translation_2).astype(int)
        return picture[y - 2 : y + 3, x - 2 : x + 3].reshape(-1, 3).mean(0)

    ahead = middle()
    assert ahead[2] > 230  # the face points at us: blue
    assert abs(ahead[0] - 127) < 12
    # Head turned to picture right: what faces us is its right side, -x in head space: less red.
    assert middle(yaw=0.5)[0] < ahead[0] - 35
    assert middle(yaw=-0.5)[0] > ahead[0] + 35
    # Head bowed: its crown side (-y) faces us: less green.
    assert middle(pitch=0.4)[1] < ahead[1] - 25


def test_bones_have_their_own_colours_where_they_lie():
    out = retarget()
    picture = painted()
    joints = out.joints_J3
    assert joints is not None
    bones = ((11, 12), (11, 13), (12, 14), (23, 25), (24, 26))
    from avatar.motion.guidance import _BODY_BONES

    seen = []
    for bone in bones:
        x, y = joints[list(bone), :2].mean(0).astype(int)
        colour = picture[y, x].astype(float)
        own = BONE_COLOURS[_BODY_BONES.index(bone)]
        assert colour @ own / (np.linalg.norm(colour) * np.linalg.norm(own)) > 0.99
        seen.append(tuple(colour.astype(int)))
    assert len(set(seen)) == len(bones)


def test_unseen_bones_are_not_drawn():
    out = retarget()
    assert out.joints_J3 is not None
    assert out.visibility_J is not None
    x, y = out.joints_J3[[23, 25], :2].mean(0).astype(int)
    assert painted()[y, x].any()
    hidden = out.visibility_J.copy()
    hidden[25] = 0.0
    bare = RetargetedMotion(
        **{
            name: hidden if name == "visibility_J" else getattr(out, name)
            for name in RetargetedMotion.__dataclass_fields__
        }
    )
    assert not GuidancePainter(ONTO).paint(bare, (900, 600))[y, x].any()


def test_nearer_bones_are_brighter():
    near, far = with_raised_arm(body(), 0), with_raised_arm(body(), 0)
    near.joints_J3[15] = near.joints_J3[13] + np.array([0, -120, -200], dtype=np.float32)
    far.joints_J3[15] = far.joints_J3[13] + np.array([0, -120, 200], dtype=np.float32)
    levels = []
    for posture in (near, far):
        out = retarget(posture)
        assert out.joints_J3 is not None
        x, y = out.joints_J3[[13, 15], :2].mean(0).astype(int)
        levels.append(int(GuidancePainter(ONTO).paint(out, (900, 600))[y, x].max()))
    assert levels[0] > levels[1] + 20


def test_hands_are_drawn_where_they_are():
    posture = with_raised_arm(body(), 0)
    hands = HandsMotion(
        np.stack([hand(posture.joints_J3[15], 60.0), np.zeros((21, 3), np.float32)]),
        np.array([True, False]),
    )
    out = retarget(posture, hands)
    assert out.hands is not None
    picture = GuidancePainter(ONTO).paint(out, (900, 600))
    for a, b in ((9, 10), (17, 18)):
        x, y = out.hands.joints_2K3[0, [a, b], :2].mean(0).astype(int)
        assert picture[y, x].max() > 80


def test_a_head_outside_the_map_is_clipped_quietly():
    out = retarget()
    away = RetargetedMotion(
        **{
            name: np.array([-5000.0, 80.0], np.float32)
            if name == "translation_2"
            else getattr(out, name)
            for name in RetargetedMotion.__dataclass_fields__
        }
    )
    assert GuidancePainter(ONTO).paint(away, (90, 60)).shape == (90, 60, 3)
