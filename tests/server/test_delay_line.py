"""The voice waits as long as asked, and never stops."""

from __future__ import annotations

import numpy as np
import pytest

from avatar.frames import FloatArray
from server.delay_line import DelayLine
from server.lip_sync import LipSync
from server.sync import FRAME_SAMPLES, RATE_HZ

PTIME_S = FRAME_SAMPLES / RATE_HZ


def _ramp(start: int) -> FloatArray:
    """Samples that say where they are (as a fraction of a long stream)."""
    return (np.arange(start, start + FRAME_SAMPLES) / 1e7).astype(np.float32)


class _Loop:
    """A sender, a delay line and a player on one invented clock."""

    def __init__(self) -> None:
        self.line = DelayLine()
        self.now_s = 100.0
        self.timestamp = 0
        self.lags_s: list[float] = []

    def step(self, delay_s: float, *, is_lost: bool = False, late_s: float = 0.0) -> FloatArray:
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


def test_jittery_arrivals_raise_the_floor_slowly() -> None:
    loop = _Loop()
    generator = np.random.default_rng(0)
    floors_s = []
    for _ in range(400):
        loop.step(0.0, late_s=float(generator.uniform(0, 0.03)))
        floors_s.append(loop.line._jitter_s)
    assert 0.02 <= floors_s[-1] <= 0.03
    assert np.diff(floors_s).max() <= DelayLine.JITTER_STEP_S + 1e-9


def test_a_packet_that_is_late_is_awaited_but_a_stream_that_ended_is_not() -> None:
    loop = _Loop()
    for _ in range(50):
        loop.step(0.0)
    loop.line.pull(0.0, loop.now_s + 0.023)  # the next packet is not there
    assert loop.line.is_awaiting(loop.now_s + 0.025)
    assert not loop.line.is_awaiting(loop.now_s + 0.025 + DelayLine.ALIVE_S)


def test_whoever_reads_is_told_of_each_arrival() -> None:
    loop, heard = _Loop(), []
    loop.line.on_push = lambda: heard.append(1)
    for _ in range(3):
        loop.step(0.05)
    assert len(heard) == 3


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


def test_hushing_fades_out_and_keeps_the_time() -> None:
    line = DelayLine()
    tone = np.full(FRAME_SAMPLES, 0.5, np.float32)
    for step in range(30):
        line.push(tone, step * FRAME_SAMPLES, 5.0 + 0.02 * step)
    now_s = 5.0 + 0.02 * 29
    for step in range(3):
        heard = line.pull(0.2, now_s + 0.02 * step)
    assert heard.min() > 0.4
    line.hush()
    after = np.concatenate([line.pull(0.2, now_s + 0.02 * step) for step in range(3, 8)])
    assert np.abs(after[DelayLine.FADE_SAMPLES * 2 :]).max() < 1e-3
    assert np.abs(np.diff(after)).max() < 0.05  # no click
    for step in range(30, 45):
        line.push(tone, step * FRAME_SAMPLES, 5.0 + 0.02 * step)
    later = [line.pull(0.2, now_s + 0.02 * step) for step in range(8, 20)]
    assert later[-1].max() > 0.4, "what is said afterwards is heard"


def test_a_microphone_that_loses_time_is_heard_again_at_once() -> None:
    """Its timestamps count samples: after a glitch everything comes later, for good."""
    loop = _Loop()
    for _ in range(200):
        loop.step(0.05)
    loop.now_s += 0.15
    silent = [not np.any(loop.step(0.05)) for _ in range(200)]
    assert sum(silent) < 20
    assert not any(silent[20:])


def test_a_late_voice_leaves_out_silence_and_no_word() -> None:
    """After a stall the voice is 100 ms late; the pause between two words takes that up at once."""
    rng = np.random.default_rng(0)
    word = rng.uniform(0.1, 0.5, 15 * FRAME_SAMPLES).astype(np.float32)
    pause = np.zeros(15 * FRAME_SAMPLES, np.float32)
    said = np.concatenate([word, pause, word, pause])
    line, heard, now_s, skipped = DelayLine(), [], 100.0, 0
    for i in range(60):
        now_s = 100.0 + PTIME_S * (i + 1)
        line.push(said[i * FRAME_SAMPLES : (i + 1) * FRAME_SAMPLES], i * FRAME_SAMPLES, now_s)
        if 5 <= i < 10:  # who reads has stalled
            skipped += 1
            continue
        heard.append(line.pull(0.03, now_s))
        if i in (10, 18):
            assert line.lag_s is not None
            assert line.lag_s > 0.09, "late as long as the word lasts"
    assert skipped == 5
    assert line.lag_s == pytest.approx(0.03, abs=DelayLine.BEHIND_S + 1e-6)
    assert line.counters.hurried_samples == pytest.approx(0.1 * RATE_HZ, rel=0.2)
    loud = np.concatenate(heard) > 0.05
    assert loud.sum() == pytest.approx(2 * len(word), rel=0.03)


def test_another_source_with_nearly_the_same_timestamps_is_heard_at_once() -> None:
    """A microphone comes back whose clock is a little behind that of the speech before it."""
    line, now_s = DelayLine(), 100.0
    tone = np.full(FRAME_SAMPLES, 0.3, np.float32)
    for i in range(50):
        now_s += PTIME_S
        line.push(tone, i * FRAME_SAMPLES, now_s)
        line.pull(0.1, now_s)
    line.change_source()
    behind = round(0.025 * RATE_HZ)
    levels = []
    for i in range(50, 75):
        now_s += PTIME_S
        line.push(0.5 * tone, i * FRAME_SAMPLES - behind, now_s)
        levels.append(float(np.abs(line.pull(0.03, now_s)).max()))
    assert np.mean(np.array(levels[3:]) > 0.1) == 1.0
    assert max(levels) < 0.16, "nothing of the speech is heard any more"


class _Trouble:
    """A voice on its way through a session whose pictures are in trouble; an invented clock."""

    def __init__(self, said_T: FloatArray) -> None:
        self.line, self.lips = DelayLine(), LipSync(max_hold_s=0.12)
        self.said_T = said_T
        self.heard: list[FloatArray] = []
        self.index = 0

    def run(self, duration_s: float, *, picture_age_s: float, picture_every: int = 2) -> None:
        """Pictures come every so many pieces of voice, this long after what they show."""
        for _ in range(round(duration_s / PTIME_S)):
            now_s = 100.0 + PTIME_S * (self.index + 1)
            start = self.index * FRAME_SAMPLES
            piece_T = self.said_T[start : start + FRAME_SAMPLES]
            self.line.push(piece_T, start, now_s)
            if self.index % picture_every == 0:
                self.lips.on_picture(now_s - picture_age_s, now_s)
            self.heard.append(self.line.pull(self.lips.delay_s, now_s + 0.003))
            self.lips.on_voice(self.line.lag_s, now_s)
            self.index += 1

    def longest_hole_s(self) -> float:
        """Of what was heard after the first half second."""
        heard_T = np.concatenate(self.heard)[RATE_HZ // 2 :]
        loud = np.flatnonzero(np.abs(heard_T) > 0.02)
        return float(np.diff(np.r_[0, loud, len(heard_T)]).max() / RATE_HZ)


TONE = (0.3 * np.sin(2 * np.pi * 440 / RATE_HZ * np.arange(20 * RATE_HZ))).astype(np.float32)


@pytest.mark.parametrize("slow_s", [1.0, 3.0, 8.0])
@pytest.mark.parametrize("age_s", [0.3, 0.9])
def test_slow_pictures_make_no_hole_in_a_tone(slow_s: float, age_s: float) -> None:
    session = _Trouble(TONE)
    session.run(3.0, picture_age_s=0.08)
    session.run(slow_s, picture_age_s=age_s, picture_every=5)
    session.run(4.0, picture_age_s=0.08)
    assert session.longest_hole_s() < 0.002
    assert session.line.counters.jumps == 0, "nothing is left out or said twice"


def test_slow_pictures_are_met_in_a_pause_and_no_word_is_lost() -> None:
    second = TONE[:RATE_HZ]
    said = np.concatenate([second, second, 0 * second[: RATE_HZ // 2]] * 8)
    session = _Trouble(said)
    session.run(3.0, picture_age_s=0.08)
    session.run(6.0, picture_age_s=0.4, picture_every=2)
    assert session.line.lag_s == pytest.approx(session.lips.delay_s, abs=0.02)
    assert session.lips.delay_s > 0.3
    session.run(8.0, picture_age_s=0.08)
    assert session.line.lag_s == pytest.approx(session.lips.delay_s, abs=0.02)
    num_said, num_heard = (
        np.count_nonzero(np.abs(samples_T) > 0.02)
        for samples_T in (said[: 17 * RATE_HZ], np.concatenate(session.heard))
    )
    assert num_heard == pytest.approx(num_said, rel=0.03)
