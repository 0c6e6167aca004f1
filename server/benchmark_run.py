"""A server and a browser to measure it with, each in a process of its own.

Knows the command lines of server and client and the server's `/metrics`; measures nothing itself.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

READY_TIMEOUT_S = 180.0


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


def probe(url: str, clip: Path, seconds: float, *more: str) -> dict[str, Any]:
    """One session measured from outside; `more` options go to the probe."""
    command = [sys.executable, "-m", "client", "probe", "--url", url, "--clip", str(clip), *more]
    done = subprocess.run(
        [*command, "--seconds", str(seconds), "--json"], capture_output=True, text=True
    )
    if done.returncode != 0:
        raise SystemExit(f"the probe failed: {done.stderr.strip()[-2000:]}")
    report: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return report


@contextmanager
def calling(url: str, clip: Path, seconds: float) -> Iterator[subprocess.Popen[str]]:
    """A session in the background; its probe is ended at the end, if it has not ended itself."""
    command = [sys.executable, "-m", "client", "probe", "--url", url, "--json"]
    command += ["--clip", str(clip), "--seconds", str(seconds)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    caller = subprocess.Popen(command, text=True, **pipes)  # type: ignore[call-overload]
    try:
        yield caller
    finally:
        if caller.poll() is None:
            caller.send_signal(signal.SIGINT)  # playwright closes its browser
        caller.communicate()


def metrics(url: str) -> dict[str, float]:
    """The server's own counters, without those of the interpreter."""
    with urllib.request.urlopen(f"{url}metrics") as reply:
        lines = reply.read().decode().splitlines()
    return {
        name: float(value)
        for name, value in (line.rsplit(" ", 1) for line in lines if line.startswith("liveactor_"))
    }


def with_gallery(gallery: Path | None, config: str = "") -> str:
    """TOML of a server that offers these characters instead of the built-in ones."""
    if gallery is None:
        return config
    return f'{config}\n[characters]\ngallery = "{gallery.resolve()}"\n'


def wait_until_open(url: str) -> None:
    """Every built-in character is in memory: what grows from here on does so for no good reason."""
    deadline_s = time.monotonic() + READY_TIMEOUT_S
    while True:
        now = metrics(url)
        if now["liveactor_characters_open"] >= now["liveactor_characters"]:
            return
        if time.monotonic() > deadline_s:
            raise SystemExit("the gallery did not open")
        time.sleep(1.0)
