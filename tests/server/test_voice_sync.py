"""Picture and voice where the voice moves the picture: who waits for whom, with invented clocks."""

from __future__ import annotations

import numpy as np
import pytest

from avatar.frames import Tracking
from server.engine_messages import RenderedMeta
from server.intake import MediaClock
from server.sync import BROWSER_LEAD_S, FRAME_SAMPLES, RATE_HZ, DelayLine, VoiceDelay


def test_the_voice_waits_for_the_picture_and_for_what_the_mouth_is_behind() -> None:
    delay = VoiceDelay()
    for step in range(100):
        now_s = 10.0 + 0.04 * step
        delay.on_picture_sent(now_s - 0.06, now_s, voice_lag_s=0.09)
    assert delay.delay_s == pytest.approx(0.06 + 0.09 - BROWSER_LEAD_S)


def test_the_camera_s_way_does_not_matter_to_a_mouth_that_the_voice_moves() -> None:
    delay = VoiceDelay()
    for step in range(100):
        now_s = 10.0 + 0.04 * step
        delay.on_arrival("video", now_s - 0.2, now_s, now_s)
        delay.on_arrival("audio", now_s - 0.1, now_s, now_s)
        delay.on_picture_sent(now_s - 0.06, now_s, voice_lag_s=0.09)
    assert delay.skew_s == pytest.approx(0.1)
    assert delay.delay_s == pytest.approx(0.06 + 0.09 - BROWSER_LEAD_S)


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
