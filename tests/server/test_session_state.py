"""The life of a session has the arrows it should have and no others."""

from __future__ import annotations

import pytest

from server.rate_limit import TokenBucket
from server.session_state import ARROWS, IllegalTransition, SessionState, StateMachine
from tests.conftest import FakeClock


def test_the_good_life() -> None:
    machine = StateMachine()
    for state in (
        SessionState.NEGOTIATING,
        SessionState.CONNECTING,
        SessionState.LIVE,
        SessionState.CLOSING,
        SessionState.CLOSED,
    ):
        assert not (machine.is_over and state is not SessionState.CLOSED)
        machine.enter(state)
    assert machine.is_over


@pytest.mark.parametrize("state", [s for s in SessionState if s not in ("closing", "closed")])
def test_closing_is_possible_from_everywhere(state: SessionState) -> None:
    assert SessionState.CLOSING in ARROWS[state]


def test_nothing_follows_the_end() -> None:
    machine = StateMachine()
    machine.enter(SessionState.CLOSING)
    machine.enter(SessionState.CLOSED)
    for state in SessionState:
        with pytest.raises(IllegalTransition, match="nothing"):
            machine.enter(state)


def test_a_wrong_step_names_what_was_expected() -> None:
    with pytest.raises(IllegalTransition, match=r"negotiating.*not to live"):
        StateMachine().enter(SessionState.LIVE)


def test_a_bucket_gives_its_rate_after_its_burst(clock: FakeClock) -> None:
    bucket = TokenBucket(2.0, 5.0, clock)
    assert [bucket.take() for _ in range(6)] == [True] * 5 + [False]
    assert bucket.wait_s == pytest.approx(0.5)
    clock.advance(0.5)
    assert bucket.take()
    assert not bucket.take()
    clock.advance(100.0)
    assert sum(bucket.take() for _ in range(10)) == 5
