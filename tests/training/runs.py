"""Short training runs for tests: the tiny preset on 64-pixel toy people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from avatar.training.config import (
    AutoencoderConfig,
    CriticConfig,
    DataConfig,
    DistilConfig,
    OptimiserConfig,
    RunConfig,
    TeacherConfig,
)

SIZE = 64


def run_config(output: Path, num_train_steps: int, **changes: Any) -> RunConfig:
    values: dict[str, Any] = {
        "output": output,
        "preset": "tiny",
        "num_train_steps": num_train_steps,
        "picture_px": SIZE,
        "batch_size": 2,
        "device": "cpu",
        "log_every": 1,
        "save_every": 100,
        "evaluate_every": 100,
        "data": DataConfig(num_frames=4, num_held_out=2),
        "optimiser": OptimiserConfig(learning_rate=2e-3, num_warmup_steps=2),
    }
    return RunConfig(**{**values, **changes})


def autoencoder_config(output: Path, steps: int, **changes: Any) -> AutoencoderConfig:
    critic = CriticConfig(weight=0.05, from_share=0.5)
    return AutoencoderConfig(run=run_config(output, steps, **changes), critic=critic)


def teacher_config(output: Path, autoencoder: Path, steps: int, **changes: Any) -> TeacherConfig:
    return TeacherConfig(
        run=run_config(output, steps, **changes), autoencoder=autoencoder, num_sample_steps=2
    )


def distil_config(output: Path, teacher: Path, steps: int, **changes: Any) -> DistilConfig:
    return DistilConfig(
        run=run_config(output, steps, **changes),
        teacher=teacher,
        critic=CriticConfig(weight=0.05, from_share=0.5),
    )


def logged_losses(output: Path) -> dict[int, float]:
    """Train loss per step, from the log."""
    records = [json.loads(line) for line in (output / "log.jsonl").read_text().splitlines()]
    return {record["step"]: record["loss"] for record in records if "loss" in record}
