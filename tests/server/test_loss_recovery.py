"""Lost packets are asked for until they come; keyframes rarely."""

from __future__ import annotations

import pytest

from server.loss_recovery import MAX_NACKED, MAX_TRIES, LossRecovery


def test_a_missing_packet_is_asked_for_at_once_and_then_once_per_round_trip() -> None:
    recovery = LossRecovery()
    asked = []
    for millisecond in range(100):
        requests = recovery.poll([7], needs_key=False, round_trip_s=0.02, now_s=millisecond / 1000)
        if requests.nack:
            asked.append(millisecond)
    assert len(asked) == 4
    assert asked == pytest.approx([0, 25, 50, 75], abs=1)


def test_it_stops_asking_after_so_many_tries() -> None:
    recovery = LossRecovery()
    num_asked = sum(
        bool(recovery.poll([7], needs_key=False, round_trip_s=0.02, now_s=i * 0.01).nack)
        for i in range(200)
    )
    assert num_asked == MAX_TRIES


def test_a_gap_that_blocks_asks_for_one_keyframe_per_interval() -> None:
    recovery = LossRecovery(blocked_before_pli_s=0.12, pli_interval_s=0.3)
    asked = [
        i
        for i in range(1000)
        if recovery.poll([7], needs_key=False, round_trip_s=0.01, now_s=i / 1000).is_pli
    ]
    assert asked == [120, 420, 720]


def test_a_filled_gap_is_forgotten() -> None:
    recovery = LossRecovery()
    recovery.poll([7], needs_key=False, round_trip_s=None, now_s=0.0)
    requests = recovery.poll([], needs_key=False, round_trip_s=None, now_s=0.1)
    assert requests.nack == ()
    assert requests.next_s is None
    later = recovery.poll([8], needs_key=False, round_trip_s=None, now_s=0.2)
    assert later.nack == (8,)
    assert not later.is_pli


def test_a_lost_decoder_state_asks_for_a_keyframe_at_once_but_not_twice() -> None:
    recovery = LossRecovery()
    first = recovery.poll([], needs_key=True, round_trip_s=None, now_s=1.0)
    second = recovery.poll([], needs_key=True, round_trip_s=None, now_s=1.1)
    assert first.is_pli
    assert not second.is_pli
    assert second.next_s is not None
    assert second.next_s >= 1.3


def test_a_flood_of_losses_asks_for_a_bounded_number() -> None:
    recovery = LossRecovery()
    requests = recovery.poll(range(5000), needs_key=False, round_trip_s=None, now_s=0.0)
    assert len(requests.nack) == MAX_NACKED
    assert len(recovery._wanted) <= MAX_NACKED
