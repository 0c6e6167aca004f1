"""The training loop: train steps, averaged weights, checkpoints, previews, the log. One for all.

A run that is stopped goes on from its last checkpoint and reaches the same numbers: examples come
by number, and nothing else is random. Knows objectives by their contract; does not know losses.
"""

from __future__ import annotations

import logging
import math
import pickle
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import torch
from torch import Tensor

from avatar.errors import AssetError, ConfigError
from avatar.model.checkpoint import save_weights
from avatar.model.presets import preset_named
from avatar.training.config import OptimiserConfig, RunConfig
from avatar.training.critic import critic_loss
from avatar.training.devices import Devices
from avatar.training.ema import Ema
from avatar.training.examples import Batch, Examples, ExampleSource, batches, collate
from avatar.training.objective import Objective
from avatar.training.run_log import ProgressLine, RunLog
from avatar.training.sharding import load_whole, load_whole_optimiser, spread, whole
from avatar.training.sources import judged_sources, training_source
from avatar.training.views import TrainingView

_log = logging.getLogger(__name__)
STATE_FILE = "state.pt"
HELD_OUT_SEED = 1_000_003
NUM_CALIBRATION = 8
"""Batches by which a phase measures what it relies on."""


class Trainer:
    """One run of one stage."""

    def __init__(
        self,
        objective: Objective,
        config: RunConfig,
        devices: Devices,
        *,
        critic_rate: float = 2e-4,
    ) -> None:
        self._config, self._devices = config, devices
        self._preset = preset_named(config.preset)
        _check_frames(config, self._preset.autoencoder.frames_per_latent)
        self._objective = objective.to(devices.device)
        self._is_sharded = config.is_sharded and devices.world_size > 1
        if self._is_sharded:
            spread(objective, beside=objective.critic)
        self._picture_px = config.picture_px or self._preset.picture_px
        self._preset.latent_hw(
            (self._picture_px, self._picture_px)
        )  # refuses a size that cannot be
        data = config.data
        make = objective.source_maker(data, self._preset, self._picture_px)
        self._source, judged = training_source(data, make), judged_sources(data, make)
        self._examples = Examples(
            self._source,
            self._preset,
            seed=config.seed,
            pool=data.pool,
            view=TrainingView(crop_px=data.crop_px, colour_jitter=data.colour_jitter),
        )
        self._judged = self._load_judged(judged)
        self._optimiser = _adamw(objective.network.parameters(), config.optimiser)
        self._critic_optimiser = None
        if objective.critic is not None:
            self._critic_optimiser = torch.optim.AdamW(
                objective.critic.parameters(), critic_rate, betas=(0.5, 0.9)
            )
        self._ema = Ema(objective.network, config.ema_decay)
        self._step = 0
        self._phase = ""
        self.last_metrics: dict[str, float] = {}

    def run(self, *, until: int | None = None) -> float:
        """Train up to step `until` (the run's end where None); returns the last train loss."""
        config = self._config
        last_step = config.num_train_steps if until is None else until
        config.output.mkdir(parents=True, exist_ok=True)
        self._resume()
        first_step = self._step
        log = RunLog(config.output, first_step) if self._devices.is_first else None
        line = ProgressLine(first_step, last_step, config.output.name) if log else None
        loader = batches(
            self._examples,
            first_step=first_step,
            last_step=last_step,
            batch_size=config.batch_size,
            rank=self._devices.rank,
            world_size=self._devices.world_size,
            num_workers=config.data.num_workers,
        )
        loss, start_s = math.nan, time.monotonic()
        for batch in loader:
            self._update_phase()
            values = self._train_step(self._to_device(batch))
            self._step += 1
            loss = values["loss"]
            if not math.isfinite(loss):
                raise AssetError(
                    f"{config.output}: the loss is {loss} at step {self._step}; lower the learning "
                    "rate and run again: it goes on from the last checkpoint."
                )
            if log is not None and line is not None:
                line.advance(self._step, {"loss": loss})
                if self._step % config.log_every == 0 or self._step == last_step:
                    elapsed_s = time.monotonic() - start_s
                    rate = config.batch_size * (self._step - first_step) / max(elapsed_s, 1e-6)
                    log.write(self._step, {"phase": self._phase, "examples_per_s": rate, **values})
            if self._step % config.evaluate_every == 0 or self._step == last_step:
                self._evaluate(log)
            if self._step % config.save_every == 0 or self._step == last_step:
                self._save()
        if log is not None and line is not None:
            line.close()
            log.close()
        return loss

    # -- one train step

    def _train_step(self, batch: Batch) -> dict[str, float]:
        config, objective = self._config, self._objective
        rate = learning_rate(self._step, config.num_train_steps, config.optimiser)
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        self._optimiser.zero_grad(set_to_none=True)
        with torch.autocast(
            self._devices.device.type, torch.bfloat16, enabled=config.precision == "bf16"
        ):
            losses = objective(batch, self._step / config.num_train_steps)
        loss = losses.total_B.mean()
        loss.backward()
        trained = [p for p in objective.network.parameters() if p.grad is not None]
        if not self._is_sharded:  # else they were averaged on the way
            self._devices.average([p.grad for p in trained if p.grad is not None])
        norm = torch.nn.utils.clip_grad_norm_(trained, config.optimiser.gradient_clip)
        norm = whole(norm)
        self._optimiser.step()
        values = {"loss": loss.detach(), "gradient_norm": norm.detach()}
        values.update({name: term.detach().float() for name, term in losses.terms.items()})
        if losses.drawn_crops is not None and losses.real_crops is not None:
            values["critic"] = self._train_critic(
                losses.real_crops.detach(), losses.drawn_crops.detach()
            )
        self._ema.update(objective.network)
        objective.after_step(self._ema)
        gathered = [value.float().clone() for value in values.values()]
        self._devices.average(gathered)
        return {
            **{name: float(value) for name, value in zip(values, gathered, strict=True)},
            "learning_rate": rate,
        }

    def _train_critic(self, real: Tensor, drawn: Tensor) -> Tensor:
        critic, optimiser = self._objective.critic, self._critic_optimiser
        assert critic is not None
        assert optimiser is not None
        optimiser.zero_grad(set_to_none=True)  # the drawing loss left gradients here
        loss = critic_loss(critic(real), critic(drawn))
        loss.backward()  # type: ignore[no-untyped-call]
        self._devices.average([p.grad for p in critic.parameters() if p.grad is not None])
        optimiser.step()
        return loss.detach()

    def _update_phase(self) -> None:
        phase = self._objective.phase_at(self._step / self._config.num_train_steps)
        if phase == self._phase:
            return
        self._objective.begin_phase(phase)
        if self._objective.begins_averaged(phase):
            self._ema.copy_to(self._objective.network)
        self._objective.enter_phase(phase, self._ema, self._calibration())
        self._phase = phase

    # -- data

    def _load_judged(self, sources: dict[str, ExampleSource]) -> dict[str, list[Batch]]:
        """Fixed whole pictures to judge by: `unseen` people above all, and `seen` ones last."""
        if not self._devices.is_first and not self._is_sharded:
            return {}  # a shared objective draws only where all devices do
        data, size = self._config.data, min(8, self._config.batch_size)
        judged: dict[str, Examples] = {
            name: Examples(source, self._preset, seed=HELD_OUT_SEED)
            for name, source in sources.items()
        }
        judged["seen"] = Examples(
            self._source, self._preset, seed=self._config.seed, pool=data.pool
        )
        return {
            name: [
                collate([examples[k] for k in range(start, min(start + size, data.num_held_out))])
                for start in range(0, data.num_held_out, size)
            ]
            for name, examples in judged.items()
        }

    def _calibration(self) -> list[Batch]:
        """The same few batches on every device, beyond the numbers of the run itself."""
        start = self._config.num_train_steps * self._config.batch_size
        size = min(4, self._config.batch_size)
        return [
            self._to_device(collate([self._examples[start + k * size + j] for j in range(size)]))
            for k in range(NUM_CALIBRATION)
        ]

    def _to_device(self, batch: Mapping[str, Tensor]) -> Batch:
        return {
            name: tensor.to(self._devices.device, non_blocking=True)
            for name, tensor in batch.items()
        }

    # -- judging and keeping

    def _evaluate(self, log: RunLog | None) -> None:
        if log is None and not self._is_sharded:
            return
        self._objective.eval()
        for name, judged in self._judged.items():
            found = [self._to_device(batch) for batch in judged]
            with self._ema.applied(self._objective.network):
                metrics = self._objective.judge(found)
                sheet = cv2.cvtColor(self._objective.preview(found[0]), cv2.COLOR_RGB2BGR)
            if log is not None:
                cv2.imwrite(str(self._config.output / f"{name}_{self._step:07d}.png"), sheet)
                log.write(self._step, {f"{name}/{key}": value for key, value in metrics.items()})
            if name == "unseen":
                self.last_metrics = metrics
        self._objective.train()

    def _save(self) -> None:
        self._devices.wait()
        state: dict[str, Any] = {
            "step": self._step,
            "phase": self._phase,
            "network": whole(self._objective.network.state_dict()),
            "optimiser": whole(self._optimiser.state_dict()),
            "ema": whole(self._ema.state()),
            "metrics": self.last_metrics,
        }
        if not self._devices.is_first:
            return
        if self._objective.critic is not None and self._critic_optimiser is not None:
            state["critic"] = self._objective.critic.state_dict()
            state["critic_optimiser"] = self._critic_optimiser.state_dict()
        path = self._config.output / STATE_FILE
        scratch = path.with_suffix(".partial")
        torch.save(state, scratch)
        scratch.replace(path)
        save_weights(
            self._config.output / f"{self._objective.kind}.safetensors",
            {name: state["ema"].get(name, value) for name, value in state["network"].items()},
            kind=self._objective.kind,
            preset=self._objective.shape,
            num_train_steps=self._step,
            data=self._source.description,
            commit=current_commit(),
            metrics=self.last_metrics,
        )

    def _resume(self) -> None:
        path = self._config.output / STATE_FILE
        if not path.is_file():
            return
        try:
            state = torch.load(path, map_location=self._devices.device, weights_only=True)
            load_whole(self._objective.network, state["network"])
            load_whole_optimiser(self._optimiser, state["optimiser"])
            self._ema.load(state["ema"])
            if self._objective.critic is not None and self._critic_optimiser is not None:
                self._objective.critic.load_state_dict(state["critic"])
                self._critic_optimiser.load_state_dict(state["critic_optimiser"])
        except (RuntimeError, KeyError, ValueError, EOFError, pickle.UnpicklingError) as error:
            raise AssetError(
                f"{path}: is not a checkpoint of this run ({error}); choose another output folder, "
                "or remove it to begin anew."
            ) from error
        self._step = int(state["step"])
        self._phase = str(state["phase"])
        self.last_metrics = dict(state["metrics"])
        if self._phase:
            self._objective.begin_phase(self._phase)
            self._objective.after_step(self._ema)
        _log.info("going on from step %d of %s", self._step, path)


def learning_rate(step: int, num_steps: int, config: OptimiserConfig) -> float:
    """Linear warm-up, then cosine down to `final_share`."""
    if step < config.num_warmup_steps:
        return config.learning_rate * (step + 1) / config.num_warmup_steps
    share = (step - config.num_warmup_steps) / max(num_steps - config.num_warmup_steps, 1)
    cosine = 0.5 * (1.0 + math.cos(math.pi * min(share, 1.0)))
    return config.learning_rate * (config.final_share + (1.0 - config.final_share) * cosine)


def current_commit() -> str:
    """The checkout's commit, or "unknown" outside of one."""
    try:
        found = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found.stdout.strip()


def _adamw(parameters: Any, config: OptimiserConfig) -> torch.optim.AdamW:
    """Weight decay on matrices and kernels only."""
    every = list(parameters)
    groups = [
        {"params": [p for p in every if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in every if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, config.learning_rate, betas=(config.beta1, config.beta2))


def _check_frames(config: RunConfig, frames_per_latent: int) -> None:
    if config.data.num_frames % frames_per_latent:
        raise ConfigError(
            f"data.num_frames = {config.data.num_frames}: must be a multiple of "
            f"{frames_per_latent}, the frames per latent of '{config.preset}'."
        )
