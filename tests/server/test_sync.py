"""The voice keeps step with the picture, and never stops."""

from __future__ import annotations

import numpy as np
import pytest

from server.sync import (
    BROWSER_LEAD_S,
    FRAME_SAMPLES,
    MAX_DELAY_S,
    RATE_HZ,
    DelayLine,
    SenderClock,
    TimestampUnwrapper,
    VoiceDelay,
)

PTIME_S = FRAME_SAMPLES / RATE_HZ


def _ramp(start: int) -> np.ndarray:
    """Samples that say where they are (as a fraction of a long stream)."""
    return (np.arange(start, start + FRAME_SAMPLES) / 1e7).astype(np.float32)


class _Loop:
    """A sender, a delay line and a player on one invented clock."""

    def __init__(self) -> None:
        self.line = DelayLine()
        self.now_s = 100.0
        self.timestamp = 0
        self.lags_s: list[float] = []

    def step(self, delay_s: float, *, is_lost: bool = False, late_s: float = 0.0) -> np.ndarray:
        self.now_s += PTIME_S
        if not is_lost:
            samples = _ramp(self.timestamp)
            self.line.push(samples, self.timestamp, self.now_s + late_s)
        self.timestamp += FRAME_SAMPLES
        frame = self.line.pull(delay_s, self.now_s + 0.003)
        if frame[-1] > 0:
            said_s = self.now_s - (self.timestamp - float(frame[-1]) * 1e7) / RATE_HZ
            self.lags_s.append(self.now_s + 0.003 - said_s)
        return frame


@pytest.mark.parametrize("delay_s", [0.04, 0.1, 0.3])
def test_the_voice_is_late_by_the_delay_asked_for(delay_s: float) -> None:
    loop = _Loop()
    for _ in range(150):
        loop.step(delay_s)
    assert np.median(loop.lags_s[-50:]) == pytest.approx(delay_s, abs=0.01)


def test_a_slowly_growing_delay_is_followed_without_a_jump() -> None:
    loop = _Loop()
    for i in range(500):
        loop.step(0.05 + 0.0001 * i)
    assert loop.line.counters.jumps == 0
    assert loop.lags_s[-1] == pytest.approx(0.1, abs=0.012)


def test_the_slew_is_bounded() -> None:
    loop = _Loop()
    for _ in range(100):
        loop.step(0.05)
    for _ in range(100):
        frame = loop.step(0.14)
        speed = float(frame[-1] - frame[0]) * 1e7 / (FRAME_SAMPLES - 1)
        assert 1 - DelayLine.SLEW - 0.01 <= speed <= 1 + DelayLine.SLEW + 0.01


def test_a_far_move_of_the_delay_is_one_jump() -> None:
    loop = _Loop()
    for _ in range(100):
        loop.step(0.05)
    for _ in range(50):
        loop.step(0.4)
    assert loop.line.counters.jumps == 1
    assert loop.lags_s[-1] == pytest.approx(0.4, abs=0.012)


def test_there_is_always_a_frame_even_of_nothing() -> None:
    line = DelayLine()
    for i in range(10):
        frame = line.pull(0.05, 100.0 + i * PTIME_S)
        assert frame.shape == (FRAME_SAMPLES,)
        assert not frame.any()
    assert line.counters.silent_frames == 10


def test_a_lost_packet_is_a_hole_of_its_own_length_only() -> None:
    loop = _Loop()
    for i in range(200):
        loop.step(0.08, is_lost=i == 120)
    assert loop.line.counters.concealed_samples == FRAME_SAMPLES
    assert loop.line.counters.jumps == 0
    assert loop.lags_s[-1] == pytest.approx(0.08, abs=0.012)


def test_jittery_arrivals_raise_the_floor_instead_of_tearing_holes() -> None:
    loop = _Loop()
    generator = np.random.default_rng(0)
    for _ in range(100):
        loop.step(0.0, late_s=float(generator.uniform(0, 0.03)))
    assert 0.03 <= loop.line.floor_s <= DelayLine.MAX_FLOOR_S


def test_a_mute_that_ends_is_heard_again_at_the_right_delay() -> None:
    loop = _Loop()
    for i in range(400):
        loop.step(0.08, is_lost=100 <= i < 250)  # three seconds without packets
    assert loop.lags_s[-1] == pytest.approx(0.08, abs=0.012)


def test_memory_is_bounded_when_nobody_pulls() -> None:
    line = DelayLine()
    for i in range(1000):
        line.push(_ramp(i * FRAME_SAMPLES), i * FRAME_SAMPLES, 100.0 + i * PTIME_S)
    assert len(line._samples_T) <= DelayLine.CAPACITY_S * RATE_HZ


def test_the_delay_is_the_time_that_pictures_take() -> None:
    delay = VoiceDelay()
    for i in range(100):
        now_s = 100.0 + i * 0.04
        delay.on_picture_sent(now_s - 0.06, now_s)
    assert delay.delay_s == pytest.approx(0.06 - BROWSER_LEAD_S)


def test_one_slow_picture_does_not_move_the_voice() -> None:
    delay = VoiceDelay()
    for i in range(100):
        now_s = 100.0 + i * 0.04
        delay.on_picture_sent(now_s - (0.9 if i == 70 else 0.06), now_s)
        assert delay.delay_s == pytest.approx(0.06 - BROWSER_LEAD_S)


def test_a_longer_uplink_of_the_picture_is_made_up_for() -> None:
    delay = VoiceDelay()
    for i in range(50):
        said_s, now_s = 7000.0 + i * 0.04, 100.0 + i * 0.04
        delay.on_arrival("video", said_s, now_s + 0.05, now_s)
        delay.on_arrival("audio", said_s, now_s + 0.02, now_s)
        delay.on_picture_sent(now_s, now_s + 0.06)
    assert delay.delay_s == pytest.approx(0.09 - BROWSER_LEAD_S)


def test_a_lying_clock_is_ignored() -> None:
    delay = VoiceDelay()
    delay.on_arrival("video", 7000.0, 105.0, 100.0)
    delay.on_arrival("audio", 7000.0, 100.0, 100.0)
    delay.on_picture_sent(100.0, 100.06)
    assert delay.skew_s == 0.0
    assert delay.delay_s <= MAX_DELAY_S


def test_sender_reports_place_timestamps_on_the_senders_clock() -> None:
    clock = SenderClock()
    assert clock.time_s(0, 90_000) is None
    clock.update(int(1000.5 * (1 << 32)), 0xFFFFFFFF - 89_999)
    assert clock.time_s(0, 90_000) == pytest.approx(1001.5)
    assert clock.time_s(0xFFFFFFFF - 179_999, 90_000) == pytest.approx(999.5)


def test_timestamps_unwrap_both_ways() -> None:
    unwrapper = TimestampUnwrapper()
    first = unwrapper.unwrap(0xFFFFFF00)
    assert unwrapper.unwrap(0x00000100) == first + 0x200
    assert unwrapper.unwrap(0xFFFFFF80) == first + 0x80
