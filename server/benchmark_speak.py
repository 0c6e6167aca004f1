"""An application that talks for long: what the listener hears and sees of it, stretch by stretch.

`client.lips_probe` records a voice-only page to which /speak says the same words again and again
(or whose microphone does); `avatar.evaluation.voice_live` finds every word in what came back. Both
run as programs of their own: this one knows their command lines, a server, and what its processes
hold meanwhile.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from server.benchmark_run import serving, wait_until_open, with_gallery
from server.benchmark_soak import slope_per_min, usage

_SAMPLE_S = 5.0
_MEASURE = [sys.executable, "-m", "avatar.evaluation.voice_live"]


def speak(
    seconds: float, every_s: float, gallery: Path | None, animator: str, *, has_microphone: bool
) -> dict[str, Any]:
    """One session; skew, rate and memory over all of it and for every `every_s` seconds."""
    with tempfile.TemporaryDirectory(prefix="liveactor-speak-") as folder:
        sound, curves = Path(folder) / "words.wav", Path(folder) / "curves.npz"
        subprocess.run([*_MEASURE, "--make-sound", str(sound)], check=True)
        record = [sys.executable, "-m", "client.lips_probe", "--sound", str(sound)]
        record += ["--seconds", str(seconds), "--output", str(curves)]
        record += [] if has_microphone else ["--speak"]
        samples: list[dict[str, float]] = []
        with serving("--animator", animator, config=with_gallery(gallery)) as server:
            wait_until_open(server.url)
            start_s = time.monotonic()
            with subprocess.Popen([*record, "--url", server.url]) as recorder:
                while recorder.poll() is None:
                    at_s = round(time.monotonic() - start_s, 1)
                    samples.append({"at_s": at_s, **usage(server.process.pid)})
                    time.sleep(_SAMPLE_S)
            if recorder.returncode != 0:
                raise SystemExit("the recording failed; its own words are above")
        measure = [*_MEASURE, "--sound", str(sound), "--curves", str(curves)]
        done = subprocess.run(
            [*measure, "--every", str(every_s)], check=True, stdout=subprocess.PIPE, text=True
        )
    report: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    report["slope_per_min"] = {
        name: slope_per_min(samples, name) for name in samples[-1] if name != "at_s"
    }
    report["samples"] = samples[:: max(1, len(samples) // 20)]
    return report
