"""The stages: each learns a batch by heart, goes on where it stopped, passes on its weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from avatar.errors import AssetError, ConfigError
from avatar.model.network import AvatarNetwork, ModelKind
from avatar.model.presets import TINY
from avatar.training.autoencoder_stage import AutoencoderObjective
from avatar.training.config import RunConfig
from avatar.training.devices import Devices
from avatar.training.distil_stage import DistilObjective
from avatar.training.ema import Ema
from avatar.training.examples import Batch, ClipExamples, Examples, TrackerNoise, collate
from avatar.training.loop import Trainer, learning_rate
from avatar.training.objective import Objective
from avatar.training.teacher_stage import TeacherObjective, network_after
from avatar.training.toy import ToyPeople
from tests.training.runs import (
    SIZE,
    autoencoder_config,
    distil_config,
    logged_losses,
    run_config,
    teacher_config,
)

ALONE = Devices(0, 1, torch.device("cpu"))


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def batch() -> Batch:
    source = ClipExamples(
        ToyPeople(SIZE), TINY, num_frames=4, num_references=2, noise=TrackerNoise()
    )
    examples = Examples(source, TINY, seed=0)
    return collate([examples[0], examples[1]])


def _network(kind: ModelKind) -> AvatarNetwork:
    torch.manual_seed(0)
    return AvatarNetwork(TINY, kind)


def _overfit(
    objective: Objective, batch: Batch, share: float, steps: int, rate: float = 3e-3
) -> tuple[float, float]:
    """Mean loss over the first and the last few train steps on one batch."""
    objective.begin_phase(objective.phase_at(share))
    trained = [p for p in objective.network.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, rate, betas=(0.9, 0.95))
    losses = []
    for _ in range(steps):
        optimiser.zero_grad()
        loss = objective(batch, share).total_B.mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        losses.append(float(loss.detach()))
    return sum(losses[:3]) / 3, sum(losses[-3:]) / 3


def test_the_autoencoder_learns_a_batch_by_heart(batch: Batch, tmp_path: Path) -> None:
    objective = AutoencoderObjective(_network(ModelKind.REFINER), autoencoder_config(tmp_path, 10))
    objective.critic = None
    first, last = _overfit(objective, batch, 0.0, 60, rate=1.5e-3)
    assert last < 0.85 * first
    with torch.no_grad():
        drawn = objective.draw(batch)
    error = (drawn - batch["target"]).abs().mean()
    assert error < 0.85 * (batch["warp"] - batch["target"]).abs().mean()


def test_the_refiner_learns_a_batch_by_heart(batch: Batch, tmp_path: Path) -> None:
    """Without ever seeing the truth it draws closer to it than the warp does."""
    objective = AutoencoderObjective(_network(ModelKind.REFINER), autoencoder_config(tmp_path, 10))
    objective.begin_phase("refine")
    objective.enter_phase("refine", Ema(objective.network, 0.9), [batch])
    latents = objective.network.autoencoder
    normalised = latents.normalise(latents.encode(batch["target"])[0])
    assert (normalised.transpose(0, 2).flatten(1).std(1) - 1.0).abs().max() < 1e-3

    objective.critic = None
    first, last = _overfit(objective, batch, 0.5, 60, rate=1.5e-3)
    assert last < 0.85 * first
    with torch.no_grad():
        drawn = objective.draw(batch)
    error = (drawn - batch["target"]).abs().mean()
    assert error < 0.9 * (batch["warp"] - batch["target"]).abs().mean()


def test_a_served_refiner_learns_end_to_end_without_the_truth(batch: Batch, tmp_path: Path) -> None:
    """One phase from the start; the encoder learns too, and sees nothing but the warp."""
    config = replace(autoencoder_config(tmp_path, 10), refine_from=0.0)
    objective = AutoencoderObjective(_network(ModelKind.REFINER), config)
    objective.critic = None
    assert objective.phase_at(0.0) == objective.phase_at(0.9) == "serve"
    encoder = objective.network.autoencoder.encoder
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    first, last = _overfit(objective, batch, 0.0, 60, rate=1.5e-3)
    assert last < 0.9 * first
    assert any(not torch.equal(before[k], v) for k, v in encoder.state_dict().items())
    with torch.no_grad():
        drawn = objective.draw(batch)
        blind = objective.draw({**batch, "target": torch.zeros_like(batch["target"])})
    assert torch.equal(drawn, blind)
    error = (drawn - batch["target"]).abs().mean()
    assert error < 0.9 * (batch["warp"] - batch["target"]).abs().mean()


@pytest.mark.parametrize(("share", "gain"), [(0.0, 0.85), (0.9, 0.85)])
def test_the_teacher_learns_a_batch_by_heart(
    batch: Batch, tmp_path: Path, share: float, gain: float
) -> None:
    objective = TeacherObjective(
        _network(ModelKind.TRANSFORMER), teacher_config(tmp_path, tmp_path, 10)
    )
    first, last = _overfit(objective, batch, share, 60)
    assert last < gain * first


def test_the_face_stage_moves_only_the_face_branch(batch: Batch, tmp_path: Path) -> None:
    objective = TeacherObjective(
        _network(ModelKind.TRANSFORMER), teacher_config(tmp_path, tmp_path, 10)
    )
    with torch.no_grad():  # a silent last layer would pass no gradient to anything
        for parameter in objective.network.parameters():
            if parameter.abs().max() == 0:
                parameter.normal_(0.0, 0.02)
    before = {name: p.detach().clone() for name, p in objective.network.named_parameters()}
    _overfit(objective, batch, 0.5, 2)
    moved = {
        name
        for name, parameter in objective.network.named_parameters()
        if not torch.equal(parameter, before[name])
    }
    assert moved
    assert all(".face." in f".{name}" for name in moved), moved


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
def test_each_phase_of_distillation_learns_a_batch_by_heart(
    batch: Batch, tmp_path: Path, share: float
) -> None:
    config = distil_config(tmp_path, tmp_path, 10)
    network = _network(ModelKind.TRANSFORMER)
    with torch.no_grad():  # a decoder that has learned something: a silent one teaches nothing
        network.autoencoder.decoder.leave.weight.normal_(0.0, 0.02)
    objective = DistilObjective(network, config)
    objective.critic = None
    first, last = _overfit(objective, batch, share, 40)
    assert last < 0.95 * first
    moved_decoder = any(p.grad is not None for p in network.autoencoder.decoder.parameters())
    assert moved_decoder == (share == 0.9)


def _objective(kind: str, config: Any) -> Objective:
    if kind == "autoencoder":
        return AutoencoderObjective(_network(ModelKind.REFINER), config)
    if kind == "teacher":
        return TeacherObjective(_network(ModelKind.TRANSFORMER), config)
    return DistilObjective(_network(ModelKind.TRANSFORMER), config)


CONFIGS: dict[str, Callable[[Path, int, int], Any]] = {
    "autoencoder": lambda out, steps, save: autoencoder_config(out, steps, save_every=save),
    "teacher": lambda out, steps, save: teacher_config(out, out, steps, save_every=save),
    "distil": lambda out, steps, save: distil_config(out, out, steps, save_every=save),
}


@pytest.mark.parametrize("kind", list(CONFIGS))
@pytest.mark.parametrize("stop_at", [3])
def test_a_stopped_run_reaches_the_same_loss(kind: str, stop_at: int, tmp_path: Path) -> None:
    """Across phases and with a critic: step for step the losses of an unbroken run."""
    num_steps = 6
    outputs = tmp_path / "unbroken", tmp_path / "resumed"
    for output, stops in zip(outputs, ((num_steps,), (stop_at, num_steps)), strict=True):
        for until in stops:
            config = CONFIGS[kind](output, num_steps, 1)
            Trainer(_objective(kind, config), config.run, ALONE).run(until=until)
    unbroken, resumed = (logged_losses(output) for output in outputs)
    assert list(unbroken) == list(resumed) == list(range(1, num_steps + 1))
    assert resumed == unbroken
    assert len(set(unbroken.values())) == num_steps


@pytest.mark.parametrize("kind", list(CONFIGS))
def test_bfloat16_trains_every_phase(kind: str, tmp_path: Path) -> None:
    make: dict[str, Callable[[], Any]] = {
        "autoencoder": lambda: autoencoder_config(tmp_path, 4, precision="bf16"),
        "teacher": lambda: teacher_config(tmp_path, tmp_path, 5, precision="bf16"),
        "distil": lambda: distil_config(tmp_path, tmp_path, 7, precision="bf16"),
    }
    config = make[kind]()
    Trainer(_objective(kind, config), config.run, ALONE).run()
    exact = CONFIGS[kind](tmp_path / "exact", config.run.num_train_steps, 100)
    Trainer(_objective(kind, exact), exact.run, ALONE).run()
    rough, wanted = logged_losses(tmp_path), logged_losses(tmp_path / "exact")
    assert rough[1] != wanted[1]
    assert rough == pytest.approx(wanted, rel=0.1)


def test_stages_pass_on_what_they_learned(tmp_path: Path) -> None:
    config = autoencoder_config(tmp_path / "a", 2)
    Trainer(_objective("autoencoder", config), config.run, ALONE).run()
    weights = tmp_path / "a" / "refiner.safetensors"
    network = network_after(weights, "refiner", ModelKind.REFINER, TINY)
    assert network.transformer is not None
    refiner_state = torch.load(tmp_path / "a" / "state.pt", weights_only=True)["ema"]
    for name, tensor in network.autoencoder.state_dict().items():
        assert torch.equal(tensor, refiner_state[f"autoencoder.{name}"]), name
    manifest = json.loads(weights.with_suffix(".json").read_text())
    assert manifest["num_train_steps"] == 2
    assert "toy people" in manifest["data"]
    judged = {"ratio", "ratio_features", "wins", "psnr", "psnr_features", "sharpness"}
    warps = {"psnr_warp", "psnr_features_warp", "sharpness_warp"}
    assert set(manifest["metrics"]) == judged | warps
    assert list((tmp_path / "a").glob("unseen_*.png"))
    with pytest.raises(AssetError, match="kind is 'refiner'"):
        network_after(weights, "teacher", ModelKind.TRANSFORMER, TINY)


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    config = autoencoder_config(tmp_path, 1)
    Trainer(_objective("autoencoder", config), config.run, ALONE).run()
    other = teacher_config(tmp_path, tmp_path, 2)
    with pytest.raises(AssetError, match="not a checkpoint of this run"):
        Trainer(_objective("teacher", other), other.run, ALONE).run()


def test_frames_that_do_not_fill_latents_are_refused(tmp_path: Path) -> None:
    from avatar.training.config import DataConfig

    config = autoencoder_config(tmp_path, 1, data=DataConfig(num_frames=5))
    with pytest.raises(ConfigError, match="num_frames = 5: must be a multiple of 2"):
        Trainer(_objective("autoencoder", config), config.run, ALONE)


def test_the_learning_rate_warms_up_and_decays() -> None:
    config = RunConfig(output=Path("x"), preset="tiny", num_train_steps=100).optimiser
    rates = [learning_rate(step, 1000, config) for step in range(1001)]
    assert rates[0] < 0.02 * config.learning_rate
    assert max(rates) == pytest.approx(config.learning_rate)
    assert rates[-1] == pytest.approx(config.learning_rate * config.final_share)
    assert run_config(Path("x"), 1).ema_decay < 1.0
