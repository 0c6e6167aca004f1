"""python -m avatar export --weights FOLDER

Builds the OpenVINO graphs of a folder of weights beside them, and proves that they compute the same
as eager torch. Knows files; the build itself is `openvino_build`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from avatar.export.openvino_build import export_openvino
from avatar.model.checkpoint import load_weights, read_manifest, write_exported
from avatar.model.loading import OPENVINO_FOLDER, served_weights
from avatar.model.network import AvatarNetwork, ModelKind
from avatar.model.openvino_runner import best_precision
from avatar.model.presets import preset_named


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Arguments of `python -m avatar export`."""
    parser.add_argument("--weights", type=Path, required=True, help="folder of published weights")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Export; LiveactorError passes through."""
    export_folder(arguments.weights)
    return 0


def export_folder(folder: Path) -> dict[str, float]:
    """Build `<folder>/openvino`; returns each graph's relative difference from eager torch.

    Raises AssetError where weights are missing or a graph differs too much.
    """
    weights = served_weights(folder)
    manifest = read_manifest(weights)
    preset = preset_named(manifest.preset)
    kind = ModelKind.REFINER if manifest.kind == "refiner" else ModelKind.TRANSFORMER
    network = AvatarNetwork(preset, kind)
    load_weights(network, weights, kind=manifest.kind, preset=preset)
    picture_hw = (preset.picture_px, preset.picture_px)
    target = folder / OPENVINO_FOLDER
    parity = export_openvino(network, target, picture_hw, precision=best_precision())
    write_exported(target, manifest)
    for name, difference in parity.by_graph.items():
        print(f"{name}: {difference:.2e} from eager torch in {parity.precision}")
    return dict(parity.by_graph)
