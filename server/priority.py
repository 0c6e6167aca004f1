"""Whose turn it is on a busy machine: media first, then pictures, where the system lets them.

A packet of voice is due every 20 ms and takes a fraction of one; the engine, and a browser on the
same machine, work for whole tens of them. Who has precedence is woken at once, not after their
turn. The thread that makes pictures has some too: the next is due every 40 ms, while what it leaves
to other threads (the body, the next character) can wait. Knows niceness (POSIX setpriority); does
not know what is run.

Linux keeps niceness per thread and hands it on: threads begun later and child processes start with
that of the thread that began them.
"""

from __future__ import annotations

import logging
import os

logger = logging.getLogger(__name__)

MEDIA_NICENESS = -10
"""About ten times the share of ordinary programs where all want the processor."""
PICTURES_NICENESS = -5
_ORDINARY = 0


def take_precedence(niceness: int, *, is_inherited: bool = True) -> bool:
    """Let this thread go first; False where the system refuses, or somebody chose a niceness.

    Threads that it begins later go first as well, unless not `is_inherited`: for a whole process,
    to be called before its threads begin. Root may, and so may services with CAP_SYS_NICE or
    LimitNICE=-10 (systemd.exec(5)).
    """
    if not is_inherited and not hasattr(os, "SCHED_RESET_ON_FORK"):
        return False  # not Linux, where niceness is a whole process'
    if os.getpriority(os.PRIO_PROCESS, 0) != _ORDINARY:
        return False  # whoever started us with `nice` meant it
    try:
        os.setpriority(os.PRIO_PROCESS, 0, niceness)
    except PermissionError:
        logger.info("no right to a higher priority: on a busy machine this may have to wait")
        return False
    if not is_inherited:
        # sched(7): threads and processes begun from here on start at niceness 0.
        flags = os.SCHED_OTHER | os.SCHED_RESET_ON_FORK
        os.sched_setscheduler(0, flags, os.sched_param(0))
    return True


def be_ordinary() -> None:
    """Give up a precedence that was inherited (child processes)."""
    if os.getpriority(os.PRIO_PROCESS, 0) == MEDIA_NICENESS:
        os.setpriority(os.PRIO_PROCESS, 0, _ORDINARY)
