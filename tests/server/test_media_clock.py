"""The session's media clock is even and anchored, whatever the packets do."""

from __future__ import annotations

import numpy as np
import pytest

from avatar.frames import Tracking
from server.engine_messages import RenderedMeta
from server.intake import MediaClock
from server.sync import RATE_HZ


def test_a_first_packet_that_came_late_does_not_shift_the_media_clock() -> None:
    clock = MediaClock(origin_s=100.0, rate_hz=RATE_HZ)
    clock.map(0, 100.8)  # held up by 0.7 s
    for step in range(1, 50):
        _, media_s = clock.map(step * 960, 100.1 + 0.02 * step)
    assert media_s == pytest.approx(0.1 + 0.02 * 49, abs=1e-3)


def test_a_drifting_sender_is_followed() -> None:
    clock = MediaClock(origin_s=0.0, rate_hz=RATE_HZ)
    for step in range(90_000):  # half an hour, 100 ppm slow
        arrival_s = 0.02 * step * 1.0001
        _, media_s = clock.map(step * 960, arrival_s)
    assert media_s == pytest.approx(arrival_s, abs=0.01)


def test_media_time_is_even_though_packets_are_not() -> None:
    rng = np.random.default_rng(0)
    clock = MediaClock(origin_s=0.0, rate_hz=90_000)
    times_s = []
    for step in range(500):
        arrival_s = 0.04 * step + float(rng.exponential(0.02))
        times_s.append(clock.map(step * 3600, arrival_s)[1])
    steps = np.diff(times_s[100:])
    np.testing.assert_allclose(steps, 0.04, atol=0.002)


@pytest.mark.parametrize("lag_s", [None, 0.0914])
def test_the_lag_travels_beside_the_picture(lag_s: float | None) -> None:
    meta = RenderedMeta(
        1, 2, 3, 0.1, 0.2, 0.3, 0.4, 1, True, 0, Tracking.LOST, {"render": 0.01}, lag_s
    )
    assert RenderedMeta.unpack(meta.pack()) == meta
