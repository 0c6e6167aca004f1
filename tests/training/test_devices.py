"""Two processes that share every batch reach the losses of one process with the whole batch."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.processes import train_together
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


def test_two_processes_train_as_one(tmp_path: Path) -> None:
    losses = []
    for world_size in (1, 2):
        output = tmp_path / f"world_{world_size}"
        config = tmp_path / f"{world_size}.toml"
        config.write_text(CONFIG.format(output=output))
        train_together(["avatar", "train", "autoencoder", "--config", str(config)], world_size)
        losses.append(logged_losses(output))
    assert list(losses[0]) == [1, 2, 3, 4]
    assert losses[1] == pytest.approx(losses[0], rel=2e-4)
