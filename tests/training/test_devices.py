"""Two processes that share every batch reach the losses of one process with the whole batch."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.training.runs import logged_losses

CONFIG = """
refine_from = 0.5
[run]
output = "{output}"
preset = "tiny"
picture_px = 64
num_train_steps = 4
batch_size = 4
device = "cpu"
log_every = 1
evaluate_every = 4
save_every = 4
[run.data]
num_frames = 4
num_held_out = 1
[critic]
weight = 0.05
from_share = 0.0
"""


def _start(config: Path, rank: int, world_size: int, port: int) -> subprocess.Popen[bytes]:
    """What torchrun does for each process."""
    environment = {
        **os.environ,
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(world_size),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "avatar", "train", "autoencoder", "--config", str(config)]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)


def test_two_processes_train_as_one(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    losses = []
    for world_size in (1, 2):
        output = tmp_path / f"world_{world_size}"
        config = tmp_path / f"{world_size}.toml"
        config.write_text(CONFIG.format(output=output))
        processes = [_start(config, rank, world_size, port) for rank in range(world_size)]
        for process in processes:
            _, said = process.communicate(timeout=400)
            assert process.returncode == 0, said.decode()[-2000:]
        losses.append(logged_losses(output))
    assert list(losses[0]) == [1, 2, 3, 4]
    assert losses[1] == pytest.approx(losses[0], rel=2e-4)
