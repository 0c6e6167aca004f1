"""Media goes first where it may, and what it starts does not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from server.priority import take_precedence

ROOT = Path(__file__).resolve().parents[2]
_IN_A_THREAD = """
import os, threading
from server.priority import be_ordinary, take_precedence
def show(): print(os.getpriority(os.PRIO_PROCESS, 0))
def run(target):
    thread = threading.Thread(target=target); thread.start(); thread.join()
"""


def _said(code: str, *, niceness: int = 0) -> list[int]:
    """What Python code prints in a process of its own, begun at a niceness."""
    if os.getpriority(os.PRIO_PROCESS, 0) > niceness and os.getuid() != 0:
        pytest.skip("the tests themselves run at a niceness that only root could undo")
    done = subprocess.run(
        [sys.executable, "-c", _IN_A_THREAD + code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: os.setpriority(os.PRIO_PROCESS, 0, niceness),
    )
    return [int(line) for line in done.stdout.split()]


def _may_go_first() -> bool:
    return _said("print(int(take_precedence(-10)))") == [1]


def test_threads_of_a_process_that_goes_first_go_first_until_they_are_ordinary_again() -> None:
    if not _may_go_first():
        pytest.skip("this user has no right to a higher priority")
    assert _said("take_precedence(-10); show(); run(show); be_ordinary(); show()") == [-10, -10, 0]


def test_a_thread_alone_can_go_first() -> None:
    if not _may_go_first():
        pytest.skip("this user has no right to a higher priority")
    code = "def lane():\n    take_precedence(-5, is_inherited=False); show(); run(show)\n"
    assert _said(code + "run(lane); show()") == [-5, 0, 0]


def test_who_was_started_with_nice_stays_so() -> None:
    assert _said("print(int(take_precedence(-10))); show()", niceness=7) == [0, 7]


def test_a_system_that_refuses_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "getpriority", lambda *_: 0)
    monkeypatch.setattr(os, "setpriority", refuse)
    with caplog.at_level("INFO"):
        assert take_precedence(-10) is False
    assert "may have to wait" in caplog.text
