"""The machine that figures are measured on: its name, this process' memory, its best gemm.

Knows the operating system's own accounts; does not know animators.
"""

from __future__ import annotations

import os
import platform
import resource
import sys
import time
from pathlib import Path

GEMM_SIDE = 1024
_GEMM_S = 0.5
"""How long products are repeated; the best one counts."""


def machine() -> str:
    """What the figures were measured on."""
    name = platform.processor() or platform.machine()
    cpu_info = Path("/proc/cpuinfo")
    if cpu_info.is_file():
        for line in cpu_info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                name = line.split(":", 1)[1].strip()
                break
    return f"{len(os.sched_getaffinity(0))} cores of {name}, Python {platform.python_version()}"


def resident_mb() -> float | None:
    """Memory that this process holds at present; None where /proc does not tell."""
    status = Path("/proc/self/statm")
    if not status.is_file():
        return None
    pages = int(status.read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def peak_resident_mb() -> float:
    """The most memory that this process ever held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def gemm_ceiling(*, is_bfloat16: bool, num_threads: int = 1) -> float:
    """Most floating-point operations per second that a large matrix product reaches here."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(num_threads)
    try:
        kind = torch.bfloat16 if is_bfloat16 else torch.float32
        a = torch.randn(GEMM_SIDE, GEMM_SIDE).to(kind)
        b = torch.randn(GEMM_SIDE, GEMM_SIDE).to(kind)
        best_s = float("inf")
        end_s = time.perf_counter() + _GEMM_S
        while time.perf_counter() < end_s:
            start_s = time.perf_counter()
            torch.mm(a, b)
            best_s = min(best_s, time.perf_counter() - start_s)
        return 2.0 * GEMM_SIDE**3 / best_s
    finally:
        torch.set_num_threads(before)
