"""How the neutral is found."""

from __future__ import annotations

import numpy as np
import pytest

from avatar.motion.calibration import Calibrator, NeutralOrigin, Observation, provisional
from avatar.motion.geometry import lid_apertures_of, lip_aperture_of
from avatar.motion.neutral import Neutral
from avatar.motion.rotation import yaw_pitch_roll
from tests.motion.synthetic import (
    PICTURE_HW,
    body,
    face,
    open_eyes,
    open_mouth,
    raise_brows,
    smile,
    with_raised_arm,
)

DT_S = 0.04


def see(shape: np.ndarray | None = None, **pose: float) -> Observation:
    return Observation(face(open_eyes() if shape is None else shape, **pose), PICTURE_HW)


def run(
    calibrator: Calibrator, seen: Observation | None, seconds: float, start_s: float
) -> tuple[Neutral | None, float]:
    neutral, time_s = None, start_s
    for _ in range(round(seconds / DT_S)):
        neutral = calibrator.update(seen, time_s)
        time_s += DT_S
    return neutral, time_s


def test_a_neutral_exists_from_the_first_frame():
    calibrator = Calibrator()
    assert calibrator.update(None, 0.0) is None
    assert calibrator.update(see(), 0.04) is not None
    assert calibrator.origin is NeutralOrigin.PROVISIONAL


def test_first_frame_with_open_mouth_shut_eyes_or_a_turned_head_is_corrected():
    gaping = provisional(see(open_mouth(open_eyes(aperture=0.03), 0.4), yaw=0.9))
    assert lip_aperture_of(gaping.shape_N3) < 0.01
    assert (lid_apertures_of(gaping.shape_N3) > 0.25).all()
    assert abs(yaw_pitch_roll(gaping.rotation_33)[0]) < np.radians(16)


def test_automatic_neutral_follows_within_a_second_of_rest_and_eases_in():
    calibrator = Calibrator()
    calibrator.update(see(raise_brows(open_eyes(), 0.1)), 0.0)
    first = calibrator.neutral
    assert first is not None
    shapes, time_s = [], DT_S
    while time_s < 3.0:
        neutral = calibrator.update(see(), time_s)
        assert neutral is not None
        shapes.append(neutral.shape_N3)
        time_s += DT_S
    assert calibrator.origin is NeutralOrigin.AUTOMATIC
    np.testing.assert_allclose(shapes[-1], see().face.shape_N3, atol=0.01)
    assert np.abs(np.diff(np.array(shapes), axis=0)).max() < 0.02


def test_blinks_and_speech_do_not_enter_the_neutral():
    calibrator = Calibrator()
    calibrator.update(see(), 0.0)
    calibrator.request()
    for i in range(1, 100):
        shape = open_eyes()
        if i % 10 in (3, 4):
            shape = open_eyes(aperture=0.05)
        if i % 7 in (1, 2):
            shape = open_mouth(shape, 0.25)
        calibrator.update(see(shape), i * DT_S)
    neutral = calibrator.neutral
    assert calibrator.origin is NeutralOrigin.CALIBRATED
    assert neutral is not None
    np.testing.assert_allclose(neutral.lid_apertures_2, 0.3, atol=0.01)
    assert neutral.lip_aperture < 0.03


def test_request_takes_one_second_and_reports_progress():
    calibrator = Calibrator()
    _, time_s = run(calibrator, see(), 3.0, 0.0)
    assert calibrator.progress is None
    calibrator.request()
    assert calibrator.progress == 0.0
    _, time_s = run(calibrator, see(smile(open_eyes(), 0.06)), 0.5, time_s)
    assert calibrator.progress == pytest.approx(0.5, abs=0.1)
    neutral, _ = run(calibrator, see(smile(open_eyes(), 0.06)), 1.2, time_s)
    assert calibrator.progress is None
    assert calibrator.origin is NeutralOrigin.CALIBRATED
    assert neutral is not None
    np.testing.assert_allclose(
        neutral.shape_N3, see(smile(open_eyes(), 0.06)).face.shape_N3, atol=0.01
    )


def test_request_without_a_usable_face_ends_and_keeps_the_old_neutral():
    calibrator = Calibrator()
    before, time_s = run(calibrator, see(), 3.0, 0.0)
    assert before is not None
    calibrator.request()
    after, _ = run(calibrator, see(open_mouth(open_eyes(), 0.4)), 6.0, time_s)
    assert calibrator.progress is None
    assert after is not None
    np.testing.assert_allclose(after.shape_N3, before.shape_N3, atol=0.01)


def test_refinement_is_slow_and_only_from_faces_at_rest():
    calibrator = Calibrator()
    start = Neutral.of_face(see().face, PICTURE_HW)
    calibrator.neutral = start
    assert calibrator.origin is NeutralOrigin.STORED
    drifted = see(smile(open_eyes(), 0.03))
    ten_s, time_s = run(calibrator, drifted, 10.0, 0.0)
    minutes, time_s = run(calibrator, drifted, 300.0, time_s)
    assert ten_s is not None
    assert minutes is not None
    goal = np.abs(drifted.face.shape_N3 - start.shape_N3).max()
    assert np.abs(ten_s.shape_N3 - start.shape_N3).max() < 0.15 * goal
    assert np.abs(minutes.shape_N3 - start.shape_N3).max() > 0.7 * goal
    talking, _ = run(calibrator, see(open_mouth(open_eyes(), 0.3)), 60.0, time_s)
    assert talking is not None
    np.testing.assert_allclose(talking.shape_N3, minutes.shape_N3, atol=1e-5)


def test_refinement_can_be_switched_off():
    calibrator = Calibrator()
    calibrator.neutral = Neutral.of_face(see().face, PICTURE_HW)
    calibrator.is_refining = False
    before = calibrator.neutral
    after, _ = run(calibrator, see(smile(open_eyes(), 0.03)), 60.0, 0.0)
    assert after is before


def test_body_found_later_joins_and_raised_arms_are_no_rest():
    calibrator = Calibrator()
    calibrator.update(see(), 0.0)
    raised = with_raised_arm(body(), 0)
    neutral = calibrator.update(Observation(see().face, PICTURE_HW, raised), DT_S)
    assert neutral is not None
    assert neutral.visibility_J is not None
    assert neutral.visibility_J[15] == 0.0
    assert neutral.visibility_J[16] == 1.0
    assert neutral.visibility_J[11] == 1.0


def test_reset_forgets_the_driver():
    calibrator = Calibrator()
    run(calibrator, see(), 2.0, 0.0)
    calibrator.reset()
    assert calibrator.neutral is None
    assert calibrator.origin is NeutralOrigin.NONE
