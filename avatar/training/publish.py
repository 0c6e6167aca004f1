"""Trained weights become the ones that ship: rounded to half precision, with the table they earned.

    python -m avatar train publish --weights runs/pico/refiner --output avatar/model/weights/nano
    python -m avatar export --weights avatar/model/weights/nano

Half precision halves the repository's share and loses nothing that bfloat16 serving would keep.
`--averaged-with` publishes the mean of the run's weights and those it started from: on people not
trained on, that gains more than either (Wortsman et al. 2022, arXiv 2109.01903; docs/LOG.md).
Knows files only; whether weights are good enough to ship is decided by whoever looked at them.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from avatar.errors import AssetError
from avatar.model.checkpoint import check_manifest, read_manifest, save_weights
from avatar.model.loading import served_weights
from avatar.model.presets import ModelPreset, preset_named


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `python -m avatar train publish`."""
    parser.add_argument("--weights", type=Path, required=True, help="folder of a finished run")
    parser.add_argument("--output", type=Path, required=True, help="folder of the published ones")
    parser.add_argument(
        "--averaged-with",
        type=Path,
        metavar="DIR",
        help="folder of weights that the run began with",
    )
    parser.add_argument(
        "--metrics", type=Path, help="JSON of numbers to note in the manifest beside the run's own"
    )


def run(arguments: argparse.Namespace) -> int:
    """Publish; AssetError where weights are missing or damaged."""
    target = publish(
        arguments.weights,
        arguments.output,
        metrics=_metrics(arguments.metrics),
        averaged_with=arguments.averaged_with,
    )
    print(f"{target}: {target.stat().st_size / 2**20:.1f} MiB")
    return 0


def publish(
    folder: Path,
    output: Path,
    *,
    metrics: dict[str, float],
    averaged_with: Path | None = None,
) -> Path:
    """Write `output/<kind>.safetensors` and its manifest; returns the weights' path."""
    weights = served_weights(folder)
    manifest = read_manifest(weights)
    preset = preset_named(manifest.preset)
    tensors = _checked(weights, manifest.kind, preset)
    if averaged_with is not None:
        others = _checked(served_weights(averaged_with), manifest.kind, preset)
        tensors = {name: 0.5 * (tensor + others[name]) for name, tensor in tensors.items()}
        manifest = replace(manifest, metrics={})  # what the run noted is not true of the mean
    halved = {name: tensor.to(torch.float16) for name, tensor in tensors.items()}
    for name, tensor in halved.items():
        if not torch.isfinite(tensor).all():
            raise AssetError(f"{weights}: tensor '{name}' does not fit half precision.")
    target = output / weights.name
    save_weights(
        target,
        halved,
        kind=manifest.kind,
        preset=preset,
        num_train_steps=manifest.num_train_steps,
        data=manifest.data,
        commit=manifest.commit,
        metrics={**manifest.metrics, **metrics},
    )
    return target


def _checked(weights: Path, kind: str, preset: ModelPreset) -> dict[str, Tensor]:
    """The tensors of a file that is what it should be, in single precision."""
    from safetensors.torch import load_file

    check_manifest(weights, read_manifest(weights), kind=kind, preset=preset)
    return {name: tensor.float() for name, tensor in load_file(weights).items()}


def _metrics(path: Path | None) -> dict[str, float]:
    if path is None:
        return {}
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): float(value) for name, value in values.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise AssetError(f"{path}: is not a JSON object of numbers ({error}).") from error
