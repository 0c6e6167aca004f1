"""Keeps native libraries' start-up chatter off the terminal.

Knows file descriptor 2 and which lines are chatter; everything else written meanwhile is passed on.
MediaPipe and TensorFlow Lite write straight to the descriptor, where Python's logging cannot reach.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_CHATTER = re.compile(
    r"^(WARNING: All log messages before absl::InitializeLog"
    r"|[IW]\d{4} [\d: .]+ +\d+ \S+\]"
    r"|INFO: Created TensorFlow Lite)"
)
_lock = threading.Lock()


@contextmanager
def quiet_native_log() -> Iterator[None]:
    """Hold back what is written to descriptor 2 and pass on all but known start-up lines."""
    with _lock:
        sys.stderr.flush()
        try:
            terminal = os.dup(2)
        except OSError:  # a process without stderr (a service): nothing to keep quiet
            yield
            return
        with tempfile.TemporaryFile() as held:
            os.dup2(held.fileno(), 2)
            try:
                yield
            finally:
                sys.stderr.flush()
                os.dup2(terminal, 2)
                os.close(terminal)
                held.seek(0)
                for line in held.read().decode("utf-8", "replace").splitlines(keepends=True):
                    if not _CHATTER.match(line):
                        os.write(2, line.encode("utf-8"))
