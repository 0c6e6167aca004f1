"""The builder process as the media process sees it: one job at a time, bounded, killed when stuck.

Knows the process and its pipe; does not know what a character is. Waiting happens in one thread of
its own, so that the event loop never blocks.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import multiprocessing
import pickle
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Protocol

from avatar.errors import PictureReason, SessionError
from server.builder_process import Answer, Job, Refused, run_builder
from server.child_process import born_deaf

logger = logging.getLogger(__name__)

MAX_WAITING = 8
NICENESS, NICENESS_BEHIND = 10, 19
"""A live session goes before a character that somebody waits for, that one before all others."""


class BuilderLike(Protocol):
    """What the server needs of a builder; tests bring their own."""

    num_killed: int

    async def work(self, job: Job) -> Answer:
        """Do a job."""

    async def stop(self) -> None:
        """Let go of everything."""


class Builder:
    """Makes characters in a process of its own."""

    def __init__(
        self,
        *,
        timeout_s: float,
        gallery: Path | None = None,
        cache: Path | None = None,
        niceness: int = NICENESS,
        log_level: int = logging.INFO,
    ) -> None:
        self._timeout_s = timeout_s
        self._gallery = gallery
        self._cache = cache
        self._niceness = niceness
        self._log_level = log_level
        self._turn = asyncio.Lock()
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="builder")
        self._process: SpawnProcess | None = None
        self._pipe: Connection | None = None
        self._is_closed = False
        self._num_waiting = 0
        self.num_killed = 0

    async def work(self, job: Job) -> Answer:
        """Do a job. Raises SessionError (503) where too many wait already."""
        if self._num_waiting >= MAX_WAITING or self._is_closed:
            message = "Too many pictures are being opened; try again in a moment."
            raise SessionError(503, message, retry_after_s=5.0)
        self._num_waiting += 1
        try:
            async with self._turn:
                if self._is_closed:
                    raise SessionError(503, "The server is shutting down.", retry_after_s=5.0)
                loop = asyncio.get_running_loop()
                answer = await loop.run_in_executor(self._executor, self._exchange, job)
                if self._is_closed:
                    raise SessionError(503, "The server is shutting down.", retry_after_s=5.0)
                return answer
        finally:
            self._num_waiting -= 1

    def _exchange(self, job: Job) -> Answer:
        """Send a job and wait for the answer, in the builder's thread."""
        try:
            pipe = self._started()
            if self._is_closed:  # `stop` came while the process began, and found none to kill
                raise EOFError
            pipe.send_bytes(pickle.dumps(job, protocol=pickle.HIGHEST_PROTOCOL))
            if pipe.poll(self._timeout_s):
                answer: Answer = pickle.loads(pipe.recv_bytes())
                return answer
            logger.error("the builder took longer than %.0f s and was stopped", self._timeout_s)
            refusal = Refused(PictureReason.TIMEOUT.value, "Opening the picture took too long.")
        except (EOFError, OSError):
            if not self._is_closed:
                logger.error("the builder process died")
            refusal = Refused("character_failed", "Opening the picture failed; try another one.")
        self.num_killed += 1
        self._stop_process()
        return refusal

    def _started(self) -> Connection:
        if self._pipe is not None and self._process is not None and self._process.is_alive():
            return self._pipe
        self._stop_process()
        context = multiprocessing.get_context("spawn")
        pipe, child = context.Pipe(duplex=True)
        # A daemon: a server that ends by an error must not wait for it. (The sandbox in which it
        # decodes is a `subprocess`, which daemons may have.)
        process = context.Process(
            target=run_builder,
            args=(child, self._gallery, self._cache, self._niceness, self._log_level),
            name="liveactor-builder",
            daemon=True,
        )
        with born_deaf():
            process.start()
        child.close()
        self._process, self._pipe = process, pipe
        return pipe

    def _stop_process(self) -> None:
        process, self._process = self._process, None
        pipe, self._pipe = self._pipe, None
        if pipe is not None:
            pipe.close()
        if process is not None:
            process.kill()
            process.join()
            process.close()

    async def stop(self) -> None:
        """Kill the process, whatever it is doing; once."""
        if self._is_closed:
            return
        self._is_closed = True
        process = self._process
        if process is not None:
            with contextlib.suppress(ValueError):  # closed by its own thread meanwhile
                process.kill()  # ends a wait in the thread as well: the pipe closes
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._executor, self._stop_process)
        self._executor.shutdown(wait=False)
