"""Where chunks are drawn: at once, or one at a time in a thread beside the stream's own.

A live stream tracks and warps the next frames while the model works on the last ones; the model's
time then costs a little delay instead of the stream's rate. Knows order and waiting; does not know
what a chunk is. One thread at a time may call it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Drawn = TypeVar("Drawn")

Draw = Callable[[], Sequence[Drawn]]
"""Draws one chunk. Chunks of one line never run at the same time, nor out of order."""


class ChunkLine(Generic[Drawn]):
    """Takes chunks in order and hands back what is finished; at most one is under way."""

    def __init__(self, *, is_beside: bool) -> None:
        """`is_beside`: in a thread of its own, begun with the first chunk."""
        self._threads = (
            ThreadPoolExecutor(max_workers=1, thread_name_prefix="model") if is_beside else None
        )
        self._under_way: Future[Sequence[Drawn]] | None = None

    def submit(self, draw: Draw[Drawn]) -> list[Drawn]:
        """Give in a chunk; returns what is finished.

        Waits for the chunk before, so that a stream that is too fast for the model feels it.
        Raises what drawing raised: the earlier chunk's where it ran beside.
        """
        if self._threads is None:
            return list(draw())
        try:
            return self.flush()
        finally:
            self._under_way = self._threads.submit(draw)

    def finished(self) -> list[Drawn]:
        """What is finished, without waiting. Raises what drawing raised."""
        if self._under_way is None or not self._under_way.done():
            return []
        return self.flush()

    def flush(self) -> list[Drawn]:
        """What is under way, when it is finished. Raises what drawing raised."""
        under_way, self._under_way = self._under_way, None
        return [] if under_way is None else list(under_way.result())

    def close(self) -> None:
        """Wait for the last chunk and end the thread; the line takes no more."""
        self._under_way = None
        if self._threads is not None:
            self._threads.shutdown()
