"""The neutral, and its form in the browser."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from avatar.errors import ConfigError
from avatar.motion.neutral import MAX_JSON_CHARS, Neutral
from avatar.motion.rotation import yaw_pitch_roll
from tests.motion.synthetic import PICTURE_HW, face, open_eyes, reference


def make(has_body: bool = True) -> Neutral:
    return Neutral.of_reference(reference(yaw=0.1, has_body=has_body))


@pytest.mark.parametrize("has_body", [True, False])
def test_json_round_trip_is_compact_and_exact_enough(has_body: bool):
    neutral = make(has_body)
    text = neutral.to_json()
    assert len(text) <= MAX_JSON_CHARS
    again = Neutral.from_json(text)
    np.testing.assert_allclose(again.shape_N3, neutral.shape_N3, atol=1e-4)
    np.testing.assert_allclose(again.rotation_33, neutral.rotation_33, atol=1e-5)
    np.testing.assert_allclose(again.lid_apertures_2, neutral.lid_apertures_2, atol=1e-4)
    assert again.scale == pytest.approx(neutral.scale, abs=1e-5)
    assert (again.joints_J3 is not None) is has_body
    if neutral.joints_J3 is not None and again.joints_J3 is not None:
        np.testing.assert_allclose(again.joints_J3, neutral.joints_J3, atol=1e-3)


def damaged(**changes: Any) -> str:
    values = json.loads(make().to_json())
    values.update(changes)
    return json.dumps({k: v for k, v in values.items() if v != "REMOVE"})


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "not JSON"),
        ("[1, 2]", "not a JSON object"),
        ("[" * 20_000, "not JSON"),
        ("x" * (MAX_JSON_CHARS + 1), "characters long"),
        (damaged(version=99), "version"),
        (damaged(version="REMOVE"), "version"),
        (damaged(shape="REMOVE"), "shape"),
        (damaged(shape="!!!"), "shape"),
        (damaged(shape="AAAA"), "length"),
        (damaged(shape=7), "shape"),
        (damaged(lids=[0.3]), "lids"),
        (damaged(lids=[0.3, "a"]), "lids"),
        (damaged(lids=[-0.3, 0.3]), "lids"),
        (damaged(lids=[True, 0.3]), "lids"),
        (damaged(gaze=[float("nan"), 0, 0, 0]), "gaze"),
        (damaged(gaze=[10**400, 0, 0, 0]), "gaze"),
        (damaged(rotation=[1, 0, 0, 0, 1, 0, 0, 0, -1]), "rotation"),
        (damaged(rotation=[0] * 9), "rotation"),
        (damaged(scale=0), "scale"),
        (damaged(scale=None), "scale"),
        (damaged(lip="wide"), "lip"),
        (damaged(translation=[1e9, 0]), "translation"),
        (damaged(visibility="REMOVE"), "visibility"),
    ],
)
def test_nonsense_from_a_browser_is_named(text: str, named: str):
    with pytest.raises(ConfigError, match=named) as error:
        Neutral.from_json(text)
    assert "Calibrate again" in str(error.value)


def test_a_flat_shape_is_no_face():
    values = json.loads(make().to_json())
    values["shape"] = "AAAA" * (478 * 6 // 3)
    with pytest.raises(ConfigError, match="not a face"):
        Neutral.from_json(json.dumps(values))


def test_place_scales_with_the_picture():
    neutral = Neutral.of_face(face(open_eyes(), centre=(400.0, 300.0)), PICTURE_HW)
    place, scale = neutral.place_px(PICTURE_HW)
    np.testing.assert_allclose(place, [400.0, 300.0], atol=0.1)
    place, larger = neutral.place_px((960, 1280))
    np.testing.assert_allclose(place, [800.0, 600.0], atol=0.2)
    assert larger == pytest.approx(2 * scale)


def test_blend_goes_from_one_to_the_other():
    a = Neutral.of_face(face(open_eyes(), yaw=0.0, scale=40.0), PICTURE_HW)
    b = Neutral.of_face(face(open_eyes(), yaw=0.4, scale=90.0), PICTURE_HW)
    assert yaw_pitch_roll(a.blend(b, 0.5).rotation_33)[0] == pytest.approx(0.2, abs=1e-3)
    assert a.blend(b, 1.0).scale == pytest.approx(b.scale)
    assert a.blend(b, 0.0).scale == pytest.approx(a.scale)


def test_blend_keeps_joints_that_the_other_did_not_see():
    a, b = make(), make()
    assert a.joints_J3 is not None
    assert b.joints_J3 is not None
    assert b.visibility_J is not None
    b.joints_J3[15] += 5.0
    b.visibility_J[15] = 0.0
    mixed = a.blend(b, 1.0)
    assert mixed.joints_J3 is not None
    np.testing.assert_allclose(mixed.joints_J3[15], a.joints_J3[15])
