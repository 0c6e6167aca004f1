"""A driver's face on a reference."""

from __future__ import annotations

import numpy as np
import pytest

from avatar.frames import ReferenceGeometry
from avatar.motion import topology as topo
from avatar.motion.geometry import lid_apertures_of, lip_aperture_of
from avatar.motion.neutral import Neutral
from avatar.motion.retarget import Retargeter, conjugate, openness, paired
from avatar.motion.rotation import from_yaw_pitch_roll, log_rotation, yaw_pitch_roll
from tests.motion.synthetic import (
    PICTURE_HW,
    face,
    look,
    motion,
    open_eyes,
    open_mouth,
    other_person,
    raise_brows,
    reference,
    smile,
)


def neutral_of(shape: np.ndarray, **pose: float) -> Neutral:
    return Neutral.of_face(face(shape, **pose), PICTURE_HW)


def retarget(
    shape: np.ndarray,
    *,
    onto: ReferenceGeometry | None = None,
    rest: np.ndarray | None = None,
    rest_pose: dict[str, float] | None = None,
    **pose: float,
):
    neutral = neutral_of(open_eyes() if rest is None else rest, **(rest_pose or {}))
    return Retargeter(onto or reference()).retarget(motion(face(shape, **pose)), neutral)


def test_driver_at_neutral_gives_the_reference():
    onto = reference(other_person(open_eyes()), yaw=0.15)
    out = retarget(open_eyes(), onto=onto)
    moved = np.linalg.norm(out.landmarks_N3 - onto.landmarks_N3, axis=1) / onto.scale
    assert moved.max() < 0.02
    np.testing.assert_allclose(out.rotation_33, onto.rotation_33, atol=1e-3)


def test_any_driver_at_their_own_neutral_gives_the_same_picture():
    a = retarget(open_eyes())
    b = retarget(
        other_person(open_eyes()),
        rest=other_person(open_eyes()),
        rest_pose={"pitch": 0.15, "scale": 35.0},
        pitch=0.15,
        scale=35.0,
    )
    np.testing.assert_allclose(a.landmarks_N3, b.landmarks_N3, atol=0.8)


def test_still_reference_is_its_picture_exactly():
    for shape in (open_eyes(), open_mouth(open_eyes(aperture=0.1), 0.3)):
        onto = reference(shape)
        retargeter = Retargeter(onto)
        out = retargeter.compose(retargeter.rest(), motion(None).stamp, motion(None).tracking)
        np.testing.assert_allclose(out.landmarks_N3, onto.landmarks_N3, atol=0.3)


def test_head_turns_by_what_the_driver_turns_from_their_neutral():
    onto = reference(yaw=-0.2)
    out = retarget(open_eyes(), onto=onto, rest_pose={"yaw": 0.1}, yaw=0.3)
    relative = out.rotation_33 @ onto.rotation_33.T
    assert yaw_pitch_roll(relative)[0] == pytest.approx(0.2, abs=5e-3)


def test_rotation_is_limited_softly():
    turns = []
    for yaw in np.linspace(0, 1.4, 15):
        out = retarget(open_eyes(), yaw=float(yaw))
        turns.append(yaw_pitch_roll(out.rotation_33)[0])
    assert (np.diff(turns) > -1e-3).all()
    assert turns[3] == pytest.approx(0.3, abs=0.01)
    assert np.degrees(max(turns)) < 40.5
    tilted = retarget(open_eyes(), pitch=1.2)
    assert np.degrees(abs(yaw_pitch_roll(tilted.rotation_33)[1])) < 28.5


def test_head_moves_by_head_sizes():
    onto = reference(canvas_hw=(900, 900), scale=60.0)
    out = retarget(
        open_eyes(), onto=onto, rest_pose={"scale": 30.0}, scale=30.0, centre=(350.0, 240.0)
    )
    # 30 px are one inter-ocular distance of the driver: 60 px of the reference.
    np.testing.assert_allclose(out.translation_2 - onto.translation_2, [60.0, 0.0], atol=1.0)


def test_head_never_leaves_the_canvas():
    onto = reference()
    for centre in ((-4000.0, 240.0), (5000.0, 240.0), (320.0, -3000.0), (320.0, 9000.0)):
        out = retarget(open_eyes(), onto=onto, centre=centre)
        x, y = out.translation_2
        assert 0 < x < 512
        assert 0 < y < 512
        assert np.linalg.norm(out.translation_2 - onto.translation_2) > 20


def test_scale_is_relative_and_limited():
    assert retarget(open_eyes(), scale=66.0).scale == pytest.approx(80.0 * 1.1, rel=0.01)
    assert retarget(open_eyes(), scale=600.0).scale < 80.0 * np.exp(0.31)
    assert retarget(open_eyes(), scale=6.0).scale > 80.0 * np.exp(-0.31)


@pytest.mark.parametrize(
    "own",
    [open_eyes(), open_mouth(open_eyes(), 0.3), smile(open_mouth(open_eyes(), 0.15), 0.1)],
    ids=["closed", "gaping", "smiling"],
)
def test_closed_lips_of_the_driver_close_the_lips_of_any_reference(own: np.ndarray):
    out = retarget(open_eyes(), onto=reference(own))
    assert lip_aperture_of(out.shape_N3) < 0.02


@pytest.mark.parametrize("aperture", [0.05, 0.15, 0.3])
def test_closed_eye_of_the_driver_closes_the_eye_of_any_reference(aperture: float):
    onto = reference(open_eyes(aperture=aperture))
    shut = retarget(open_eyes(aperture=0.08), onto=onto)
    np.testing.assert_allclose(lid_apertures_of(shut.shape_N3), 0.0, atol=0.02)
    awake = retarget(open_eyes(), onto=onto)
    assert (lid_apertures_of(awake.shape_N3) > 0.18).all()


def test_wider_eyes_open_wider_up_to_a_limit():
    normal = lid_apertures_of(retarget(open_eyes()).shape_N3)
    wide = lid_apertures_of(retarget(open_eyes(aperture=0.36)).shape_N3)
    huge = lid_apertures_of(retarget(open_eyes(aperture=0.9)).shape_N3)
    assert (wide > 1.1 * normal).all()
    assert (huge < 1.45 * normal).all()


def test_openness_is_one_when_open_zero_when_closed_and_monotone():
    apertures = np.linspace(0, 0.5, 100, dtype=np.float32)
    open_ = np.full(100, 0.3, dtype=np.float32)
    values = openness(apertures, open_)
    assert (np.diff(values) >= 0).all()
    assert openness(open_, open_)[0] == pytest.approx(1.0)
    assert values[apertures <= 0.09].max() == pytest.approx(0.0, abs=0.02)


def test_opening_mouth_opens_in_proportion_to_the_references_mouth():
    gap = 0.3
    same = retarget(open_mouth(open_eyes(), gap))
    small = retarget(open_mouth(open_eyes(), gap), onto=reference(other_person(open_eyes())))
    assert same.lip_aperture == pytest.approx(face(open_mouth(open_eyes(), gap)).lip_aperture, 0.15)
    assert small.lip_aperture < same.lip_aperture
    assert small.lip_aperture > 0.5 * same.lip_aperture


def test_brows_rise():
    out = retarget(raise_brows(open_eyes(), 0.08))
    brow = topo.LEFT_BROW_UPPER[2]
    rest = retarget(open_eyes())
    assert rest.shape_N3[brow, 1] - out.shape_N3[brow, 1] > 0.06


def test_gaze_is_relative_to_the_drivers_own():
    onto = reference(look(open_eyes(), 0.1, 0.0))
    rest = look(open_eyes(), -0.05, 0.0)
    ahead = retarget(rest, onto=onto, rest=rest)
    np.testing.assert_allclose(ahead.gaze_22, onto.gaze_22, atol=0.01)
    right = retarget(look(open_eyes(), 0.2, 0.0), onto=onto, rest=rest)
    np.testing.assert_allclose((right.gaze_22 - onto.gaze_22)[:, 0], 0.25, atol=0.02)


def test_nonsense_offsets_cannot_tear_the_face():
    rng = np.random.default_rng(5)
    wild = open_eyes() + rng.normal(0, 3.0, (478, 3)).astype(np.float32)
    neutral = neutral_of(open_eyes())
    seen = face(open_eyes())
    torn = type(seen)(
        **{
            name: getattr(seen, name)
            for name in type(seen).__dataclass_fields__
            if name != "shape_N3"
        },
        shape_N3=wild,
    )
    out = Retargeter(reference()).retarget(motion(torn), neutral)
    assert np.isfinite(out.landmarks_N3).all()
    offsets = np.linalg.norm(out.shape_N3 - Retargeter(reference()).base_N3, axis=1)
    assert offsets.max() < 0.9


def test_no_triangle_folds_over_for_strong_but_real_expressions():
    def signed_areas(points: np.ndarray) -> np.ndarray:
        a, b, c = (points[topo.face_triangles()[:, i], :2] for i in range(3))
        ab, ac = b - a, c - a
        return ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]

    for shape in (
        open_mouth(open_eyes(), 0.5),
        smile(open_eyes(), 0.12),
        raise_brows(open_eyes(aperture=0.02), 0.1),
    ):
        out = retarget(shape)
        folded = signed_areas(out.shape_N3) < -2e-4
        assert folded.sum() <= 6, np.nonzero(folded)


def test_motion_without_a_face_leaves_the_picture_as_it_is():
    onto = reference()
    out = Retargeter(onto).retarget(motion(None), neutral_of(open_eyes()))
    np.testing.assert_allclose(out.landmarks_N3, onto.landmarks_N3, atol=0.3)
    assert np.linalg.norm(log_rotation(out.rotation_33 @ onto.rotation_33.T)) < 1e-3


def test_a_blink_read_unevenly_closes_both_eyes_alike() -> None:
    uneven = np.array([0.35, 0.6], dtype=np.float32)
    together = paired(uneven, from_yaw_pitch_roll(0.0, 0.0, 0.0))
    np.testing.assert_allclose(together, 0.475, atol=1e-5)


def test_a_wink_stays_a_wink() -> None:
    wink = np.array([0.05, 1.0], dtype=np.float32)
    np.testing.assert_allclose(paired(wink, np.eye(3, dtype=np.float32)), wink, atol=1e-5)


@pytest.mark.parametrize(("yaw", "near"), [(0.6, 1), (-0.6, 0)])
def test_of_a_turned_head_the_near_eye_is_believed(yaw: float, near: int) -> None:
    seen = np.array([0.5, 0.5], dtype=np.float32)
    seen[near] = 0.8
    both = paired(seen, from_yaw_pitch_roll(yaw, 0.0, 0.0))
    np.testing.assert_allclose(both, 0.8, atol=1e-5)


def test_eyes_that_are_read_apart_turn_together_and_a_look_aside_passes() -> None:
    wall_eyed = np.array([[0.12, 0.05], [-0.12, -0.05]], np.float32)
    together = conjugate(wall_eyed, np.eye(3, dtype=np.float32))
    assert np.abs(together[0] - together[1]).max() < 0.06
    aside = np.full((2, 2), 0.3, np.float32)
    np.testing.assert_allclose(conjugate(aside, np.eye(3, dtype=np.float32)), aside, atol=1e-6)


def test_a_turned_head_takes_its_gaze_from_the_near_eye() -> None:
    read = np.array([[0.5, 0.0], [0.1, 0.0]], np.float32)
    turned = from_yaw_pitch_roll(0.6, 0.0, 0.0)
    assert conjugate(read, turned)[:, 0].mean() < 0.15
