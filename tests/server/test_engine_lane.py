"""One lane of the engine in this process, with an animator of the test's own."""

from __future__ import annotations

import multiprocessing
import pickle
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from avatar.frames import DrivingFrame, RenderedFrame
from avatar.stream.animator import Drawing
from avatar.stream.echo import CopyAnimator
from avatar.timing import monotonic_s
from server.audio_ring import AudioRing
from server.engine_lane import Lane
from server.engine_messages import (
    CalibrateLane,
    CharacterShown,
    CloseLane,
    ConfigureLane,
    DrivingMeta,
    LaneCalibrated,
    LaneClosed,
    LaneDrawing,
    LaneLayout,
    OpenLane,
)
from server.engine_outlet import Outlet
from server.frame_ring import FrameRing
from server.packed_character import pack
from tests.server.live import make_character

PUSHES_OF_A_CALIBRATION = 5
PUSHES_OF_A_MODEL = 3


class _Calibrating(CopyAnimator):
    """Finds a neutral some pushes after it was asked to."""

    def __init__(self) -> None:
        super().__init__()
        self._left = 0

    def calibrate(self) -> None:
        self._left = PUSHES_OF_A_CALIBRATION

    def push(self, driving: DrivingFrame) -> list[RenderedFrame]:
        if self._left:
            self._left -= 1
            self.num_calibrated += self._left == 0
        return super().push(driving)


class _HandingOver(CopyAnimator):
    """Soon gives its model up."""

    def __init__(self) -> None:
        super().__init__()
        self._num_pushed = 0
        self.drawing = Drawing("neural", "The model keeps up.")

    def push(self, driving: DrivingFrame) -> list[RenderedFrame]:
        self._num_pushed += 1
        if self._num_pushed == PUSHES_OF_A_MODEL:
            self.drawing = Drawing("warp", "The model fell behind.")
        return super().push(driving)


class _Interrupted(CopyAnimator):
    """Its first driven push takes as long as the test wants it to."""

    def __init__(self, usual_s: float) -> None:
        super().__init__()
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.driven: list[int] = []
        self._usual_s = usual_s

    def push(self, driving: DrivingFrame) -> list[RenderedFrame]:
        if driving.rgb_HW3 is not None:
            self.driven.append(int(driving.rgb_HW3[0, 0, 0]))
            self.begun.set()
            self.go_on.wait(20)
        time.sleep(self._usual_s)
        return super().push(driving)


class _Spares:
    """Hands out the test's animator."""

    def __init__(self, animator: CopyAnimator) -> None:
        self._animator = animator

    def take(self) -> CopyAnimator:
        return self._animator

    def give_back(self, animator: CopyAnimator) -> None:
        animator.close()

    def refill(self) -> None:
        pass


class _Events:
    """What the lane says."""

    def __init__(self, pipe: Any) -> None:
        self._pipe = pipe

    def until(self, kind: type[Any]) -> list[Any]:
        """Everything up to the first event of a kind."""
        heard: list[Any] = []
        while not heard or not isinstance(heard[-1], kind):
            assert self._pipe.poll(20), f"waited in vain for {kind.__name__}; heard {heard}"
            heard.append(pickle.loads(self._pipe.recv_bytes()))
        return heard


@contextmanager
def _open_lane(animator: CopyAnimator, *, fps: float = 50.0) -> Iterator[tuple[Lane, _Events]]:
    rings = (
        FrameRing.create(num_slots=3, picture_bytes=64 * 64 * 3),
        FrameRing.create(num_slots=3, picture_bytes=256 * 256 * 3 // 2),
        AudioRing.create(duration_s=1.0, sample_rate_hz=48_000),
    )
    events, control = multiprocessing.Pipe()
    woken, wake = multiprocessing.Pipe(duplex=False)
    driving, driver = multiprocessing.Pipe(duplex=False)
    layout = LaneLayout(0, rings[0].layout, rings[1].layout, rings[2].layout)
    outlet, spares = Outlet(control, wake), _Spares(animator)
    lane = Lane(layout, driving, outlet, spares, fps=fps)  # type: ignore[arg-type]
    lane.open(
        OpenLane(
            lane=0,
            generation=1,
            character_id="ada",
            character=pack(make_character("ada", (9, 9, 9))),
            sources={},
            is_mirrored=True,
            neutral=None,
            is_probe=False,
            origin_s=monotonic_s(),
        )
    )
    try:
        yield lane, _Events(events)
    finally:
        lane.shut_down()
        for ring in rings:
            ring.close()
        for connection in (events, control, woken, wake, driving, driver):
            connection.close()


def test_the_end_of_a_calibration_is_told_when_it_ends_and_once() -> None:
    with _open_lane(_Calibrating()) as (lane, events):
        events.until(CharacterShown)
        lane.tell(CalibrateLane(0, 1))
        heard = events.until(LaneCalibrated)
        assert [type(event) for event in heard] == [LaneCalibrated]
        lane.close(CloseLane(0, 1))
        assert not [event for event in events.until(LaneClosed) if type(event) is LaneCalibrated]


def test_what_draws_is_told_at_the_beginning_and_when_it_changes() -> None:
    with _open_lane(_HandingOver()) as (_, events):
        (*_, first) = events.until(LaneDrawing)
        assert first.drawing.renderer == "neural"
        (*_, second) = events.until(LaneDrawing)
        assert second.drawing == Drawing("warp", "The model fell behind.")


@pytest.mark.parametrize(
    ("fps", "usual_s", "expected"),
    [(2.0, 0.0, [1, 3, 4]), (50.0, 0.03, [1, 4])],
    ids=["a quick one catches up", "a slow one takes the newest"],
)
def test_after_a_slow_push(fps: float, usual_s: float, expected: list[int]) -> None:
    animator = _Interrupted(usual_s)
    with _open_lane(animator, fps=fps) as (lane, events):
        events.until(CharacterShown)
        time.sleep(40 * usual_s)  # pushes without a picture tell how long one usually takes

        def publish(value: int) -> None:
            now_s = monotonic_s()
            picture = np.full((64, 64, 3), value, dtype=np.uint8)
            meta = DrivingMeta(1, round(90_000 * now_s), 0, now_s, now_s)
            lane._driving.publish(picture, meta.pack())  # the ring's other end, in this process
            lane.tell(ConfigureLane(0, 1, {}, True))  # wakes it

        publish(1)
        assert animator.begun.wait(20)
        for value in (2, 3, 4):  # the ring keeps two
            publish(value)
        animator.go_on.set()
        deadline_s = monotonic_s() + 20.0
        while animator.driven[-1] != 4:
            assert monotonic_s() < deadline_s, f"waited in vain, driven by {animator.driven}"
            time.sleep(0.01)
        assert animator.driven == expected
