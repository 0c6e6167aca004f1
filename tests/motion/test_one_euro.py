"""One-Euro filters: rest is damped, motion is followed, a stop is not swung past."""

from __future__ import annotations

import numpy as np
import pytest

from avatar.motion.one_euro import OneEuro, OneEuroRotation, OneEuroSettings
from avatar.motion.rotation import from_yaw_pitch_roll, log_rotation, yaw_pitch_roll
from avatar.motion.smoothing import LIDS, ROTATION, TRANSLATION, TREND_S

DT_S = 0.04
CALM = OneEuroSettings(min_cutoff_hz=1.0, beta=2.0)


def test_noise_at_rest_is_damped():
    rng = np.random.default_rng(0)
    smooth = OneEuro(CALM)
    noise = rng.normal(0, 0.01, (200, 5, 3)).astype(np.float32)
    out = np.array([smooth(n, DT_S) for n in noise])
    assert out[50:].std() < 0.5 * noise.std()


def test_fast_movement_lags_less_than_slow():
    def lag(speed: float) -> float:
        smooth = OneEuro(CALM)
        for i in range(60):
            out = smooth(np.array([speed * i * DT_S], dtype=np.float32), DT_S)
        return (speed * 59 * DT_S - float(out[0])) / speed

    assert lag(5.0) < 0.3 * lag(0.05)


def test_constant_input_passes_unchanged_and_first_value_at_once():
    smooth = OneEuro(CALM)
    value = np.arange(6, dtype=np.float32).reshape(2, 3)
    for _ in range(5):
        np.testing.assert_allclose(smooth(value, DT_S), value)


def test_frame_rate_does_not_change_the_course():
    def end(fps: int) -> float:
        smooth = OneEuro(OneEuroSettings(min_cutoff_hz=1.0, beta=0.0))
        smooth(np.zeros(1, dtype=np.float32), 0.0)
        for _ in range(fps // 5):
            out = smooth(np.ones(1, dtype=np.float32), 1.0 / fps)
        return float(out[0])

    assert end(25) == pytest.approx(end(100), abs=0.06)


def test_rotation_filter_converges_and_damps_noise():
    rng = np.random.default_rng(0)
    smooth = OneEuroRotation(CALM)
    target = from_yaw_pitch_roll(0.4, 0.1, -0.2)
    turns = []
    for _ in range(150):
        noisy = from_yaw_pitch_roll(*rng.normal(0, 0.02, 3)) @ target
        turns.append(np.linalg.norm(log_rotation(smooth(noisy, DT_S) @ target.T)))
    assert np.mean(turns[50:]) < 0.02


def test_blinks_survive():
    smooth = OneEuro(LIDS)
    trace = np.full(60, 0.30)
    trace[30:35] = [0.18, 0.05, 0.04, 0.10, 0.22]  # 160 ms at 25 fps
    out = [float(smooth(np.array([v], dtype=np.float32), DT_S)[0]) for v in trace]
    assert min(out) < 0.08
    assert int(np.argmin(out)) - int(np.argmin(trace)) <= 1


def test_a_steady_movement_is_followed_more_closely_with_a_trend():
    def late_s(trend_s: float) -> float:
        smooth = OneEuro(OneEuroSettings(min_cutoff_hz=1.0, beta=0.5, trend_s=trend_s))
        for i in range(60):
            out = smooth(np.array([0.5 * i * DT_S], dtype=np.float32), DT_S)
        return (0.5 * 59 * DT_S - float(out[0])) / 0.5

    assert late_s(0.5) < 0.5 * late_s(0.0)
    assert late_s(TREND_S) < late_s(0.0)


@pytest.mark.parametrize("speed", [0.2, 1.0, 3.0])
def test_a_head_that_stops_is_not_swung_past(speed: float):
    turn, shift = OneEuroRotation(ROTATION), OneEuro(TRANSLATION)
    yaws, places = [], []
    for i in range(40):
        there = speed * DT_S * min(i, 15)
        yaws.append(yaw_pitch_roll(turn(from_yaw_pitch_roll(there, 0.0, 0.0), DT_S))[0])
        places.append(float(shift(np.array([there], dtype=np.float32), DT_S)[0]))
    for course in (yaws, places):
        assert max(course) < speed * DT_S * 15.25, "a quarter of a frame's way at most"
        assert course[-1] == pytest.approx(speed * DT_S * 15, abs=0.02 * speed)


def test_after_a_reset_there_is_no_trend():
    smooth = OneEuro(OneEuroSettings(min_cutoff_hz=1.0, beta=2.0, trend_s=1.0))
    for i in range(10):
        smooth(np.array([float(i)], dtype=np.float32), DT_S)
    smooth.reset()
    for _ in range(3):
        out = smooth(np.zeros(1, dtype=np.float32), DT_S)
    assert float(out[0]) == 0.0
