"""What engine and builder processes begin with: a name, an ordinary rank, and no will to die.

Ctrl-C and a service manager's SIGTERM reach the whole process group, so a child that died of them
would look like a crash to a parent that is just taking everything down in order. A child is born
deaf to both (`born_deaf`, around its start) and listens again when it has said what they mean to it
(`begin_as`): while its interpreter starts and imports, it could not.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from server.priority import be_ordinary

GRACE_S = 3.0
"""How long after SIGTERM the parent may take to end the process; nobody lives on without one."""


NAME_PREFIX = "actor-"
_FOR_THE_PARENT = {signal.SIGINT, signal.SIGTERM}


def begin_as(role: str) -> None:
    """Take a name that `ps` and `top` show and no precedence; ignore SIGINT; after SIGTERM end at
    the latest when `GRACE_S` is over."""
    be_ordinary()
    with contextlib.suppress(OSError):  # not on every system
        Path("/proc/self/comm").write_text(NAME_PREFIX + role)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _end_later)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _FOR_THE_PARENT)


@contextlib.contextmanager
def born_deaf() -> Iterator[None]:
    """Around a process' start: it inherits a mask under which signals wait for `begin_as`."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _FOR_THE_PARENT)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_later(_number: int, _frame: FrameType | None) -> None:
    timer = threading.Timer(GRACE_S, os._exit, (0,))
    timer.daemon = True
    timer.start()
