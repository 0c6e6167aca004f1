"""Chunks come back in order, at once or a push later, and nothing of them is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from avatar.stream.chunk_line import ChunkLine


class _Held:
    """Chunks that are drawn when the test says so."""

    def __init__(self) -> None:
        self._may_go = threading.Event()
        self.threads: list[str] = []

    def chunk(self, name: str) -> Callable[[], list[str]]:
        def draw() -> list[str]:
            self._may_go.wait()
            self.threads.append(threading.current_thread().name)
            return [name]

        return draw

    def let_go(self) -> None:
        self._may_go.set()


def test_at_once_a_chunk_comes_back_from_its_own_call() -> None:
    line = ChunkLine[str](is_beside=False)
    assert line.submit(lambda: ["a"]) == ["a"]
    assert line.finished() == line.flush() == []
    line.close()


def test_beside_the_stream_a_chunk_comes_back_when_it_is_finished() -> None:
    line, held = ChunkLine[str](is_beside=True), _Held()
    assert line.submit(held.chunk("a")) == []
    assert line.finished() == []
    held.let_go()
    assert line.flush() == ["a"]
    assert line.flush() == line.finished() == []
    assert held.threads[0] != threading.current_thread().name
    line.close()


def test_the_next_chunk_waits_for_the_one_before() -> None:
    line, held = ChunkLine[str](is_beside=True), _Held()
    line.submit(held.chunk("a"))
    threading.Timer(0.05, held.let_go).start()
    assert line.submit(held.chunk("b")) == ["a"]
    assert line.flush() == ["b"]
    assert len(set(held.threads)) == 1, "one thread for all of them"
    line.close()


def test_a_chunk_that_fails_is_told_and_the_next_is_drawn() -> None:
    def fail() -> list[str]:
        raise ValueError("no weights")

    line = ChunkLine[str](is_beside=True)
    line.submit(fail)
    with pytest.raises(ValueError, match="no weights"):
        line.submit(lambda: ["b"])
    assert line.flush() == ["b"]
    line.close()


def test_a_line_without_chunks_begins_no_thread() -> None:
    before = threading.active_count()
    line = ChunkLine[str](is_beside=True)
    assert threading.active_count() == before
    line.close()
