"""Idle life."""

from __future__ import annotations

import numpy as np
import pytest

from avatar.motion.idle import IdleMotion

FPS = 25


def course(seed: int, seconds: float, start_s: float = 0.0) -> dict[str, np.ndarray]:
    idle = IdleMotion(seed)
    states = [idle.at(start_s + i / FPS) for i in range(int(seconds * FPS))]
    return {
        "yaw": np.array([s.yaw for s in states]),
        "pitch": np.array([s.pitch for s in states]),
        "roll": np.array([s.roll for s in states]),
        "open": np.array([s.openness for s in states]),
        "gaze": np.array([s.gaze_2 for s in states]),
        "breath": np.array([s.breath for s in states]),
    }


def blink_starts(openness: np.ndarray) -> np.ndarray:
    shut = openness < 0.3
    return np.nonzero(shut[1:] & ~shut[:-1])[0] / FPS


def test_same_seed_and_time_give_the_same_moment_in_any_order():
    forward = [IdleMotion(7).at(t).yaw for t in (1.0, 50.0, 3.0)]
    idle = IdleMotion(7)
    assert [idle.at(t).yaw for t in (3.0, 1.0, 50.0)] == [forward[2], forward[0], forward[1]]
    assert IdleMotion(8).at(1.0).yaw != forward[0]


def test_blinks_are_as_frequent_irregular_and_short_as_peoples():
    openness = course(1, 300.0)["open"]
    starts = blink_starts(openness)
    per_minute = len(starts) / 5.0
    assert 9 < per_minute < 24
    gaps = np.diff(starts)
    assert gaps.std() > 0.8
    assert gaps.max() < 9.0
    shut = openness < 0.3
    assert shut.sum() / FPS / len(starts) == pytest.approx(0.15, abs=0.08)


def test_eyes_close_fully_in_a_blink():
    assert course(2, 60.0)["open"].min() < 0.06


def test_movement_is_smooth_small_and_never_stands_still():
    c = course(3, 120.0)
    for name, largest in (("yaw", 0.12), ("pitch", 0.1), ("roll", 0.08)):
        assert np.abs(c[name]).max() < largest
        assert np.abs(np.diff(c[name])).max() < 0.01
        for start in range(0, 120 * FPS - 10 * FPS, 10 * FPS):
            assert np.ptp(c[name][start : start + 10 * FPS]) > 0.002


def test_head_does_not_loop_within_minutes():
    yaw = course(4, 300.0)["yaw"][:: FPS // 5]
    piece = yaw[: 5 * 20] - yaw[: 5 * 20].mean()
    for lag in range(5 * 20, len(yaw) - len(piece), 5):
        other = yaw[lag : lag + len(piece)] - yaw[lag : lag + len(piece)].mean()
        match = (piece @ other) / (np.linalg.norm(piece) * np.linalg.norm(other) + 1e-9)
        assert match < 0.98


def test_gaze_rests_and_jumps():
    gaze = course(5, 60.0)["gaze"]
    speed = np.linalg.norm(np.diff(gaze, axis=0), axis=1) * FPS
    assert np.median(speed) < 0.2
    assert 15 < (np.diff((speed > 0.5).astype(int)) == 1).sum() < 120
    assert np.abs(gaze).max() < 0.4


def test_breathing_is_twelve_to_sixteen_a_minute():
    breath = course(6, 240.0)["breath"]
    up = (breath[1:] > 0) & (breath[:-1] <= 0)
    assert 11 < up.sum() / 4.0 < 17


@pytest.mark.parametrize("time_s", [-1e4, -0.5, 0.0, 1e7])
def test_any_time_is_fine(time_s: float):
    state = IdleMotion(0).at(time_s)
    assert np.isfinite([state.yaw, state.pitch, state.roll, state.openness, *state.gaze_2]).all()
