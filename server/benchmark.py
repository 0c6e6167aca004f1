"""Measure the server through a real browser. The last line on stdout is one JSON object.

    python -m server.benchmark transport --clip CLIP     echo, our receiver beside aiortc's own
    python -m server.benchmark live --clip CLIP          a real animator (default: warp)
    python -m server.benchmark loss --clip CLIP          5 % lost and 5 % reordered, both ways
    python -m server.benchmark soak --clip CLIP --seconds 600 --sessions 20

Every run starts a server of its own and calls it with `python -m client probe`, which stamps a
clock into the driving picture and reads it back from the picture it caused. What it costs: server,
browser and probe share the machine, so figures are upper bounds; the load average that other
programs caused is part of the report. Does not know how anything is done inside.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

READY_TIMEOUT_S = 180.0
_SAMPLE_S = 5.0


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server in a process of its own."""

    url: str
    process: subprocess.Popen[str]


@contextmanager
def serving(*options: str, config: str = "") -> Iterator[RunningServer]:
    """A server that is warm; stopped at the end."""
    with tempfile.TemporaryDirectory(prefix="liveactor-benchmark-") as folder:
        path = Path(folder) / "serve.toml"
        path.write_text(config, encoding="utf-8")
        command = [sys.executable, "-m", "server", "--config", str(path), "--port", "0", "--probe"]
        process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if " at " not in line:
                raise SystemExit("the server did not start; its own words are above")
            url = line.split(" at ")[1].strip().replace("localhost", "127.0.0.1")
            _wait_until_ready(url)
            yield RunningServer(url, process)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


def _wait_until_ready(url: str) -> None:
    deadline_s = time.monotonic() + READY_TIMEOUT_S
    while True:
        with urllib.request.urlopen(f"{url}health") as reply:
            if json.load(reply)["engine"] == "ready":
                return
        if time.monotonic() > deadline_s:
            raise SystemExit("the engine did not become ready")
        time.sleep(0.5)


def probe(url: str, clip: Path, seconds: float) -> dict[str, Any]:
    """One session measured from outside."""
    command = [sys.executable, "-m", "client", "probe", "--url", url, "--clip", str(clip)]
    done = subprocess.run(
        [*command, "--seconds", str(seconds), "--json"], capture_output=True, text=True
    )
    if done.returncode != 0:
        raise SystemExit(f"the probe failed: {done.stderr.strip()[-2000:]}")
    report: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return report


def metrics(url: str) -> dict[str, float]:
    """The server's own counters, without those of the interpreter."""
    with urllib.request.urlopen(f"{url}metrics") as reply:
        lines = reply.read().decode().splitlines()
    return {
        name: float(value)
        for name, value in (line.rsplit(" ", 1) for line in lines if line.startswith("liveactor_"))
    }


def _run(
    clip: Path, seconds: float, gallery: Path | None, *options: str, config: str = ""
) -> dict[str, Any]:
    if gallery is not None:
        config += f'\n[characters]\ngallery = "{gallery.resolve()}"\n'
    with serving(*options, config=config) as server:
        load_before = os.getloadavg()[0]
        report = probe(server.url, clip, seconds)
        counters = metrics(server.url)
    report["load_before"] = round(load_before, 2)
    report["server"] = {k: v for k, v in counters.items() if "events" in k or "dropped" in k}
    _show(" ".join(options) or "server", report)
    return report


def _show(title: str, report: dict[str, Any]) -> None:
    glass, skew = report["glass_to_glass_s"], report["av_skew_s"]
    print(
        f"{title:40s} glass to glass {1e3 * glass['p50']:5.0f} / {1e3 * glass['p95']:5.0f} ms   "
        f"{report['fps']:5.1f} fps   first {1e3 * (report['first_frame_s'] or 0):5.0f} ms   "
        f"freezes {report['freezes']}   p95 gap {1e3 * (report['p95_gap_s'] or 0):4.0f} ms   "
        f"skew {1e3 * (skew['p50'] or 0):3.0f} / {1e3 * (skew['p95'] or 0):3.0f} ms",
        file=sys.stderr,
    )


def transport(clip: Path, seconds: float, gallery: Path | None) -> dict[str, Any]:
    """Our receiver and aiortc's own, one after the other, on the echo animator."""
    return {
        kind: _run(clip, seconds, gallery, "--animator", "echo", "--receiver", kind)
        for kind in ("low_latency", "stock")
    }


def live(clip: Path, seconds: float, gallery: Path | None, animator: str) -> dict[str, Any]:
    """A real animator."""
    return _run(clip, seconds, gallery, "--animator", animator)


def loss(clip: Path, seconds: float, gallery: Path | None) -> dict[str, Any]:
    """A bad network, both directions, on the echo animator; aiortc's own receiver beside ours."""
    config = "[impairment]\nloss = 0.05\nreorder = 0.05\n"
    return {
        kind: _run(clip, seconds, gallery, "--animator", "echo", "--receiver", kind, config=config)
        for kind in ("low_latency", "stock")
    }


def soak(
    clip: Path, seconds: float, gallery: Path | None, animator: str, num_sessions: int
) -> dict[str, Any]:
    """One long session, then many short ones: memory, threads and descriptors must not grow."""
    config = f'[characters]\ngallery = "{gallery.resolve()}"\n' if gallery else ""
    with serving("--animator", animator, config=config) as server:
        process_id = server.process.pid
        samples: list[dict[str, float]] = []
        command = [sys.executable, "-m", "client", "probe", "--url", server.url, "--json"]
        command += ["--clip", str(clip), "--seconds", str(seconds)]
        caller = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        start_s = time.monotonic()
        while caller.poll() is None:
            samples.append({"at_s": round(time.monotonic() - start_s, 1), **_usage(process_id)})
            time.sleep(_SAMPLE_S)
        assert caller.stdout is not None
        report: dict[str, Any] = json.loads(caller.stdout.read().strip().splitlines()[-1])
        _show("soak", report)
        per_session = []
        for index in range(num_sessions):
            probe(server.url, clip, 1.0)
            time.sleep(1.0)
            per_session.append(_usage(process_id))
            print(f"session {index + 1}: {per_session[-1]}", file=sys.stderr)
        counters = metrics(server.url)
    report["rss_slope_mb_per_min"] = _slope_mb_per_min(samples)
    report["samples"] = samples[:: max(1, len(samples) // 20)]
    report["sessions"] = per_session
    report["server"] = counters
    return report


def _usage(process_id: int) -> dict[str, float]:
    """Memory, threads and descriptors of the server and its children together."""
    import psutil

    root = psutil.Process(process_id)
    everyone = [root, *root.children(recursive=True)]
    return {
        "rss_mb": round(sum(p.memory_info().rss for p in everyone) / 1e6, 1),
        "threads": sum(p.num_threads() for p in everyone),
        "descriptors": sum(p.num_fds() for p in everyone),
        "processes": len(everyone),
        **{f"rss_{_role(p)}_mb": round(p.memory_info().rss / 1e6, 1) for p in everyone},
    }


def _role(process: Any) -> str:
    """media, engine, builder or tracker, by what each has open: names are lost in a spawn."""
    words = " ".join(process.cmdline())
    if "resource_tracker" in words:
        return "tracker"
    return "media" if "-m server" in words else f"child{process.pid % 1000}"


def _slope_mb_per_min(samples: list[dict[str, float]]) -> float | None:
    """Least squares over what follows the first minute."""
    late = [s for s in samples if s["at_s"] >= 60.0] or samples[len(samples) // 2 :]
    if len(late) < 3:
        return None
    mean_t = sum(s["at_s"] for s in late) / len(late)
    mean_m = sum(s["rss_mb"] for s in late) / len(late)
    spread = sum((s["at_s"] - mean_t) ** 2 for s in late)
    slope = sum((s["at_s"] - mean_t) * (s["rss_mb"] - mean_m) for s in late) / spread
    return round(60 * slope, 3)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a benchmark."""
    parser = argparse.ArgumentParser(prog="python -m server.benchmark")
    parser.add_argument("what", choices=["transport", "live", "loss", "soak"])
    parser.add_argument("--clip", type=Path, required=True, help="plays as the camera")
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--animator", default="warp", choices=["warp", "copy", "echo"])
    parser.add_argument("--sessions", type=int, default=20, help="short sessions of the soak")
    parser.add_argument("--gallery", type=Path, help="characters to use instead of the built-in")
    options = parser.parse_args(arguments)
    if options.what == "transport":
        report = transport(options.clip, options.seconds, options.gallery)
    elif options.what == "live":
        report = live(options.clip, options.seconds, options.gallery, options.animator)
    elif options.what == "loss":
        report = loss(options.clip, options.seconds, options.gallery)
    else:
        report = soak(
            options.clip, options.seconds, options.gallery, options.animator, options.sessions
        )
    print(json.dumps({"benchmark": options.what, "cores": os.cpu_count(), **report}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
