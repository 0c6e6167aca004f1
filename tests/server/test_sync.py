"""Clocks of streams: endless counts, and the sender's own time."""

from __future__ import annotations

import pytest

from server.sync import SenderClock, TimestampUnwrapper, WindowMinimum


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


def test_a_path_that_has_become_longer_for_good_is_believed_soon() -> None:
    path = WindowMinimum()
    for i in range(100):
        path.add(0.01, 0.02 * i)
    values = [path.add(0.09, 2.0 + 0.02 * i) for i in range(30)]
    assert values[5] == 0.01, "one stall is not a longer path"
    assert values[-1] == 0.09


def test_late_packets_between_quick_ones_move_nothing() -> None:
    path = WindowMinimum()
    values = [path.add(0.01 if i % 8 == 0 else 0.2, 0.02 * i) for i in range(200)]
    assert values[-1] == 0.01
