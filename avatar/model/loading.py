"""A folder of published weights becomes a runner: eager torch, compiled torch, or OpenVINO.

    <folder>/refiner.safetensors | student.safetensors, and its manifest     for torch
    <folder>/openvino/*.xml, *.bin and manifest.json                         for OpenVINO

Knows what must be there and that it must match; AssetError and DeviceError name what does not. A
runtime is chosen by name; nothing falls back to another by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from avatar.errors import AssetError, DeviceError
from avatar.model.checkpoint import Manifest, check_exported, load_weights, read_manifest
from avatar.model.presets import ModelPreset, preset_named
from avatar.model.runtime import GraphRunner

KINDS = ("student", "refiner")
"""Weights that may be served, best first."""
OPENVINO_FOLDER = "openvino"


class RuntimeName(StrEnum):
    """Ways to run the graphs."""

    EAGER = "eager"
    COMPILED = "compiled"
    OPENVINO = "openvino"


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A runner, and what it runs."""

    runner: GraphRunner
    preset: ModelPreset
    manifest: Manifest
    runtime: str
    """Runtime and precision in words, for the log and the page."""


def load_model(folder: Path, runtime: RuntimeName, *, num_threads: int = 1) -> LoadedModel:
    """Load the served weights of a folder.

    Raises AssetError where weights are missing, damaged or do not match, DeviceError where the
    runtime is not installed or its device is missing.
    """
    weights = served_weights(folder)
    manifest = read_manifest(weights)
    preset = preset_named(manifest.preset)
    if runtime is RuntimeName.OPENVINO:
        return _openvino(folder, weights, manifest, preset, num_threads)
    return _torch(weights, manifest, preset, runtime, num_threads)


def served_weights(folder: Path) -> Path:
    """The weights file of a folder; AssetError where there is none."""
    for kind in KINDS:
        path = folder / f"{kind}.safetensors"
        if path.is_file():
            return path
    raise AssetError(
        f"{folder}: no trained weights ({' or '.join(f'{kind}.safetensors' for kind in KINDS)}); "
        "train them with `python -m avatar train`, see docs/MODEL.md."
    )


def _openvino(
    folder: Path, weights: Path, manifest: Manifest, preset: ModelPreset, num_threads: int
) -> LoadedModel:
    from avatar.model.openvino_runner import OpenVinoRunner, best_precision

    graphs = folder / OPENVINO_FOLDER
    check_exported(graphs, manifest)
    precision = best_precision()
    runner = OpenVinoRunner(
        graphs,
        is_refiner=manifest.kind == "refiner",
        precision=precision,
        num_threads=num_threads,
    )
    return LoadedModel(runner, preset, manifest, f"openvino {precision}")


def _torch(
    weights: Path,
    manifest: Manifest,
    preset: ModelPreset,
    runtime: RuntimeName,
    num_threads: int,
) -> LoadedModel:
    try:
        import torch
    except ImportError as error:
        raise DeviceError(
            "PyTorch is not installed: install it with `pip install 'liveactor[gpu]'`, "
            "or use the OpenVINO runtime."
        ) from error
    from avatar.model.network import AvatarNetwork, ModelKind
    from avatar.model.torch_runner import CompiledRunner, InferenceRunner

    kind = ModelKind.REFINER if manifest.kind == "refiner" else ModelKind.TRANSFORMER
    network = AvatarNetwork(preset, kind)
    load_weights(network, weights, kind=manifest.kind, preset=preset)
    if runtime is RuntimeName.COMPILED:
        if not torch.cuda.is_available():
            raise DeviceError(
                "the compiled runtime needs a CUDA GPU, and none is here; use openvino or eager."
            )
        return LoadedModel(CompiledRunner(network), preset, manifest, "compiled cuda")
    torch.set_num_threads(num_threads)
    return LoadedModel(InferenceRunner(network), preset, manifest, "eager f32")
