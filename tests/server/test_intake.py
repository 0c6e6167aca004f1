"""The driver's way in: which of the camera's pictures go on to the engine."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import av
import numpy as np
import pytest

from server.delay_line import DelayLine
from server.engine_messages import DrivingMeta
from server.intake import VIDEO_RATE_HZ, DrivingIntake
from server.lane import EngineLane
from server.lip_sync import LipSync
from server.speech_sink import SessionMouth
from server.sync import FRAME_SAMPLES, RATE_HZ


class _Lane:
    generation = 1

    def __init__(self) -> None:
        self.metas: list[DrivingMeta] = []
        self.sound_ends_s: list[float] = []

    def publish_picture(self, rgb_HW3: Any, meta: DrivingMeta) -> None:
        self.metas.append(meta)

    def publish_sound(self, samples_T: Any, end_pts_s: float, end_arrival_s: float) -> None:
        self.sound_ends_s.append(end_pts_s)


def _intake(lane: _Lane, *, origin_s: float = 0.0) -> DrivingIntake:
    return DrivingIntake(
        cast(EngineLane, lane),
        DelayLine(),
        LipSync(max_hold_s=0.0),
        fps=25.0,
        max_side_px=640,
        origin_s=origin_s,
        clock=lambda: 0.0,
    )


def _sent_on(pictures: Iterable[tuple[float, float]]) -> _Lane:
    """What goes on of (taken, arrived) pictures, in seconds, at a server of 25 per second."""
    lane = _Lane()
    intake = _intake(lane)
    frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
    for taken_s, arrival_s in pictures:
        intake.on_picture(frame, round(taken_s * VIDEO_RATE_HZ) % (1 << 32), arrival_s)
    return lane


def test_a_late_picture_costs_the_next_one_nothing() -> None:
    late_s = [0.03 if i % 7 == 5 else 0.002 for i in range(250)]
    lane = _sent_on((i / 25, i / 25 + late_s[i]) for i in range(250))
    assert len(lane.metas) == 250


def test_a_quick_camera_is_thinned_out_evenly() -> None:
    lane = _sent_on((i / 60, i / 60) for i in range(600))
    assert 248 <= len(lane.metas) <= 257
    steps_s = np.diff([meta.arrival_s for meta in lane.metas])
    assert steps_s.max() <= 3.1 / 60


def test_timestamps_that_lie_bring_no_more_pictures_in() -> None:
    for lie in (0.0, 1.0, -1.0):  # seconds per picture on its own clock
        lane = _sent_on((1000 + lie * i, i / 200) for i in range(2000))
        assert len(lane.metas) <= 300, f"10 s at 25 per second, with a lie of {lie}"


def test_a_microphone_and_an_application_are_put_on_the_same_clock() -> None:
    """Lips and ear count a sound's age from when its last sample came, whoever sent it."""
    origin_s = 100.0
    ends_s = [origin_s + 0.02 * (i + 1) for i in range(10)]
    by_microphone, by_application = _Lane(), _Lane()
    intake = _intake(by_microphone, origin_s=origin_s)
    for i, end_s in enumerate(ends_s):
        packet = av.AudioFrame.from_ndarray(np.zeros((1, FRAME_SAMPLES), np.int16), layout="mono")
        packet.sample_rate = RATE_HZ
        intake.on_sound(packet, 5_000 + i * FRAME_SAMPLES, end_s)
    mouth = SessionMouth(
        intake,
        cast(EngineLane, by_application),
        DelayLine(),
        LipSync(max_hold_s=0.0),
        origin_s=origin_s,
    )
    for end_s in ends_s:
        mouth.show_speech(np.zeros(FRAME_SAMPLES, np.float32), end_s)
    assert by_microphone.sound_ends_s == pytest.approx([end_s - origin_s for end_s in ends_s])
    assert by_microphone.sound_ends_s == pytest.approx(by_application.sound_ends_s)
