"""The rhythm of the output: fresh pictures at once, holds when late, never a burst."""

from __future__ import annotations

import pytest

from server.pacing import Action, PacingState, RateGate, decide, sent

PERIOD_S = 0.04


def _run(arrivals_s: list[float], until_s: float, step_s: float = 0.001) -> list[tuple[float, str]]:
    """Play arrivals against the decisions; returns (time, action) of everything that left."""
    state = PacingState(PERIOD_S)
    waiting, left, now_s = 0, [], 0.0
    arrivals = list(arrivals_s)
    while now_s < until_s:
        while arrivals and arrivals[0] <= now_s:
            arrivals.pop(0)
            waiting = 1  # newest wins
        decision = decide(state, is_fresh_waiting=waiting > 0, now_s=now_s)
        if decision.action is not Action.WAIT:
            is_held = decision.action is Action.HOLD
            left.append((round(now_s, 4), decision.action.value))
            waiting = waiting if is_held else 0
            state = sent(state, is_held=is_held, now_s=now_s)
        now_s += step_s
    return left


def test_nothing_leaves_before_the_first_picture() -> None:
    assert _run([], 1.0) == []


def test_a_steady_source_passes_without_waiting_and_without_holds() -> None:
    arrivals = [round(0.1 + i * PERIOD_S, 4) for i in range(50)]
    left = _run(arrivals, 2.09)
    assert [action for _, action in left] == ["send"] * 50
    assert max(at - due for (at, _), due in zip(left, arrivals, strict=True)) <= 0.0011


def test_jitter_of_a_third_of_an_interval_costs_no_hold_and_no_wait() -> None:
    jitter_s = [0.0, 0.012, -0.013, 0.013, -0.013, 0.0]
    arrivals = [0.1 + i * PERIOD_S + jitter_s[i % 6] for i in range(60)]
    left = _run(arrivals, 2.4)
    assert all(action == "send" for _, action in left)


def test_a_late_engine_is_bridged_by_holds_at_the_steady_rate() -> None:
    left = _run([0.0, 0.5], 0.6)
    holds = [at for at, action in left if action == "hold"]
    assert len(holds) == 12
    gaps = [b - a for (a, _), (b, _) in zip(left, left[1:], strict=False)]
    assert max(gaps) <= 2 * PERIOD_S + 0.0011, "the stream never stops"


def test_a_fresh_picture_after_a_hold_leaves_at_once() -> None:
    left = _run([0.0, 0.5], 0.6)
    fresh = [at for at, action in left if action == "send"]
    assert fresh[1] - 0.5 <= 0.0201


def test_a_late_picture_does_not_delay_those_that_follow() -> None:
    # One picture in ten comes an interval and a half late, just after the hold for it.
    arrivals = [i * PERIOD_S + (0.06 if i % 10 == 9 else 0.0) for i in range(100)]
    arrivals = sorted(at for i, at in enumerate(arrivals) if i % 10 != 0 or i == 0)
    left = [at for at, action in _run(arrivals, 4.1) if action == "send"]
    waits = [at - due for at, due in zip(left, arrivals, strict=True)]
    assert max(waits) <= 0.012


def test_pictures_of_one_chunk_follow_each_other_at_the_rate() -> None:
    state = PacingState(PERIOD_S)
    left, now_s, waiting = [], 1.0, 4
    while waiting:
        is_mid_chunk = waiting < 4
        decision = decide(state, is_fresh_waiting=True, is_mid_chunk=is_mid_chunk, now_s=now_s)
        if decision.action is Action.SEND:
            state = sent(state, is_held=False, now_s=now_s)
            left.append(now_s)
            waiting -= 1
        now_s += 0.001
    assert left == pytest.approx([1.0, 1.04, 1.08, 1.12], abs=0.004)


def test_a_source_twice_as_fast_is_cut_to_the_rate() -> None:
    left = _run([i * PERIOD_S / 2 for i in range(200)], 4.0)
    assert 100 <= len(left) <= 118, "the headroom is 15 percent"


def test_no_burst_after_a_stall() -> None:
    state = PacingState(PERIOD_S)
    state = sent(state, is_held=False, now_s=1.0)
    # The process slept for two seconds; then pictures come as fast as they can.
    now_s, left = 3.0, []
    while now_s < 3.2:
        if decide(state, is_fresh_waiting=True, now_s=now_s).action is Action.SEND:
            state = sent(state, is_held=False, now_s=now_s)
            left.append(now_s)
        now_s += 0.001
    assert len(left) <= 1.15 * 0.2 / PERIOD_S + 2


def test_the_gate_lets_25_of_30_pictures_pass() -> None:
    gate = RateGate(PERIOD_S)
    passed = sum(gate.passes(i / 30) for i in range(300))
    assert 248 <= passed <= 257


def test_the_gate_lets_a_camera_that_is_a_little_too_quick_pass_whole() -> None:
    gate = RateGate(PERIOD_S)
    assert all(gate.passes(i / 25.3) for i in range(2000))


def test_the_gate_lets_a_slower_camera_pass_whole() -> None:
    gate = RateGate(PERIOD_S)
    assert all(gate.passes(i / 24) for i in range(240))
