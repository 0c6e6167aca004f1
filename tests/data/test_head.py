"""The face model: expressions, gaze, lips, lash strips, named traits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from avatar.data.head import expression, head_model, pose_face
from avatar.data.person import Person
from avatar.data.traits import trait_direction

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
