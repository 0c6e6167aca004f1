"""Measure the server through a real browser. The last line on stdout is one JSON object.

    python -m server.benchmark transport --clip CLIP     echo, our receiver beside aiortc's own
    python -m server.benchmark live --clip CLIP          a real animator (default: warp)
    python -m server.benchmark loss --clip CLIP          5 % lost and 5 % reordered, both ways
    python -m server.benchmark soak --clip CLIP --seconds 600 --sessions 20
    python -m server.benchmark shutdown --clip CLIP     SIGTERM and SIGINT amid a live session
    python -m server.benchmark speak --seconds 1800 --every 300    an application talks (/speak)
    python -m server.benchmark voice --seconds 20        the voice-only page's microphone talks

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
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from avatar.stream.factory import AnimatorKind
from server.benchmark_cpu import CpuWatch
from server.benchmark_run import (
    READY_TIMEOUT_S,
    calling,
    metrics,
    probe,
    serving,
    wait_until_open,
    with_gallery,
)
from server.benchmark_soak import soak
from server.benchmark_speak import speak

_NO_HOLD = "[video]\nmax_hold_s = 0.0\n"
"""Transport is measured alone: no picture waits for the voice."""
_WATCHED_LESS_S = 3.0
"""By how much sooner the look at processor time ends than the probe's measurement."""


def _run(
    clip: Path,
    seconds: float,
    gallery: Path | None,
    *options: str,
    config: str = "",
    camera_fps: float | None = None,
) -> dict[str, Any]:
    with serving(*options, config=with_gallery(gallery, config)) as server:
        wait_until_open(server.url)
        load_before = os.getloadavg()[0]
        camera = [] if camera_fps is None else ["--camera-fps", str(camera_fps)]
        watch = CpuWatch(server.url, max(1.0, seconds - _WATCHED_LESS_S))
        watch.start()
        report = probe(server.url, clip, seconds, *camera)
        counters = metrics(server.url)
    report["load_before"] = round(load_before, 2)
    report["cpu"] = watch.report()
    report["stages_ms"] = watch.stages_ms
    report["server"] = {k: v for k, v in counters.items() if "events" in k or "dropped" in k}
    _show(" ".join(options) or "server", report)
    return report


def _show(title: str, report: dict[str, Any]) -> None:
    glass, skew = report["glass_to_glass_s"], report["av_skew_s"]
    print(
        f"{title:40s} glass to glass {_ms(glass['p50'])} / {_ms(glass['p95'])} ms   "
        f"{report['fps']:5.1f} fps   first {_ms(report['first_frame_s'])} ms   "
        f"freezes {report['freezes']}   p95 gap {_ms(report['p95_gap_s'])} ms   "
        f"skew {_ms(skew['p50'])} / {_ms(skew['p95'])} ms",
        file=sys.stderr,
    )


def _ms(seconds: float | None) -> str:
    return "   –" if seconds is None else f"{1e3 * seconds:4.0f}"


def transport(clip: Path, seconds: float, gallery: Path | None) -> dict[str, Any]:
    """Our receiver and aiortc's own, one after the other, on the echo animator."""
    return {
        kind: _run(
            clip, seconds, gallery, "--animator", "echo", "--receiver", kind, config=_NO_HOLD
        )
        for kind in ("low_latency", "stock")
    }


def live(
    clip: Path, seconds: float, gallery: Path | None, animator: str, camera_fps: float | None
) -> dict[str, Any]:
    """A real animator."""
    return _run(clip, seconds, gallery, "--animator", animator, camera_fps=camera_fps)


def loss(clip: Path, seconds: float, gallery: Path | None) -> dict[str, Any]:
    """A bad network, both directions, on the echo animator; aiortc's own receiver beside ours."""
    config = f"{_NO_HOLD}[impairment]\nloss = 0.05\nreorder = 0.05\n"
    return {
        kind: _run(clip, seconds, gallery, "--animator", "echo", "--receiver", kind, config=config)
        for kind in ("low_latency", "stock")
    }


def shutdown(clip: Path, gallery: Path | None, animator: str) -> dict[str, Any]:
    """From the signal to the end of the process, with a browser in the middle of a call."""
    report: dict[str, Any] = {}
    for number in (signal.SIGTERM, signal.SIGINT):
        with serving("--animator", animator, config=with_gallery(gallery)) as server:
            with calling(server.url, clip, 60.0):
                deadline_s = time.monotonic() + READY_TIMEOUT_S
                while metrics(server.url).get('liveactor_events_total{event="rendered"}', 0) < 100:
                    if time.monotonic() > deadline_s:
                        raise SystemExit("no session became live")
                    time.sleep(0.5)
                children = _children(server.process.pid)
                start_s = time.monotonic()
                server.process.send_signal(number)
                server.process.wait(30)
                took_s = round(time.monotonic() - start_s, 2)
            left = [pid for pid in children if Path(f"/proc/{pid}").exists()]
        report[number.name] = {
            "seconds": took_s,
            "exit_code": server.process.returncode,
            "processes_left": len(left),
        }
        print(f"{number.name}: {report[number.name]}", file=sys.stderr)
    return report


def _children(process_id: int) -> list[int]:
    import psutil

    return [child.pid for child in psutil.Process(process_id).children(recursive=True)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a benchmark."""
    parser = argparse.ArgumentParser(prog="python -m server.benchmark")
    kinds = ["transport", "live", "loss", "soak", "shutdown", "speak", "voice"]
    parser.add_argument("what", choices=kinds)
    parser.add_argument("--clip", type=Path, help="plays as the camera (not for speak, voice)")
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--animator", default="warp", choices=list(AnimatorKind))
    parser.add_argument("--camera-fps", type=float, help="of live; default: the probe's")
    parser.add_argument("--sessions", type=int, default=20, help="short sessions of the soak")
    parser.add_argument("--gallery", type=Path, help="characters to use instead of the built-in")
    parser.add_argument("--every", type=float, default=300.0, help="stretches of speak, voice, s")
    options = parser.parse_args(arguments)
    if options.what in ("speak", "voice"):
        report = speak(
            options.seconds,
            options.every,
            options.gallery,
            options.animator,
            has_microphone=options.what == "voice",
        )
    elif options.clip is None:
        parser.error("--clip is what plays as the camera")
    elif options.what == "transport":
        report = transport(options.clip, options.seconds, options.gallery)
    elif options.what == "live":
        report = live(
            options.clip, options.seconds, options.gallery, options.animator, options.camera_fps
        )
    elif options.what == "loss":
        report = loss(options.clip, options.seconds, options.gallery)
    elif options.what == "shutdown":
        report = shutdown(options.clip, options.gallery, options.animator)
    else:
        report = soak(
            options.clip, options.seconds, options.gallery, options.animator, options.sessions
        )
        _show("soak", report)
    print(json.dumps({"benchmark": options.what, "cores": os.cpu_count(), **report}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
