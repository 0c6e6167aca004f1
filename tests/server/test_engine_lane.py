"""One lane of the engine in this process, with an animator of the test's own."""

from __future__ import annotations

import multiprocessing
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

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
def _open_lane(animator: CopyAnimator) -> Iterator[tuple[Lane, _Events]]:
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
    lane = Lane(layout, driving, outlet, spares, fps=50.0)  # type: ignore[arg-type]
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
