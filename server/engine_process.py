"""The engine process: owns the animators, one thread per live lane, and no network.

What enters: commands over a pipe, driving pictures and sound in shared memory. What leaves:
rendered pictures as I420 in shared memory, events over the pipe. Trackers, models and characters
exist only here. The process dies with its parent: the pipe ends.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import pickle
import threading
from collections.abc import Iterator
from multiprocessing.connection import Connection

import cv2

from avatar.timing import monotonic_s
from server.child_process import begin_as
from server.engine_lane import Lane
from server.engine_messages import (
    CloseLane,
    EngineCommand,
    EngineOptions,
    EngineReady,
    LaneCommand,
    LaneLayout,
    OpenLane,
    StopEngine,
    WarmUp,
)
from server.engine_outlet import Outlet
from server.engine_spares import SpareAnimators

logger = logging.getLogger(__name__)


def run_engine(
    options: EngineOptions,
    layouts: tuple[LaneLayout, ...],
    control: Connection,
    picture_wake: Connection,
    driving_wakes: tuple[Connection, ...],
    log_level: int,
) -> None:
    """Entry point of the process; returns when told to stop or when the parent is gone."""
    begin_as("engine")
    logging.basicConfig(level=log_level, format="%(asctime)s engine %(levelname)s %(message)s")
    cv2.setNumThreads(1)
    start_s = monotonic_s()
    outlet = Outlet(control, picture_wake)
    spares = SpareAnimators(options.animator, fps=options.fps)
    lanes = {
        layout.index: Lane(
            layout, wake, outlet, spares, fps=options.fps, is_preferred=options.is_preferred
        )
        for layout, wake in zip(layouts, driving_wakes, strict=True)
    }
    try:
        spares.prepare()
        for command in _commands(control):
            if isinstance(command, StopEngine):
                return
            if isinstance(command, WarmUp):
                spares.warm_up(command.character)
                _keep_out_of_collections()
                outlet.tell(EngineReady(monotonic_s() - start_s, spares.drawing))
            else:
                _obey(lanes[command.lane], command)
    finally:
        for lane in lanes.values():
            lane.shut_down()
        spares.close()


def _keep_out_of_collections() -> None:
    """What exists by now lives as long as the process: going through its 150 000 objects took 60 ms
    every now and then, amid a session."""
    gc.collect()
    gc.freeze()


def _commands(control: Connection) -> Iterator[EngineCommand]:
    """What the parent says, until it is gone."""
    with contextlib.suppress(EOFError, OSError):
        while True:
            yield pickle.loads(control.recv_bytes())
    logger.info("the media process is gone; stopping")


def _obey(lane: Lane, command: LaneCommand) -> None:
    if isinstance(command, OpenLane):
        lane.open(command)
    elif isinstance(command, CloseLane):
        # Closing waits for the lane's last push: not on the thread that serves all lanes.
        threading.Thread(
            target=lane.close, args=(command,), name=f"close-lane-{command.lane}", daemon=True
        ).start()
    else:
        lane.tell(command)


def exit_now(code: int) -> None:
    """Die without clean-up; tests use it to see how a crash is survived."""
    os._exit(code)
