from __future__ import annotations

import numpy as np
import pytest

from avatar.evaluation import motion_metrics as metrics
from avatar.frames import FaceMotion, FloatArray
from avatar.motion.geometry import face_motion, place_head
from avatar.motion.rotation import from_yaw_pitch_roll
from avatar.motion.topology import LIPS_INNER_LOWER, canonical_face

CENTRE = np.array([128.0, 128.0], np.float32)


def _face(shape: FloatArray, *, yaw: float = 0.0, mouth: float = 0.0) -> FaceMotion:
    opened = shape.copy()
    opened[LIPS_INNER_LOWER[1:-1], 1] += mouth
    return face_motion(place_head(opened, from_yaw_pitch_roll(yaw, 0.0, 0.0), CENTRE, 40.0))


def _talking(shape: FloatArray, *, gain: float = 1.0, delay: int = 0) -> list[FaceMotion | None]:
    phase = 0.45 * (np.arange(40) - delay)
    openings = 0.1 + 0.08 * np.sin(phase) + 0.04 * np.sin(0.37 * phase + 1)
    return [_face(shape, mouth=gain * float(opening)) for opening in openings]


def test_equal_motion_is_perfect() -> None:
    series = _talking(canonical_face())
    assert metrics.mouth_correlation(series, series) == pytest.approx(1.0)
    assert metrics.mouth_lag_frames(series, series) == 0
    assert metrics.mean_rotation_error_deg(series, series) == pytest.approx(0.0, abs=0.05)
    assert metrics.jerk_ratio(series, series) == pytest.approx(1.0)
    face = series[0]
    assert face is not None
    assert metrics.landmark_distance(face, face) == 0.0


def test_a_still_mouth_correlates_with_nothing() -> None:
    talking = _talking(canonical_face())
    still: list[FaceMotion | None] = [_face(canonical_face())] * len(talking)
    assert metrics.mouth_correlation(talking, still) == 0.0
    assert metrics.mouth_correlation(still, talking) is None, "a silent truth asks for nothing"


def test_a_late_mouth_is_found_late() -> None:
    shape = canonical_face()
    assert metrics.mouth_lag_frames(_talking(shape), _talking(shape, delay=3)) == 3
    assert metrics.mouth_lag_frames(_talking(shape, delay=2), _talking(shape)) == -2


def test_a_turned_head_is_measured_in_degrees() -> None:
    shape = canonical_face()
    straight: list[FaceMotion | None] = [_face(shape)] * 10
    turned: list[FaceMotion | None] = [_face(shape, yaw=np.radians(20.0))] * 10
    assert metrics.mean_rotation_error_deg(straight, turned) == pytest.approx(20.0, abs=0.5)
    rest = turned[0]
    assert rest is not None
    relative = metrics.relative_rotation_error_deg(
        straight, turned, np.eye(3, dtype=np.float32), rest.rotation_33
    )
    assert relative == pytest.approx(0.0, abs=0.5)


def test_jitter_raises_the_jerk_ratio() -> None:
    series = _talking(canonical_face())
    noise = np.random.default_rng(0)
    shaky = []
    for face in series:
        assert face is not None
        jitter = noise.normal(0, 0.8, face.landmarks_N3.shape).astype(np.float32)
        shaky.append(face_motion(face.landmarks_N3 + jitter))
    ratio = metrics.jerk_ratio(series, shaky)
    assert ratio is not None
    assert ratio > 3


def test_a_leaking_face_shape_is_told_from_a_kept_one() -> None:
    reference = canonical_face()
    driver = reference * np.array([1.25, 0.9, 1.0], np.float32)
    driving = _talking(driver)
    rests = _face(driver).shape_N3, _face(reference).shape_N3
    kept = metrics.shape_leak(driving, _talking(reference), *rests)
    leaked = metrics.shape_leak(driving, _talking(driver), *rests)
    assert kept == pytest.approx(0.0, abs=0.1)
    assert leaked == pytest.approx(1.0, abs=0.1)
    assert metrics.shape_leak(driving, driving, rests[0], rests[0]) is None


def test_expression_error_counts_what_was_not_followed() -> None:
    shape = canonical_face()
    rest = _face(shape).shape_N3
    driving = _talking(shape)
    followed = metrics.expression_error(driving, _talking(shape), rest, rest)
    ignored = metrics.expression_error(driving, [_face(shape)] * len(driving), rest, rest)
    assert followed is not None
    assert ignored is not None
    assert followed < 1e-3 < ignored


def test_bones_of_equal_length_say_nothing() -> None:
    assert metrics.bone_leak(5.0, 5.1, 5.0) is None
    assert metrics.bone_leak(5.0, 6.0, 5.0) == pytest.approx(0.0)
    assert metrics.bone_leak(5.0, 6.0, 6.0) == pytest.approx(1.0)


def test_frames_without_a_face_are_left_out_and_too_few_are_null() -> None:
    series = _talking(canonical_face())
    holes = [None if index % 3 == 0 else face for index, face in enumerate(series)]
    assert metrics.mouth_correlation(series, holes) == pytest.approx(1.0)
    assert metrics.mouth_correlation(series, [None] * len(series)) is None
    assert metrics.mean_rotation_error_deg(series, [None] * len(series)) is None
    assert metrics.jerk_ratio(series[:5], series[:5]) is None
