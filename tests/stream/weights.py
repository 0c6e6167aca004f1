"""Folders of weights for tests: tiny networks, saved as training saves them."""

from __future__ import annotations

from pathlib import Path

from avatar.model.checkpoint import save_weights
from avatar.model.network import ModelKind
from avatar.model.presets import TINY
from tests.model.networks import awake_network


def save_awake(folder: Path, kind: str) -> Path:
    """An awake tiny network as `student` or `refiner` weights; returns the folder."""
    network = awake_network(ModelKind.REFINER if kind == "refiner" else ModelKind.TRANSFORMER)
    save_weights(
        folder / f"{kind}.safetensors",
        network.state_dict(),
        kind=kind,
        preset=TINY,
        num_train_steps=1,
        data="none",
        commit="none",
    )
    return folder
