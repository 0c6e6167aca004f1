"""Voice and picture meet at the listener: whoever is early waits, by no more than needed."""

from __future__ import annotations

import numpy as np
import pytest

from server.lip_sync import CAPTURE_CHUNK_S, DEFAULT_LEAD_S, FRAME_S, MAX_DELAY_S, LipSync

PERIOD_S = 0.04


class _Listener:
    """Pictures and voice through one LipSync into a browser that holds both; an invented clock."""

    def __init__(self, lips: LipSync, *, picture_s: float, floor_s: float = 0.02) -> None:
        self.lips = lips
        self.picture_s = picture_s
        self.floor_s = floor_s
        self.now_s = 100.0
        self.browser_voice_s = self.browser_picture_s = 0.0
        self.skews_s: list[float] = []
        self.ages_s: list[float] = []

    def browser(self, voice_s: float, picture_s: float) -> None:
        self.browser_voice_s, self.browser_picture_s = voice_s, picture_s

    def live(self, seconds: float, *, voice_lag_s: float | None = None, is_heard: bool = True,
             jitter_s: float = 0.0, reports: bool = True) -> None:  # fmt: skip
        noise = np.random.default_rng(0)
        for index in range(round(seconds / PERIOD_S)):
            self.now_s += PERIOD_S
            if reports and index % 25 == 0:
                self.lips.on_playout(self.browser_voice_s, self.browser_picture_s)
            lag_s = max(self.floor_s, self.lips.delay_s)
            self.lips.on_voice(lag_s if is_heard else None, self.now_s)
            said_s = self.now_s - self.picture_s - float(noise.uniform(0, jitter_s))
            leave_s = self.lips.on_picture(said_s, self.now_s, voice_lag_s=voice_lag_s)
            self.lips.on_picture_sent(said_s, leave_s, voice_lag_s=voice_lag_s)
            # The microphone stamps its sound a chunk late; a mouth made of it is late with it. Its
            # age is a frame's end, and its ear begins with the frame.
            picture_age_s = (
                leave_s
                - said_s
                + (-CAPTURE_CHUNK_S if voice_lag_s is None else voice_lag_s - FRAME_S)
            )
            self.ages_s.append(leave_s - said_s)
            self.skews_s.append(
                lag_s + self.browser_voice_s - picture_age_s - self.browser_picture_s
            )

    def worst_ms(self, last: int = 50) -> float:
        return 1e3 * float(np.quantile(np.abs(self.skews_s[-last:]), 0.95))


def _listener(max_hold_s: float = 0.12, **named: float) -> _Listener:
    return _Listener(LipSync(max_hold_s=max_hold_s), **named)


def test_a_slow_picture_makes_the_voice_wait_and_is_not_held_itself() -> None:
    listener = _listener(picture_s=0.2)
    listener.browser(0.08, 0.03)
    listener.live(6)
    assert listener.lips.delay_s == pytest.approx(0.15 - CAPTURE_CHUNK_S, abs=0.002)
    assert listener.lips.hold_s == pytest.approx(0.0, abs=0.001)
    assert listener.worst_ms() < 5


def test_a_browser_that_keeps_voice_for_long_makes_the_picture_wait() -> None:
    listener = _listener(picture_s=0.04)
    listener.browser(0.12, 0.03)
    listener.live(6)
    assert listener.lips.hold_s == pytest.approx(
        0.02 + CAPTURE_CHUNK_S + 0.12 - 0.03 - 0.04, abs=0.004
    )
    assert listener.worst_ms() < 5


def test_what_the_engine_s_rhythm_lacks_is_evened_out_by_the_hold() -> None:
    listener = _listener(picture_s=0.03)
    listener.browser(0.12, 0.03)
    listener.live(8, jitter_s=0.03)
    assert listener.worst_ms() < 8
    assert np.ptp(listener.ages_s[-50:]) < 0.008


def test_no_picture_is_held_for_longer_than_allowed() -> None:
    listener = _listener(picture_s=0.04, max_hold_s=0.05)
    listener.browser(0.4, 0.03)
    listener.live(8)
    assert max(listener.ages_s) <= 0.04 + 0.05 + 1e-6


def test_a_bound_of_zero_means_the_least_latency() -> None:
    listener = _listener(picture_s=0.04, max_hold_s=0.0)
    listener.browser(0.2, 0.03)
    listener.live(4)
    assert max(listener.ages_s) == pytest.approx(0.04)


def test_a_silent_voice_keeps_no_picture_waiting() -> None:
    listener = _listener(picture_s=0.04)
    listener.browser(0.15, 0.03)
    listener.live(6)
    assert listener.lips.hold_s > 0.05
    listener.live(4, is_heard=False)
    assert listener.ages_s[-1] == pytest.approx(0.04)


def test_the_hold_comes_and_goes_too_slowly_to_be_seen() -> None:
    listener = _listener(picture_s=0.04)
    listener.browser(0.15, 0.03)
    listener.live(10)
    steps_s = np.abs(np.diff(listener.ages_s))
    assert steps_s.max() <= 0.1 * PERIOD_S + 0.0045  # the dead band is passed in one step


def test_one_odd_report_moves_nothing() -> None:
    listener = _listener(picture_s=0.1)
    listener.browser(0.08, 0.03)
    listener.live(6)
    before_s = listener.lips.lead_s
    listener.lips.on_playout(0.9, 0.03)
    assert listener.lips.lead_s == before_s


def test_a_browser_that_changes_is_followed_within_seconds() -> None:
    listener = _listener(picture_s=0.1)
    listener.browser(0.08, 0.03)
    listener.live(6)
    listener.browser(0.16, 0.03)
    listener.live(10)
    assert listener.worst_ms() < 10


def test_small_changes_of_the_reports_do_not_move_the_voice() -> None:
    lips = LipSync(max_hold_s=0.12)
    lips.on_playout(0.08, 0.03)
    for index in range(20):
        lips.on_playout(0.08 + 0.005 * (index % 2), 0.03)
        assert lips.lead_s == pytest.approx(0.05)


def test_without_reports_a_usual_browser_is_assumed_and_no_skew_is_claimed() -> None:
    listener = _listener(picture_s=0.2)
    listener.live(4, reports=False)
    assert listener.lips.delay_s == pytest.approx(0.2 - CAPTURE_CHUNK_S - DEFAULT_LEAD_S)
    assert listener.lips.skew_s is None


def test_the_voice_waits_for_what_the_mouth_is_behind() -> None:
    listener = _listener(picture_s=0.06)
    listener.browser(0.08, 0.03)
    listener.live(6, voice_lag_s=0.09)
    assert listener.lips.delay_s == pytest.approx(0.06 + 0.09 - FRAME_S - 0.05, abs=0.002)
    assert listener.worst_ms() < 5


def test_the_camera_s_way_matters_only_where_the_camera_moves_the_mouth() -> None:
    by_camera, by_voice = LipSync(max_hold_s=0.1), LipSync(max_hold_s=0.1)
    for step in range(100):
        now_s = 10.0 + PERIOD_S * step
        for lips in (by_camera, by_voice):
            lips.on_arrival("video", now_s - 0.2, now_s, now_s)
            lips.on_arrival("audio", now_s - 0.1, now_s, now_s)
        by_camera.on_picture(now_s - 0.06, now_s)
        by_voice.on_picture(now_s - 0.06, now_s, voice_lag_s=0.09)
    assert by_camera.uplink_skew_s == pytest.approx(0.1)
    assert by_camera.delay_s == pytest.approx(0.06 + 0.1 - CAPTURE_CHUNK_S - DEFAULT_LEAD_S)
    assert by_voice.delay_s == pytest.approx(0.06 + 0.09 - FRAME_S - DEFAULT_LEAD_S)


def test_one_slow_picture_does_not_move_the_voice() -> None:
    lips = LipSync(max_hold_s=0.1)
    for step in range(100):
        now_s = 100.0 + step * PERIOD_S
        lips.on_picture(now_s - (0.9 if step == 70 else 0.1), now_s)
        assert lips.delay_s == pytest.approx(0.1 - CAPTURE_CHUNK_S - DEFAULT_LEAD_S)


def test_a_lying_clock_is_ignored() -> None:
    lips = LipSync(max_hold_s=0.1)
    lips.on_arrival("video", 7000.0, 105.0, 100.0)
    lips.on_arrival("audio", 7000.0, 100.0, 100.0)
    lips.on_picture(100.0, 100.06)
    assert lips.uplink_skew_s == 0.0
    assert lips.delay_s <= MAX_DELAY_S


def test_the_skew_that_is_told_is_the_one_that_is_there() -> None:
    listener = _listener(picture_s=0.04, max_hold_s=0.0)
    listener.browser(0.15, 0.03)
    listener.live(4)
    assert listener.lips.skew_s == pytest.approx(listener.skews_s[-1], abs=0.002)
    assert listener.skews_s[-1] > 0.09
