"""The model's thread: one piece of work at a time, its result once, its failure told."""

from __future__ import annotations

import os
import threading

import pytest

from avatar.stream.model_thread import NICENESS, ModelThread


def test_a_result_is_there_once_and_only_when_it_is_finished() -> None:
    thread, may_go = ModelThread[str](), threading.Event()
    assert thread.take() is thread.wait() is None
    thread.begin(lambda: "a" if may_go.wait() else "")
    assert thread.is_busy
    assert thread.take() is None
    may_go.set()
    assert thread.wait() == "a"
    assert thread.take() is thread.wait() is None
    thread.close()


def test_work_is_done_beside_whoever_asked_and_stands_back() -> None:
    thread = ModelThread[tuple[int, int]]()
    thread.begin(lambda: (threading.get_native_id(), os.getpriority(os.PRIO_PROCESS, 0)))
    result = thread.wait()
    thread.close()
    assert result is not None
    worker, niceness = result
    assert worker != threading.get_native_id()
    if hasattr(os, "SCHED_RESET_ON_FORK"):
        assert niceness == min(19, os.getpriority(os.PRIO_PROCESS, 0) + NICENESS)


def test_work_that_fails_is_told_and_the_next_is_done() -> None:
    def fail() -> str:
        raise ValueError("no weights")

    thread = ModelThread[str]()
    thread.begin(fail)
    with pytest.raises(ValueError, match="no weights"):
        thread.wait()
    thread.begin(lambda: "b")
    assert thread.wait() == "b"
    thread.close()


def test_a_thread_without_work_is_not_begun() -> None:
    before = threading.active_count()
    thread = ModelThread[str]()
    assert threading.active_count() == before
    thread.close()
