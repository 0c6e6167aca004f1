"""A run may begin with weights that were trained before, and only with such that fit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from avatar.errors import AssetError
from avatar.training.autoencoder_stage import train

RUN = """
refine_from = 0.0
{head}
[run]
output = "{output}"
preset = "tiny"
picture_px = 64
num_train_steps = {steps}
batch_size = 2
device = "cpu"
[run.data]
num_frames = 4
num_held_out = 1
[run.optimiser]
learning_rate = {rate}
num_warmup_steps = 1
"""


def _train(output: Path, *, rate: float, steps: int = 1, start_from: Path | None = None) -> Path:
    head = "" if start_from is None else f'start_from = "{start_from}"'
    config = output.with_suffix(".toml")
    config.write_text(RUN.format(head=head, output=output, steps=steps, rate=rate))
    train(config)
    return output / "refiner.safetensors"


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _train(tmp_path_factory.mktemp("runs") / "first", rate=2e-3, steps=2)


def test_a_run_begins_where_its_start_weights_end(start: Path, tmp_path: Path) -> None:
    """A run that cannot move publishes what it began with; without a start it is another."""
    wanted = load_file(start)
    again = load_file(_train(tmp_path / "again", rate=0.0, start_from=start))
    anew = load_file(_train(tmp_path / "anew", rate=0.0))
    assert set(again) == set(wanted)
    assert all(torch.equal(again[name], wanted[name]) for name in wanted)
    assert not all(torch.equal(anew[name], wanted[name]) for name in wanted)


def test_a_stopped_run_goes_on_from_its_own_checkpoint(start: Path, tmp_path: Path) -> None:
    run, name = tmp_path / "run", "autoencoder.decoder.leave.weight"
    states = []
    for rate, steps in ((2e-3, 1), (0.0, 2)):
        _train(run, rate=rate, steps=steps, start_from=start)
        state = torch.load(run / "state.pt", weights_only=True)
        states.append((state["step"], state["network"][name]))
    assert [step for step, _ in states] == [1, 2]
    assert torch.equal(states[1][1], states[0][1])
    assert not torch.equal(states[1][1], load_file(start)[name])


def test_start_weights_that_do_not_fit_are_refused(start: Path, tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="missing"):
        _train(tmp_path / "a", rate=0.0, start_from=tmp_path / "nothing.safetensors")
    other = tmp_path / "teacher.safetensors"
    other.write_bytes(start.read_bytes())
    manifest = start.with_suffix(".json").read_text()
    other.with_suffix(".json").write_text(manifest.replace('"refiner"', '"teacher"'))
    with pytest.raises(AssetError, match="kind is 'teacher', but 'refiner' is needed"):
        _train(tmp_path / "b", rate=0.0, start_from=other)
