"""Bandwidth estimates do not restart the encoder without need; keyframes are debounced."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from server.config import VideoSection
from server.encoder import BitrateGovernor, RateClock, SteadyEncoder, enough_bps
from tests.conftest import FakeClock

NOISE = np.random.default_rng(0).integers(0, 255, (8, 384, 256), dtype=np.uint8)
GRAIN = (120 + NOISE // 16).astype(np.uint8)
"""Faint enough that a rate can be kept by coarser steps."""


def _encode(
    encoder: SteadyEncoder, index: int, *, force: bool = False, pictures: NDArray[np.uint8] = NOISE
) -> list[bytes]:
    frame = av.VideoFrame.from_ndarray(pictures[index % 8], format="yuv420p")
    frame.pts, frame.time_base = 3600 * index, Fraction(1, 90_000)
    payloads, timestamp = encoder.encode(frame, force)
    assert timestamp == 3600 * index
    return payloads


def _encoder(codec: str, clock: FakeClock) -> SteadyEncoder:
    return SteadyEncoder(codec, VideoSection(), keyframe_interval_s=0.3, clock=clock)


def _governor() -> BitrateGovernor:
    return BitrateGovernor(1_500_000, 500_000, 4_000_000)


def _play(governor: BitrateGovernor, *, sent_bps: int, estimate_bps: int, start_s: float) -> float:
    """Ten seconds of a steady situation; returns the end."""
    for i in range(250):
        now_s = start_s + i * 0.04
        governor.on_estimate(estimate_bps)
        governor.on_sent(sent_bps // 8 // 25, now_s)
        governor.update(now_s)
    return start_s + 10.0


def test_a_low_estimate_while_little_is_sent_changes_nothing() -> None:
    governor = _governor()
    _play(governor, sent_bps=300_000, estimate_bps=600_000, start_s=0.0)
    assert governor.target_bps == 1_500_000


def test_wobbling_estimates_change_nothing() -> None:
    governor = _governor()
    for i in range(1000):
        now_s = i * 0.04
        governor.on_estimate(1_500_000 + (400_000 if i % 50 < 25 else -300_000))
        governor.on_sent(7_000, now_s)
        assert governor.update(now_s) == 1_500_000


def test_a_congested_network_is_obeyed_and_the_floor_holds() -> None:
    governor = _governor()
    end_s = _play(governor, sent_bps=1_500_000, estimate_bps=800_000, start_s=0.0)
    assert governor.target_bps == 680_000
    _play(governor, sent_bps=680_000, estimate_bps=100_000, start_s=end_s)
    assert governor.target_bps == 500_000


def test_room_is_used_slowly_and_up_to_the_ceiling() -> None:
    governor = _governor()
    at_s = 0.0
    steps = []
    for _ in range(6):
        before = governor.target_bps
        at_s = _play(governor, sent_bps=before, estimate_bps=9_000_000, start_s=at_s)
        steps.append(governor.target_bps / before)
    assert governor.target_bps == 4_000_000
    assert max(steps) <= 1.5


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_only_the_first_picture_is_a_keyframe(codec: str, clock: FakeClock) -> None:
    encoder = _encoder(codec, clock)
    for index in range(30):
        _encode(encoder, index)
        clock.advance(0.04)
    assert encoder.counters.keyframes == 1
    assert encoder.counters.restarts == 0


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_a_storm_of_keyframe_requests_is_debounced(codec: str, clock: FakeClock) -> None:
    encoder = _encoder(codec, clock)
    for index in range(26):
        _encode(encoder, index, force=True)
        clock.advance(0.04)
    assert 3 <= encoder.counters.keyframes <= 5  # one second, one per 0.3 s


def test_a_request_within_the_interval_is_not_forgotten(clock: FakeClock) -> None:
    encoder = _encoder("VP8", clock)
    _encode(encoder, 0)
    clock.advance(0.04)
    _encode(encoder, 1, force=True)
    for index in range(2, 12):
        clock.advance(0.04)
        _encode(encoder, index)
    assert encoder.counters.keyframes == 2


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_a_changed_target_is_obeyed_without_a_keyframe(codec: str, clock: FakeClock) -> None:
    encoder = _encoder(codec, clock)
    sizes = []
    for index in range(300):
        if index in (100, 200):
            encoder.governor.target_bps = 500_000 if index == 100 else 1_500_000
        payloads = _encode(encoder, index, pictures=GRAIN)
        sizes.append(sum(len(payload) for payload in payloads))
        clock.advance(0.04)
    assert encoder.counters.keyframes == 1
    assert encoder.counters.restarts == 0
    rates_bps = [8 * sum(sizes[end - 25 : end]) for end in (100, 200, 300)]
    assert rates_bps == pytest.approx([1_500_000, 500_000, 1_500_000], rel=0.15)


def test_the_clock_of_a_lower_rate_runs_slower_and_never_stands() -> None:
    shown = RateClock(1_500_000)
    times = [shown.show(3600 * index, 1_500_000) for index in range(3)]
    times += [shown.show(3600 * index, 500_000) for index in range(3, 6)]
    times += [shown.show(3600 * 5, 500_000)]  # a picture that repeats its time
    assert list(np.diff(times)) == [3600, 3600, 1200, 1200, 1200, 1]


def test_a_new_size_restarts_with_a_keyframe(clock: FakeClock) -> None:
    encoder = _encoder("VP8", clock)
    _encode(encoder, 0)
    frame = av.VideoFrame.from_ndarray(np.zeros((96, 64), dtype=np.uint8), format="yuv420p")
    frame.pts, frame.time_base = 3600, Fraction(1, 90_000)
    encoder.encode(frame)
    assert encoder.counters.keyframes == 2


def test_payloads_fit_a_packet(clock: FakeClock) -> None:
    for codec in ("VP8", "H264"):
        encoder = _encoder(codec, clock)
        assert max(len(payload) for payload in _encode(encoder, 0)) <= 1300


def test_a_small_picture_is_not_given_more_than_it_can_use() -> None:
    governor = BitrateGovernor(1_500_000, 500_000, 4_000_000, enough_bps(512, 512, 25.0))
    now_s = _play(governor, sent_bps=1_500_000, estimate_bps=20_000_000, start_s=0.0)
    assert governor.target_bps == 1_500_000, "no bits that nobody sees"
    now_s = _play(governor, sent_bps=1_500_000, estimate_bps=700_000, start_s=now_s)
    assert governor.target_bps < 700_000
    for _ in range(4):
        now_s = _play(
            governor, sent_bps=governor.target_bps, estimate_bps=20_000_000, start_s=now_s
        )
    assert 1_450_000 <= governor.target_bps <= enough_bps(512, 512, 25.0)
