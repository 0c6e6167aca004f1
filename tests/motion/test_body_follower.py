"""Body and hands at every frame from a slower tracker."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from avatar.frames import BodyMotion, ByteArray, HandsMotion
from avatar.motion.body_follower import GONE_S, PERIOD_S, BodyFollower
from avatar.motion.tracker_body import BodyObservation
from tests.motion.synthetic import body, hand

PICTURE = np.zeros((480, 640, 3), dtype=np.uint8)
DT_S = 0.04


class FakeTracker:
    """Sees a body that stands where `x` says; counts what it is asked."""

    def __init__(self) -> None:
        self.num_looks = 0
        self.num_resets = 0
        self.is_closed = False
        self.x = 320.0
        self.is_there = True
        self.has_hand = True
        self.gate: threading.Event | None = None
        self.started = threading.Event()

    def track(self, rgb_HW3: ByteArray, *, wants_hands: bool = True) -> BodyObservation:
        self.num_looks += 1
        self.started.set()
        if self.gate is not None:
            assert self.gate.wait(10.0)
        if not self.is_there:
            return BodyObservation(None, None)
        posture = body(20.0, (self.x, 100.0))
        hands = None
        if wants_hands:
            joints = np.stack([hand(posture.joints_J3[15 + side], 20.0) for side in (0, 1)])
            hands = HandsMotion(joints, np.array([self.has_hand, False]))
        return BodyObservation(posture, hands)

    def reset(self) -> None:
        self.num_resets += 1

    def close(self) -> None:
        self.is_closed = True


def shoulder_x(seen: BodyMotion | None) -> float:
    assert seen is not None
    return float(seen.joints_J3[[11, 12], 0].mean())


def test_inline_tracker_runs_at_its_divided_rate_and_answers_every_frame():
    tracker = FakeTracker()
    follower = BodyFollower(is_live=False, make_tracker=lambda: tracker)
    for i in range(100):
        seen, hands = follower.update(PICTURE, i * DT_S)
        assert seen is not None
        assert hands is not None
        assert hands.is_present_2.tolist() == [True, False]
    assert tracker.num_looks == pytest.approx(100 * DT_S / PERIOD_S, rel=0.2)


def test_movement_between_looks_is_smooth_and_close():
    tracker = FakeTracker()
    follower = BodyFollower(is_live=False, make_tracker=lambda: tracker)
    shown, truth = [], []
    for i in range(75):
        tracker.x = 320.0 + 80.0 * float(np.sin(2 * np.pi * 0.5 * i * DT_S))
        seen, _ = follower.update(PICTURE, i * DT_S)
        shown.append(shoulder_x(seen))
        truth.append(tracker.x)
    steps = np.abs(np.diff(shown[10:]))
    assert steps.max() < 2.2 * np.abs(np.diff(truth)).max()
    assert np.abs(np.array(shown) - np.array(truth))[10:].max() < 35.0
    assert steps.min() >= 0.0
    # Steps, not stairs: hardly a frame stands still while the body moves.
    assert (steps < 0.1).mean() < 0.1


def test_same_input_gives_same_output_offline():
    def run() -> np.ndarray:
        tracker = FakeTracker()
        follower = BodyFollower(is_live=False, make_tracker=lambda: tracker)
        out = []
        for i in range(40):
            tracker.x = 300.0 + i
            out.append(shoulder_x(follower.update(PICTURE, i * DT_S)[0]))
        return np.array(out)

    np.testing.assert_array_equal(run(), run())


def test_gone_body_fades_and_then_is_none():
    tracker = FakeTracker()
    follower = BodyFollower(is_live=False, make_tracker=lambda: tracker)
    for i in range(20):
        follower.update(PICTURE, i * DT_S)
    tracker.is_there = False
    visible = []
    for i in range(20, 80):
        seen, _ = follower.update(PICTURE, i * DT_S)
        visible.append(0.0 if seen is None else float(seen.visibility_J.mean()))
    assert visible[0] > 0.9
    assert visible[-1] == 0.0
    assert max(-np.diff(visible)) < 0.35
    assert sum(v > 0 for v in visible) * DT_S < 2 * GONE_S + 0.3


def test_empty_picture_is_looked_at_less_often():
    tracker = FakeTracker()
    tracker.is_there = False
    follower = BodyFollower(is_live=False, make_tracker=lambda: tracker)
    for i in range(100):
        assert follower.update(PICTURE, i * DT_S) == (None, None)
    assert tracker.num_looks < 12


def test_hand_that_is_gone_is_gone_soon():
    tracker = FakeTracker()
    follower = BodyFollower(is_live=False, make_tracker=lambda: tracker)
    for i in range(10):
        follower.update(PICTURE, i * DT_S)
    tracker.has_hand = False
    for i in range(10, 25):
        _, hands = follower.update(PICTURE, i * DT_S)
    assert hands is not None
    assert not hands.is_present_2.any()


def test_picture_size_may_change():
    tracker = FakeTracker()
    follower = BodyFollower(is_live=False, make_tracker=lambda: tracker)
    for i in range(10):
        small, _ = follower.update(PICTURE, i * DT_S)
    # Shown on a picture of twice the size before the next look: the same place of it.
    large, _ = follower.update(np.zeros((960, 1280, 3), dtype=np.uint8), 10 * DT_S)
    assert small is not None
    assert large is not None
    np.testing.assert_allclose(large.joints_J3, 2 * small.joints_J3, atol=3.0)


def test_live_tracker_never_keeps_the_caller_waiting_and_the_newest_wins():
    tracker = FakeTracker()
    tracker.gate = threading.Event()
    follower = BodyFollower(is_live=True, make_tracker=lambda: tracker)
    try:
        for i in range(50):
            assert follower.update(PICTURE, i * DT_S) == (None, None)
        assert tracker.started.wait(10.0)
        assert tracker.num_looks == 1
        assert follower.num_dropped > 10
        tracker.gate.set()
        deadline = threading.Event()
        seen = None
        for i in range(50, 400):
            seen, _ = follower.update(PICTURE, i * DT_S)
            if seen is not None:
                break
            deadline.wait(0.02)
        assert seen is not None
    finally:
        tracker.gate.set()
        follower.close()
    assert tracker.is_closed


def test_failure_in_the_thread_reaches_the_caller():
    class Failing(FakeTracker):
        def track(self, rgb_HW3: ByteArray, *, wants_hands: bool = True) -> BodyObservation:
            raise ValueError("the model is broken")

    tracker = Failing()
    follower = BodyFollower(is_live=True, make_tracker=lambda: tracker)

    def push_until_it_shows() -> None:
        pause = threading.Event()
        for i in range(500):
            follower.update(PICTURE, i * DT_S)
            pause.wait(0.01)

    with pytest.raises(ValueError, match="broken"):
        push_until_it_shows()
    follower.close()
    assert tracker.is_closed


def test_reset_forgets_the_person():
    tracker = FakeTracker()
    follower = BodyFollower(is_live=False, make_tracker=lambda: tracker)
    for i in range(10):
        follower.update(PICTURE, i * DT_S)
    follower.reset()
    tracker.x = 600.0
    seen, _ = follower.update(PICTURE, 0.0)
    assert shoulder_x(seen) == pytest.approx(600.0, abs=1.0)
    assert tracker.num_resets == 1


def test_closing_without_use_is_fine():
    for is_live in (True, False):
        BodyFollower(is_live=is_live, make_tracker=FakeTracker).close()
