"""Whose turn it is on a busy machine: the media process first, where the system lets it.

A packet of voice is due every 20 ms and takes a fraction of one; the engine, and a browser on the
same machine, work for whole tens of them. A process with precedence is woken at once, not after
their turn. Knows niceness (POSIX setpriority); does not know what is run.

Linux keeps niceness per thread and hands it on: threads begun later and child processes start with
that of the thread that began them.
"""

from __future__ import annotations

import logging
import os

logger = logging.getLogger(__name__)

MEDIA_NICENESS = -10
"""About ten times the share of ordinary programs where all want the processor."""
_ORDINARY = 0


def take_precedence() -> bool:
    """Let this process go first; False where the system refuses, or somebody chose a niceness.

    To be called before threads begin. Root may, and so may services with CAP_SYS_NICE or
    LimitNICE=-10 (systemd.exec(5)).
    """
    if os.getpriority(os.PRIO_PROCESS, 0) != _ORDINARY:
        return False  # whoever started us with `nice` meant it
    try:
        os.setpriority(os.PRIO_PROCESS, 0, MEDIA_NICENESS)
    except PermissionError:
        logger.info("no right to a higher priority: on a busy machine media may have to wait")
        return False
    return True


def be_ordinary() -> None:
    """Give up a precedence that was inherited (child processes)."""
    if os.getpriority(os.PRIO_PROCESS, 0) == MEDIA_NICENESS:
        os.setpriority(os.PRIO_PROCESS, 0, _ORDINARY)
