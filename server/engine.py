"""The engine as the media process sees it: started, watched, restarted, never waited for.

Knows the process, its pipes and its lanes of shared memory; does not know what an animator is, nor
peers. Events arrive through the event loop's file watching, never by polling.

Life: STOPPED -> STARTING -> READY -> (crash or stall) RESTARTING -> READY ... -> STOPPED. Shared
memory outlives a crash; pipes are made anew for every life of the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import multiprocessing
import os
import pickle
import queue
import threading
from collections.abc import Callable
from enum import StrEnum
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

from avatar.stream.animator import Drawing
from avatar.timing import Clock, monotonic_s
from server.audio_ring import AudioRing
from server.child_process import born_deaf
from server.config import EngineSection, VideoSection
from server.engine_messages import (
    EngineCommand,
    EngineEvent,
    EngineOptions,
    EngineReady,
    LaneDrawing,
    StopEngine,
    WarmUp,
)
from server.engine_process import run_engine
from server.frame_ring import FrameRing
from server.lane import EngineLane

logger = logging.getLogger(__name__)

AUDIO_RATE_HZ = 48_000
_MAX_RESTART_DELAY_S = 8.0
_STEADY_S = 30.0
_STOP_S = 0.7
_COMMANDS_WAITING = 512


class EngineState(StrEnum):
    """Words as in protocol.Stats.engine."""

    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"


class Engine:
    """Owns the engine process of one device."""

    def __init__(
        self,
        section: EngineSection,
        video: VideoSection,
        *,
        num_lanes: int,
        is_preferred: bool = False,
        log_level: int = logging.INFO,
        clock: Clock = monotonic_s,
    ) -> None:
        self._section = section
        self._is_preferred = is_preferred
        self._fps = video.fps
        self._log_level = log_level
        self._clock = clock
        self.state = EngineState.STOPPED
        self.num_restarts = 0
        self.warm_up_s = 0.0
        self.drawing: Drawing | None = None
        """What draws, and why, as said last; None until the engine was ready once."""
        self.on_state: list[Callable[[EngineState], None]] = []
        driving_bytes = video.driving_max_side_px**2 * 3
        # I420, and the same twice again for an overlay's colours and coverage.
        rendered_bytes = video.canvas_max_px * 3 // 2 * 3
        self.lanes = [
            EngineLane(
                index,
                driving=FrameRing.create(num_slots=3, picture_bytes=driving_bytes),
                # Several slots: an animator may hand back a chunk of pictures at once.
                rendered=FrameRing.create(num_slots=8, picture_bytes=rendered_bytes),
                audio=AudioRing.create(duration_s=2.0, sample_rate_hz=AUDIO_RATE_HZ),
                send=self._send,
                clock=clock,
            )
            for index in range(num_lanes)
        ]
        self._warm_up: WarmUp | None = None
        self._process: SpawnProcess | None = None
        self._control: Connection | None = None
        self._picture_wake: Connection | None = None
        self._outbox: queue.Queue[EngineCommand | None] = queue.Queue(_COMMANDS_WAITING)
        self._sender: threading.Thread | None = None
        self._restart_task: asyncio.Task[None] | None = None
        self._watch_task: asyncio.Task[None] | None = None
        self._restart_delay_s = section.restart_delay_s
        self._started_s = 0.0

    @property
    def pid(self) -> int | None:
        """Process id of the running engine."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the process; `warm_up` must follow. Must run in the event loop."""
        assert self.state is EngineState.STOPPED
        self._spawn()
        self._set_state(EngineState.STARTING)
        self._watch_task = asyncio.get_running_loop().create_task(self._watch_for_stalls())

    def warm_up(self, character: bytes | None) -> None:
        """Run a (pickled) character once; `state` says when the engine is ready."""
        self._warm_up = WarmUp(character)
        self._send(self._warm_up)

    def _spawn(self) -> None:
        context = multiprocessing.get_context("spawn")
        control, control_child = context.Pipe(duplex=True)
        wake, wake_child = context.Pipe(duplex=False)
        driving = [context.Pipe(duplex=False) for _ in self.lanes]
        options = EngineOptions(self._section.animator, self._fps, self._is_preferred)
        layouts = tuple(lane.layout for lane in self.lanes)
        process = context.Process(
            target=run_engine,
            args=(
                options,
                layouts,
                control_child,
                wake_child,
                tuple(reader for reader, _ in driving),
                self._log_level,
            ),
            name="liveactor-engine",
            daemon=True,
        )
        # The engine has one thread per lane; libraries that start their own only get in its way.
        # Read when numpy is imported, so it has to be set before the process begins.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        with born_deaf():
            process.start()
        for ours in (control_child, wake_child, *(reader for reader, _ in driving)):
            ours.close()
        self._process, self._control, self._picture_wake = process, control, wake
        self._started_s = self._clock()
        for lane, (_, writer) in zip(self.lanes, driving, strict=True):
            lane.connect(writer)
        self._outbox = queue.Queue(_COMMANDS_WAITING)
        self._sender = threading.Thread(
            target=_send_all, args=(control, self._outbox), name="engine-sender", daemon=True
        )
        self._sender.start()
        os.set_blocking(wake.fileno(), False)
        loop = asyncio.get_running_loop()
        loop.add_reader(control.fileno(), self._on_events)
        loop.add_reader(wake.fileno(), self._on_pictures)
        loop.add_reader(process.sentinel, self._on_death)

    def _unspawn(self) -> None:
        """Let go of everything that belongs to one life of the process."""
        loop = asyncio.get_running_loop()
        process, control, wake = self._process, self._control, self._picture_wake
        self._process = self._control = self._picture_wake = None
        if process is None or control is None or wake is None:
            return
        for descriptor in (control.fileno(), wake.fileno(), process.sentinel):
            loop.remove_reader(descriptor)
        if process.is_alive():
            process.kill()
        process.join()
        with contextlib.suppress(queue.Full):
            self._outbox.put_nowait(None)
        if self._sender is not None:
            self._sender.join(timeout=1.0)
        for lane in self.lanes:
            lane.disconnect()
        for connection in (control, wake):
            connection.close()
        process.close()

    def _send(self, command: EngineCommand) -> None:
        if self.state in (EngineState.STOPPED, EngineState.RESTARTING):
            return  # lanes are reopened, with their newest settings, when the engine is back
        try:
            self._outbox.put_nowait(command)
        except queue.Full:
            logger.error("the engine does not read its commands; restarting it")
            self._on_death()

    def _on_events(self) -> None:
        control = self._control
        while control is not None and control is self._control:
            try:
                if not control.poll():
                    return
                event: EngineEvent = pickle.loads(control.recv_bytes())
            except (EOFError, OSError):
                asyncio.get_running_loop().remove_reader(control.fileno())
                return  # the sentinel tells of the death
            if isinstance(event, EngineReady):
                self.warm_up_s = event.warm_up_s
                self.drawing = event.drawing
                logger.info("engine ready after %.1f s", event.warm_up_s)
                was_restarting = self.state is EngineState.RESTARTING
                self._set_state(EngineState.READY)
                for lane in self.lanes:
                    lane.on_engine_ready(was_restarting=was_restarting)
            else:
                if isinstance(event, LaneDrawing):
                    self.drawing = event.drawing
                self.lanes[event.lane].on_event(event)

    def _on_pictures(self) -> None:
        wake = self._picture_wake
        if wake is None:
            return
        with contextlib.suppress(BlockingIOError):
            if not os.read(wake.fileno(), 65536):
                asyncio.get_running_loop().remove_reader(wake.fileno())
        for lane in self.lanes:
            lane.collect()

    def _on_death(self) -> None:
        if self._process is None or self.state is EngineState.STOPPED:
            return
        code = self._process.exitcode
        steady = self._clock() - self._started_s > _STEADY_S
        self._unspawn()
        self.num_restarts += 1
        if steady:
            self._restart_delay_s = self._section.restart_delay_s
        logger.error(
            "engine died (exit code %s); next start in %.1f s", code, self._restart_delay_s
        )
        self._set_state(EngineState.RESTARTING)
        self._restart_task = asyncio.get_running_loop().create_task(self._restart())

    async def _restart(self) -> None:
        delay_s, self._restart_delay_s = (
            self._restart_delay_s,
            min(2 * self._restart_delay_s, _MAX_RESTART_DELAY_S),
        )
        await asyncio.sleep(delay_s)
        self._spawn()
        if self._warm_up is not None:
            self._outbox.put_nowait(self._warm_up)

    async def _watch_for_stalls(self) -> None:
        """Restart an engine that lives but does not render.

        Two looks in a row must find it so: at the first, this process may itself have slept, with
        the pictures of that time still waiting to be collected.
        """
        num_stalled = 0
        while True:
            await asyncio.sleep(1.0)
            limit_s = self._clock() - self._section.stall_timeout_s
            is_stalled = self.state is EngineState.READY and any(
                lane.is_stalled_since(limit_s) for lane in self.lanes
            )
            num_stalled = num_stalled + 1 if is_stalled else 0
            if num_stalled >= 2:
                num_stalled = 0
                logger.error("the engine does not render; restarting it")
                self._on_death()

    def _set_state(self, state: EngineState) -> None:
        self.state = state
        for listener in list(self.on_state):
            listener(state)

    async def stop(self) -> None:
        """Stop the process and free the shared memory; takes at most about a second."""
        for task in (self._restart_task, self._watch_task):
            if task is not None:
                task.cancel()
        process = self._process
        if process is not None:
            with contextlib.suppress(queue.Full):
                self._outbox.put_nowait(StopEngine())
            loop = asyncio.get_running_loop()
            loop.remove_reader(process.sentinel)
            gone = asyncio.Event()
            loop.add_reader(process.sentinel, gone.set)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(gone.wait(), _STOP_S)
            self._unspawn()
        self._set_state(EngineState.STOPPED)
        for lane in self.lanes:
            lane.free()


def _send_all(control: Connection, outbox: queue.Queue[EngineCommand | None]) -> None:
    """Write commands to the pipe: in a thread, because a character is larger than a pipe."""
    while (command := outbox.get()) is not None:
        try:
            control.send_bytes(pickle.dumps(command, protocol=pickle.HIGHEST_PROTOCOL))
        except (BrokenPipeError, ConnectionResetError, OSError):
            return  # the sentinel tells of the death
