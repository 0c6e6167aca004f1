"""Where the processor's time goes during a call: milliseconds per picture, by process and thread.

Reads /proc of everything that the benchmark started (server, engine, browser, probe), at two
moments of a live call. Processor time, unlike waiting time, hardly depends on what else runs. Knows
Linux and `/metrics`; does not know what a thread does, but for its name.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server.benchmark_run import metrics
from server.child_process import NAME_PREFIX

_SETTLED_PICTURES = 100
"""From the start of a call: about four seconds, after which the probe counts too."""
_LOOK_S = 0.5
_STAGE = "liveactor_stage_seconds"
_WORTH_NAMING_MS = 0.1
_UTIME, _STIME = 11, 12
"""Fields of /proc/PID/task/TID/stat after the name in brackets, see proc(5)."""


@dataclass(frozen=True, slots=True)
class _Sample:
    at_s: float
    pictures: float
    spent_s: dict[tuple[str, int, str], float]
    """Processor seconds so far of (role, thread id, thread name)."""


class CpuWatch(threading.Thread):
    """Waits in the background for a call to settle, then watches it for a while.

    `stages_ms` is what the server says about its stages at the end: [median, 95 %].
    """

    def __init__(self, url: str, seconds: float) -> None:
        super().__init__(name="cpu-watch", daemon=True)
        self._url = url
        self._seconds = seconds
        self._before: _Sample | None = None
        self._after: _Sample | None = None
        self.stages_ms: dict[str, list[float]] = {}

    def run(self) -> None:
        """Look twice; a call that ends before leaves nothing to report."""
        while _pictures(self._url) < _SETTLED_PICTURES:
            time.sleep(_LOOK_S)
        self._before = self._look()
        time.sleep(self._seconds)
        self._after = self._look()
        now = metrics(self._url)
        for name in sorted(now):
            if name.startswith(_STAGE):
                stage = name.partition('stage="')[2].partition('"')[0]
                self.stages_ms.setdefault(stage, []).append(round(1e3 * now[name], 2))
        for what in ("picture_hold", "voice_delay"):
            self.stages_ms[what] = [round(1e3 * now[f"liveactor_{what}_seconds"], 2)]

    def _look(self) -> _Sample:
        return _Sample(time.monotonic(), _pictures(self._url), _spent_s(os.getpid()))

    def report(self) -> dict[str, Any] | None:
        """{"pictures", "cores", "ms_per_picture": {role: ms}, "threads": {role: {name: ms}}}."""
        before, after = self._before, self._after
        if before is None or after is None or after.pictures <= before.pictures:
            return None
        num = after.pictures - before.pictures
        threads: dict[str, Counter[str]] = {}
        for key, spent_s in after.spent_s.items():
            role, _, name = key
            used_s = spent_s - before.spent_s.get(key, 0.0)
            threads.setdefault(role, Counter())[name] += 1e3 * used_s / num  # type: ignore[assignment]
        totals = {role: sum(each.values()) for role, each in threads.items()}
        return {
            "pictures": num,
            "cores": round(sum(totals.values()) * num / 1e3 / (after.at_s - before.at_s), 2),
            "ms_per_picture": {role: round(ms, 2) for role, ms in sorted(totals.items())},
            "threads": {
                role: {
                    name: round(ms, 2) for name, ms in each.most_common() if ms >= _WORTH_NAMING_MS
                }
                for role, each in sorted(threads.items())
            },
        }


def _pictures(url: str) -> float:
    """Fresh pictures that left the server."""
    now = metrics(url)
    sent, held = (now.get(f'liveactor_events_total{{event="{e}"}}', 0.0) for e in ("sent", "held"))
    return sent - held


def _spent_s(root: int) -> dict[tuple[str, int, str], float]:
    """Processor seconds of every thread below a process."""
    import psutil

    per_tick_s = 1.0 / os.sysconf("SC_CLK_TCK")
    spent_s: dict[tuple[str, int, str], float] = {}
    for process in [psutil.Process(root), *psutil.Process(root).children(recursive=True)]:
        try:
            role = _role(process.name(), process.cmdline())
            for task in Path(f"/proc/{process.pid}/task").iterdir():
                head, _, tail = (task / "stat").read_text().rpartition(") ")
                fields = tail.split()
                ticks = int(fields[_UTIME]) + int(fields[_STIME])
                name = head.partition("(")[2].rstrip("0123456789-")
                spent_s[role, int(task.name), name] = ticks * per_tick_s
        except (psutil.NoSuchProcess, OSError):
            continue  # ended meanwhile
    return spent_s


def _role(name: str, command: list[str]) -> str:
    """What a process is to the call: children of the server and of Chromium say it themselves."""
    if name.startswith(NAME_PREFIX):
        return name.removeprefix(NAME_PREFIX)
    for argument in command:
        if argument.startswith("--utility-sub-type="):
            return "chromium " + argument.rpartition(".")[2]
    for argument in command:
        if argument.startswith("--type="):
            return "chromium " + argument.partition("=")[2]
    if "chrom" in name:
        return "chromium browser"
    if "server" in command:
        return "media"
    return "probe" if "client" in command or "node" in name else "other"
