"""What a frame of the model costs: operations, its own time, and how well that uses the chip.

Knows graphs and their example inputs; does not know animators or clips.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from avatar.evaluation.machine import gemm_ceiling
from avatar.model.loading import LoadedModel, RuntimeName, load_model
from avatar.model.network import AvatarNetwork, ModelKind, example_inputs, stream_graphs
from avatar.model.presets import ModelPreset
from avatar.stream.neural_choice import measured_frame_s


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCost:
    """Per frame, at the preset's own size, on one thread."""

    runtime: str
    num_denoise_steps: int
    frame_s: float
    """Median of condition, denoise and decode."""
    gflop_per_frame: float
    gemm_gflop_per_s: float
    """What a large matrix product of the same precision reaches on one thread here."""
    gemm_share: float
    """The model's operations per second over that."""


def model_cost(folder: Path, runtime: RuntimeName, num_denoise_steps: int) -> ModelCost:
    """Measure the weights of a folder; AssetError or DeviceError where they cannot run."""
    loaded = load_model(folder, runtime)
    steps = 1 if loaded.runner.is_refiner else num_denoise_steps
    frame_s = measured_frame_s(loaded, steps)
    flop = flop_per_frame(loaded.preset, _kind(loaded), steps)
    ceiling = gemm_ceiling(is_bfloat16="bf16" in loaded.runtime)
    return ModelCost(
        runtime=loaded.runtime,
        num_denoise_steps=steps,
        frame_s=round(frame_s, 6),
        gflop_per_frame=round(flop / 1e9, 4),
        gemm_gflop_per_s=round(ceiling / 1e9, 2),
        gemm_share=round(flop / frame_s / ceiling, 4),
    )


def flop_per_frame(preset: ModelPreset, kind: ModelKind, num_denoise_steps: int) -> float:
    """Multiplications and additions of convolutions and products; the rest is small beside them."""
    network = AvatarNetwork(preset, kind).eval()
    inputs = example_inputs(preset, kind, (preset.picture_px, preset.picture_px))
    graphs = stream_graphs(network)
    total = 0
    for name, times in (("condition", 1), ("denoise", num_denoise_steps), ("decode", 1)):
        counter = FlopCounterMode(display=False)
        with torch.no_grad(), counter:
            graphs[name](*inputs[name])
        total += times * counter.get_total_flops()
    return total / preset.autoencoder.frames_per_latent


def _kind(loaded: LoadedModel) -> ModelKind:
    return ModelKind.REFINER if loaded.runner.is_refiner else ModelKind.TRANSFORMER
