"""The soak: one long session, then many short ones, and what the server's processes hold meanwhile.

Memory (resident, per process), threads, descriptors and queues, sampled from outside; slopes per
minute are least squares over what follows the first minute. Knows `/metrics` and psutil.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from server.benchmark_run import calling, metrics, probe, serving, wait_until_open, with_gallery
from server.child_process import NAME_PREFIX

_SAMPLE_S = 5.0


def soak(
    clip: Path, seconds: float, gallery: Path | None, animator: str, num_sessions: int
) -> dict[str, Any]:
    """One long session, then many short ones: memory, threads and descriptors must not grow."""
    with serving("--animator", animator, config=with_gallery(gallery)) as server:
        process_id = server.process.pid
        samples: list[dict[str, float]] = []
        wait_until_open(server.url)
        with calling(server.url, clip, seconds) as caller:
            start_s = time.monotonic()
            while caller.poll() is None:
                at_s = round(time.monotonic() - start_s, 1)
                samples.append({"at_s": at_s, **usage(process_id), **_depths(server.url)})
                time.sleep(_SAMPLE_S)
            assert caller.stdout is not None
            report: dict[str, Any] = json.loads(caller.stdout.read().strip().splitlines()[-1])
        per_session = []
        for index in range(num_sessions):
            probe(server.url, clip, 1.0)
            time.sleep(1.0)
            per_session.append(usage(process_id))
            print(f"session {index + 1}: {per_session[-1]}", file=sys.stderr)
        counters = metrics(server.url)
    slopes = {name: slope_per_min(samples, name) for name in samples[-1] if name != "at_s"}
    report["slope_per_min"] = slopes
    report["worst_voice_skew_ms"] = max(abs(sample["voice_skew_ms"]) for sample in samples)
    report["samples"] = samples[:: max(1, len(samples) // 20)]
    report["sessions"] = per_session
    report["server"] = counters
    return report


def usage(process_id: int) -> dict[str, float]:
    """Memory, threads and descriptors of the server and its children together."""
    import psutil

    root = psutil.Process(process_id)
    rss_mb: dict[str, float] = {}
    num_threads = num_descriptors = num_processes = 0
    for process in [root, *root.children(recursive=True)]:
        try:
            role, memory = _role(process), process.memory_info().rss
            threads, descriptors = process.num_threads(), process.num_fds()
        except psutil.NoSuchProcess:
            continue  # a builder that has done its work
        rss_mb[role] = rss_mb.get(role, 0.0) + memory / 1e6
        num_processes += 1
        num_threads += threads
        num_descriptors += descriptors
    return {
        "rss_mb": round(sum(rss_mb.values()), 1),
        "threads": num_threads,
        "descriptors": num_descriptors,
        "processes": num_processes,
        **{f"rss_{role}_mb": round(used_mb, 1) for role, used_mb in rss_mb.items()},
    }


def _role(process: Any) -> str:
    """media, engine, builder or tracker; children name themselves (see `child_process`)."""
    name: str = process.name()
    if "resource_tracker" in " ".join(process.cmdline()):
        return "tracker"
    return name.removeprefix(NAME_PREFIX) if name.startswith(NAME_PREFIX) else "media"


def _depths(url: str) -> dict[str, float]:
    """What waits in each queue of the server."""
    now = metrics(url)
    prefix = 'liveactor_queue_depth{queue="'
    depths = {f"queue_{k[len(prefix) : -2]}": v for k, v in now.items() if k.startswith(prefix)}
    skew_ms = 1e3 * now.get("liveactor_voice_skew_seconds", 0.0)
    return {**depths, "voice_skew_ms": round(skew_ms, 1)}


def slope_per_min(samples: list[dict[str, float]], name: str) -> float | None:
    """Least squares over what follows the first minute."""
    late = [s for s in samples if s["at_s"] >= 60.0 and name in s]
    late = late or [s for s in samples[len(samples) // 2 :] if name in s]
    if len(late) < 3:
        return None
    mean_t = sum(s["at_s"] for s in late) / len(late)
    mean_m = sum(s[name] for s in late) / len(late)
    spread = sum((s["at_s"] - mean_t) ** 2 for s in late)
    slope = sum((s["at_s"] - mean_t) * (s[name] - mean_m) for s in late) / spread
    return round(60 * slope, 3)
