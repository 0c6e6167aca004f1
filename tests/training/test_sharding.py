"""Sharded training (FSDP2): the losses of one process, checkpoints that fit any number of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.training.processes import train_together
from tests.training.runs import logged_losses

CONFIG = """
teacher = "none"
shortcut_until = 0.3
rollout_until = 0.6
[run]
output = "{output}"
preset = "tiny"
picture_px = 32
num_train_steps = 3
batch_size = 2
device = "cpu"
is_sharded = {is_sharded}
log_every = 1
evaluate_every = 3
save_every = 1
[run.data]
num_frames = 4
num_held_out = 1
num_references = 1
pool = 2
[critic]
weight = 0.05
from_share = 0.0
"""


def _run(output: Path, world_size: int, until: int) -> None:
    """Up to a step, sharded where there are two processes."""
    config = output.with_suffix(f".{world_size}.toml")
    config.write_text(CONFIG.format(output=output, is_sharded=str(world_size > 1).lower()))
    train_together(["tests.training.sharded_run", str(config), str(until)], world_size)


def test_two_processes_with_shares_train_as_one_and_go_on_as_one(tmp_path: Path) -> None:
    """Across all phases of distillation and a critic; every checkpoint is whole."""
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    _run(alone, 1, 3)
    _run(shared, 2, 2)
    state = torch.load(shared / "state.pt", weights_only=True)
    unbroken = torch.load(alone / "state.pt", weights_only=True)
    assert {name: tensor.shape for name, tensor in state["network"].items()} == {
        name: tensor.shape for name, tensor in unbroken["network"].items()
    }
    _run(shared, 1, 3)
    losses, wanted = logged_losses(shared), logged_losses(alone)
    assert list(losses) == [1, 2, 3]
    assert losses == pytest.approx(wanted, rel=1e-3)
    assert len(set(wanted.values())) == 3
