"""The engine's way out to the media process; all lanes share it.

Knows the pipe for events and the one that wakes; does not know what is said, nor pictures, which
cross in shared memory.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import threading
from multiprocessing.connection import Connection

from server.engine_messages import EngineEvent


class Outlet:
    """Events over the pipe, a byte for each rendered picture."""

    def __init__(self, control: Connection, picture_wake: Connection) -> None:
        self._control = control
        self._picture_wake = picture_wake
        self._lock = threading.Lock()
        os.set_blocking(picture_wake.fileno(), False)

    def tell(self, event: EngineEvent) -> None:
        """Send an event; silently nothing when the parent is gone (the main loop ends then)."""
        with self._lock, contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._control.send_bytes(pickle.dumps(event))

    def wake(self) -> None:
        """A picture is there. A full pipe means that the reader has a wake-up waiting."""
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            os.write(self._picture_wake.fileno(), b"p")
