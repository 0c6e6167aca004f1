"""Smoothing of a face, and the way of a lost one."""

from __future__ import annotations

import numpy as np
import pytest

from avatar.frames import FaceMotion, Tracking
from avatar.motion import topology as topo
from avatar.motion.geometry import face_motion
from avatar.motion.neutral import Neutral
from avatar.motion.rotation import yaw_pitch_roll
from avatar.motion.smoothing import EASE_OUT_S, HOLD_S, FaceSmoother
from tests.motion.synthetic import PICTURE_HW, face, landmarks, open_eyes

DT_S = 0.04


def neutral() -> Neutral:
    return Neutral.of_face(face(open_eyes()), PICTURE_HW)


def push(
    smoother: FaceSmoother, seen: FaceMotion | None, time_s: float
) -> tuple[FaceMotion, Tracking]:
    shown, tracking = smoother.update(seen, neutral(), PICTURE_HW, time_s)
    assert shown is not None
    return shown, tracking


def yaw_of(shown: FaceMotion) -> float:
    return yaw_pitch_roll(shown.rotation_33)[0]


def test_never_seen_is_lost_without_a_face():
    assert FaceSmoother().update(None, None, PICTURE_HW, 0.0) == (None, Tracking.LOST)


def test_lost_face_is_held_then_eased_to_neutral_then_lost():
    smoother = FaceSmoother()
    time_s = 0.0
    for _ in range(25):
        push(smoother, face(open_eyes(), yaw=0.5), time_s)
        time_s += DT_S
    states, yaws = [], []
    while not states or states[-1] is not Tracking.LOST:
        shown, state = push(smoother, None, time_s)
        states.append(state)
        yaws.append(yaw_of(shown))
        time_s += DT_S
    assert [s for i, s in enumerate(states) if i == 0 or s is not states[i - 1]] == [
        Tracking.HELD,
        Tracking.EASING,
        Tracking.LOST,
    ]
    held = states.count(Tracking.HELD) * DT_S
    assert held == pytest.approx(HOLD_S, abs=1.5 * DT_S)
    assert len(states) * DT_S == pytest.approx(HOLD_S + EASE_OUT_S, abs=2 * DT_S)
    assert yaws[0] == pytest.approx(0.5, abs=0.01)
    assert yaws[-1] == pytest.approx(0.0, abs=1e-3)
    assert np.abs(np.diff(yaws)).max() < 0.05


def test_face_comes_back_without_a_jump():
    smoother = FaceSmoother()
    for i in range(10):
        push(smoother, face(open_eyes(), yaw=-0.4), i * DT_S)
    for i in range(10, 60):
        last, _ = push(smoother, None, i * DT_S)
    yaws = [yaw_of(last)]
    for i in range(60, 90):
        shown, state = push(smoother, face(open_eyes(), yaw=0.6), i * DT_S)
        assert state is Tracking.TRACKED
        yaws.append(yaw_of(shown))
    assert np.abs(np.diff(yaws)).max() < 0.16
    assert yaws[-1] == pytest.approx(0.6, abs=0.01)


def test_one_missed_frame_is_hardly_seen():
    smoother = FaceSmoother()
    shown = None
    for i in range(40):
        seen = None if i == 20 else face(open_eyes(), yaw=0.01 * i)
        before = shown
        shown, _ = push(smoother, seen, i * DT_S)
        if before is not None:
            assert abs(yaw_of(shown) - yaw_of(before)) < 0.03


def test_jitter_of_a_resting_face_is_reduced_by_half_or_more():
    rng = np.random.default_rng(2)
    smoother = FaceSmoother()
    truth = landmarks(open_eyes())
    raw, out = [], []
    for i in range(100):
        seen = face_motion(truth + rng.normal(0, 0.4, truth.shape).astype(np.float32))
        shown, _ = push(smoother, seen, i * DT_S)
        raw.append(seen.landmarks_N3[topo.RIGID, :2])
        out.append(shown.landmarks_N3[topo.RIGID, :2])
    jitter = [np.diff(np.array(points[30:]), axis=0).std() for points in (raw, out)]
    assert jitter[1] < 0.5 * jitter[0]


def test_scale_and_rotation_noise_do_not_shake_a_face_far_from_the_corner():
    rng = np.random.default_rng(4)
    smoother = FaceSmoother()
    shown = []
    for i in range(80):
        yaw, scale = rng.normal(0, 0.01), 60.0 * float(np.exp(rng.normal(0, 0.01)))
        seen = face(open_eyes(), yaw=yaw, scale=scale, centre=(1200.0, 700.0))
        shown.append(push(smoother, seen, i * DT_S)[0].translation_2)
    # Filtering head sizes instead of pixels would shake it by 1 % of 1200 px.
    assert np.diff(np.array(shown[30:]), axis=0).std() < 0.5


def test_time_that_runs_back_starts_anew():
    smoother = FaceSmoother()
    push(smoother, face(open_eyes(), yaw=0.5), 10.0)
    shown, _ = push(smoother, face(open_eyes(), yaw=-0.5), 2.0)
    assert yaw_of(shown) == pytest.approx(-0.5, abs=1e-3)


def test_a_head_that_turns_hardly_shrinks():
    """Trackers guess depth too flat: the same head measures a sixth smaller at 36 degrees."""
    smoother = FaceSmoother()
    for index in range(100):
        turned = min(max((index - 20) / 15, 0.0), 1.0)
        seen = face(open_eyes(), yaw=0.63 * turned, scale=60.0 * (1 - 0.17 * turned**2))
        out, _ = smoother.update(seen, neutral(), PICTURE_HW, index * DT_S)
        assert out is not None
        assert out.scale > (1 - 0.17 / 2.5) * 60.0


def test_a_face_that_comes_closer_grows_at_once_and_in_the_end_even_while_it_is_turned():
    for yaw, after_s in ((0.0, 0.6), (0.4, 4.0)):
        smoother = FaceSmoother()
        for index in range(int(after_s / DT_S) + 10):
            scale = 60.0 if index < 10 else 75.0
            seen = face(open_eyes(), yaw=yaw, scale=scale)
            out, _ = smoother.update(seen, neutral(), PICTURE_HW, index * DT_S)
        assert out is not None
        assert out.scale > 73.0
