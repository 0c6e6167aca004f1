"""`python -m server`: what it takes, what it refuses, and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import aiortc
import pytest

from avatar.config import load_config
from server.__main__ import _configured, _parser, main
from server.config import ServeConfig

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = sorted((ROOT / "configs").glob("serve*.toml"))


@pytest.mark.parametrize(
    "path", sorted((ROOT / "configs").glob("serve*.toml")), ids=lambda p: p.name
)
def test_every_shipped_config_loads(path: Path) -> None:
    load_config(path, ServeConfig)


def test_there_are_shipped_configs() -> None:
    assert CONFIGS


def test_the_receiver_is_written_for_the_installed_aiortc() -> None:
    assert aiortc.__version__.startswith("1.16."), "server/receiver.py reaches into aiortc 1.16"


def test_a_public_address_without_a_token_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LIVEACTOR_TOKEN", raising=False)
    assert main(["--host", "0.0.0.0", "--port", "0"]) == 2
    assert "LIVEACTOR_TOKEN" in capsys.readouterr().err


def test_a_config_that_is_wrong_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "serve.toml"
    path.write_text("[sessions]\nmax_sesions = 3\n")
    assert main(["--config", str(path)]) == 2
    said = capsys.readouterr().err
    assert "max_sessions" in said
    assert str(path) in said


def test_a_certificate_without_a_key_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--tls-cert", "cert.pem"]) == 2
    assert "tls_key" in capsys.readouterr().err


def test_options_overrule_the_config(tmp_path: Path) -> None:
    path = tmp_path / "serve.toml"
    path.write_text('[listen]\nport = 9000\n[engine]\nanimator = "copy"\n')
    options = _parser().parse_args(["--config", str(path), "--port", "0", "--probe"])
    config = _configured(options)
    assert config.listen.port == 0
    assert config.engine.animator == "copy"
    assert config.is_probe_allowed


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_with_its_children(number: int, tmp_path: Path) -> None:
    config = tmp_path / "serve.toml"
    config.write_text(f'[characters]\ngallery = "{tmp_path}"\n')
    command = [sys.executable, "-m", "server", "--config", str(config), "--port", "0"]
    process = subprocess.Popen(
        [*command, "--animator", "copy"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert "Liveactor is at http://localhost:" in line
        url = line.split(" at ")[1].strip()
        with urllib.request.urlopen(f"{url}health") as reply:
            assert reply.status == 200
        children = _children(process.pid)
        process.send_signal(number)
        _, errors = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 0
    assert "Traceback" not in errors
    assert "leaked" not in errors
    # multiprocessing's resource tracker ends itself a moment after its parent.
    deadline_s = time.monotonic() + 10.0
    while left := [child for child in children if Path(f"/proc/{child}").exists()]:
        assert time.monotonic() < deadline_s, f"processes {left} are left behind"
        time.sleep(0.05)


def test_a_signal_to_the_whole_group_is_no_crash_of_the_children(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "server", "--port", "0", "--animator", "copy"]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "XDG_CACHE_HOME": str(tmp_path)},
    )
    try:
        assert process.stdout is not None
        assert "Liveactor is at" in process.stdout.readline()
        # The gallery is being opened by now: the builder is at work when the signal comes.
        os.killpg(process.pid, signal.SIGTERM)
        _, errors = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 0
    assert "stopping" in errors
    for words in ("died", "failed", "Traceback", "leaked"):
        assert words not in errors


def _children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found]
