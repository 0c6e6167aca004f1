"""A thread beside the stream's own in which the model works on what it was given last.

A live picture never waits for the model: it shows the latest correction that is there. Knows one
piece of work at a time; does not know what it is. One thread at a time may call it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Result = TypeVar("Result")

NICENESS = 5
"""The model takes what tracking, media and other programs leave: an older correction is seen less
than a late picture. About a third of an ordinary thread's share where all want the processor."""


class ModelThread(Generic[Result]):
    """Does one piece of work at a time; whoever comes while it is busy goes without."""

    def __init__(self) -> None:
        """The thread begins with the first work."""
        self._threads = ThreadPoolExecutor(
            max_workers=1, thread_name_prefix="model", initializer=_stand_back
        )
        self._under_way: Future[Result] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether `begin` has to wait; a result that nobody took does not count."""
        return self._under_way is not None and not self._under_way.done()

    def begin(self, work: Callable[[], Result]) -> None:
        """Start on it. The thread must not be busy, and its last result is forgotten."""
        assert not self.is_busy
        self._under_way = self._threads.submit(work)

    def take(self) -> Result | None:
        """The result, once, when it is there. Raises what the work raised."""
        return None if self.is_busy else self.wait()

    def wait(self) -> Result | None:
        """The result, once, waiting for it; None if there is none. Raises what the work raised."""
        under_way, self._under_way = self._under_way, None
        return None if under_way is None else under_way.result()

    def close(self) -> None:
        """Let the last work end, and the thread with it."""
        self._under_way = None
        self._threads.shutdown()


def _stand_back() -> None:
    if hasattr(os, "SCHED_RESET_ON_FORK"):  # Linux, where niceness is a thread's
        thread = threading.get_native_id()
        niceness = os.getpriority(os.PRIO_PROCESS, thread)
        os.setpriority(os.PRIO_PROCESS, thread, min(19, niceness + NICENESS))
