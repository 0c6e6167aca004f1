"""The builder process can be stopped at any moment, and nothing waits for it."""

from __future__ import annotations

import asyncio
import threading
from multiprocessing.connection import Connection

import pytest

from avatar.errors import SessionError
from server.builder import Builder
from server.builder_process import ListGallery

NEVER_S = 600.0
"""A test that waits for the job itself is ended by pytest's own timeout long before."""


class _Starting(Builder):
    """Lets the test come in between the start of the process and its first job."""

    def __init__(self) -> None:
        super().__init__(timeout_s=NEVER_S)
        self.is_starting = threading.Event()
        self.may_go_on = threading.Event()

    def _started(self) -> Connection:
        self.is_starting.set()
        self.may_go_on.wait(60)
        return super()._started()


async def test_a_stop_while_the_process_begins_leaves_no_process_and_no_wait() -> None:
    builder = _Starting()
    job = asyncio.ensure_future(builder.work(ListGallery()))
    await asyncio.to_thread(builder.is_starting.wait, 60)
    stopping = asyncio.ensure_future(builder.stop())
    await asyncio.sleep(0)
    builder.may_go_on.set()
    await asyncio.wait_for(stopping, 60)
    with pytest.raises(SessionError):
        await job
    assert builder._process is None
    with pytest.raises(SessionError, match="Too many|shutting down"):
        await builder.work(ListGallery())
