"""One slow push is caught up with; an engine that is too slow on the whole is not."""

from __future__ import annotations

from server.push_pace import PushPace

PERIOD_S = 0.04


def test_one_slow_push_among_quick_ones_is_caught_up_with() -> None:
    pace = PushPace(PERIOD_S)
    for _ in range(50):
        pace.note(0.025)
    pace.note(0.12)
    assert pace.can_catch_up


def test_pushes_that_fill_the_interval_leave_no_time_to_catch_up() -> None:
    pace = PushPace(PERIOD_S)
    for _ in range(100):
        pace.note(0.037)
    assert not pace.can_catch_up
    for _ in range(100):
        pace.note(0.02)
    assert pace.can_catch_up
