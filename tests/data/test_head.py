"""The face model: expressions, gaze, lips, lash strips, named traits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from avatar.data.cast import cast
from avatar.data.dressed import dress
from avatar.data.grooming import grow_all, mean_hair_rgb
from avatar.data.hair import HairStyle
from avatar.data.head import expression, head_model, pose_face
from avatar.data.head_surface import light_in_mouth
from avatar.data.neck import neck_run
from avatar.data.people import random_person
from avatar.data.person import Person
from avatar.data.traits import trait_direction
from tests.data.conftest import SMALL

pytestmark = pytest.mark.usefixtures("assets")

STRAIGHT = np.zeros((2, 2), np.float32)


def test_both_eyes_look_straight_ahead_at_zero_gaze() -> None:
    _, eyes = pose_face(head_model().neutral_V3, expression(), STRAIGHT)
    np.testing.assert_allclose(eyes.axis_23, [[0, 0, 1], [0, 0, 1]], atol=1e-3)


def test_positive_yaw_turns_the_eyes_to_the_subjects_left_and_positive_pitch_down() -> None:
    gaze = np.array([[0.4, 0.2], [0.4, 0.2]], np.float32)
    _, eyes = pose_face(head_model().neutral_V3, expression(), gaze)
    assert (eyes.axis_23[:, 0] > 0.3).all()
    assert (eyes.axis_23[:, 1] < -0.1).all()


def test_an_unknown_expression_is_named() -> None:
    with pytest.raises(KeyError, match="tongueOut"):
        expression(tongueOut=1.0)


def test_the_lips_of_a_resting_person_meet(person: Person) -> None:
    upper, lower = head_model().landmarks_68[[62, 66]]
    gap = person.shape_V3[upper, 1] - person.shape_V3[lower, 1]
    assert gap < 0.03  # cm


def test_lash_strips_run_from_the_lid_outwards() -> None:
    model = head_model()
    strips = model.neutral_V3[model.lash_strips]
    for k, strip in enumerate(strips):
        centre = model.eye_centre_23[0 if k < 6 else 1]
        far = np.linalg.norm(strip - centre, axis=-1).mean(1)
        assert far[0] < far[-1]


def test_the_male_direction_lengthens_the_lower_face(assets: Path) -> None:
    model = head_model()
    weights = trait_direction("male")
    moved = np.tensordot(weights, model.identity_KV3[: len(weights)], 1)
    chin, brow = model.landmarks_68[8], model.landmarks_68[27]
    assert moved[brow, 1] - moved[chin, 1] > 0.1  # cm


def test_an_unknown_trait_is_named() -> None:
    with pytest.raises(KeyError, match="tall"):
        trait_direction("tall")


def test_teeth_between_closed_lips_do_not_shine() -> None:
    neutral, _ = pose_face(head_model().neutral_V3, expression(mouthClose=0.1), STRAIGHT)
    opened, _ = pose_face(head_model().neutral_V3, expression(jawOpen=0.5), STRAIGHT)
    assert light_in_mouth(neutral) < 0.6
    assert light_in_mouth(opened) == 1.0


def test_white_hair_of_wide_ribbons_is_lit_where_black_hair_is_dark() -> None:
    style = replace(random_person(3), hair=HairStyle(length=12), beard=None, glasses=None)
    shape = head_model().neutral_V3
    black = replace(style, hair_rgb=(0.01, 0.01, 0.01), grey=0.0)
    white = replace(style, hair_rgb=(0.4, 0.4, 0.4), grey=0.9)
    darkest = [grow_all(s, SMALL, shape)[0][0].occlusion_SK.min() for s in (black, white)]
    assert darkest[0] < 0.3
    assert darkest[1] > 0.7
    np.testing.assert_allclose(mean_hair_rgb(black), 0.01)
    assert mean_hair_rgb(white).mean() > 0.4


def test_shoulders_sink_where_they_slope_and_necks_do_not() -> None:
    dressed = dress(cast()["walter"].person)
    at = dressed.skin(*dressed.rest_bones())[dressed.kept_V]
    run = neck_run(at)
    slope = (np.abs(at[:, 0]) > 10.0) & (run < 16.5)
    assert slope.any()
    assert dressed.sunk_V[slope].min() > 0.5
    neck = (np.abs(at[:, 0]) < 7.0) & (run < 11.0)
    np.testing.assert_array_equal(dressed.sunk_V[neck & (dressed.sunk_V < 0.3)], 0.0)
