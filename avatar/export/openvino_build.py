"""Torch graphs to OpenVINO files, with parity measured before anything is published.

Knows graphs and fixed shapes; does not know training. A build that differs from eager torch by more
than its tolerance is refused and leaves nothing behind.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from avatar.errors import AssetError
from avatar.frames import FloatArray
from avatar.model.network import GRAPHS, AvatarNetwork, example_inputs, stream_graphs
from avatar.model.openvino_runner import OpenVinoRunner, Precision, openvino_module
from avatar.model.torch_runner import InferenceRunner

TOLERANCES: Mapping[Precision, float] = {"f32": 1e-5, "bf16": 0.05}
"""Largest allowed root-mean-square difference of an output, relative to the output's own."""


@dataclass(frozen=True, slots=True)
class Parity:
    """How far a build is from eager torch, per graph: the worst output's relative difference."""

    by_graph: Mapping[str, float]
    precision: Precision


def export_openvino(
    network: AvatarNetwork,
    folder: Path,
    picture_hw: tuple[int, int],
    *,
    precision: Precision = "f32",
) -> Parity:
    """Write the four graphs to `folder` (created; replaced where it exists) and prove them.

    Raises AssetError where a graph differs from eager torch by more than the tolerance.
    """
    openvino = openvino_module()
    network = network.eval().cpu()
    inputs = example_inputs(network.preset, network.kind, picture_hw)
    # Published weights are half precision already: half the bytes then hold them exactly.
    is_half = all(torch.equal(t, t.half().float()) for t in network.state_dict().values())
    scratch = folder.with_name(folder.name + ".partial")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    with torch.no_grad():
        for name, graph in stream_graphs(network).items():
            example = tuple(inputs[name])
            with warnings.catch_warnings():
                # OpenVINO's converter traces with torch.jit, which torch has begun to retire; that
                # shapes become constants, of which the tracer warns, is what is wanted here.
                warnings.simplefilter("ignore", DeprecationWarning)
                warnings.simplefilter("ignore", torch.jit.TracerWarning)  # type: ignore[attr-defined]
                model = openvino.convert_model(
                    graph, example_input=example, input=[tuple(t.shape) for t in example]
                )
            openvino.save_model(model, str(scratch / f"{name}.xml"), compress_to_fp16=is_half)
    try:
        parity = measure_parity(network, scratch, picture_hw, precision=precision)
    except AssetError:
        shutil.rmtree(scratch)
        raise
    shutil.rmtree(folder, ignore_errors=True)
    scratch.replace(folder)
    return parity


def measure_parity(
    network: AvatarNetwork,
    folder: Path,
    picture_hw: tuple[int, int],
    *,
    precision: Precision,
) -> Parity:
    """Run both on the same inputs; AssetError names the graph that differs too much."""
    eager = InferenceRunner(network)
    built = OpenVinoRunner(folder, is_refiner=eager.is_refiner, precision=precision)
    inputs = example_inputs(network.preset, network.kind, picture_hw)
    differences: dict[str, float] = {}
    for name in GRAPHS:
        wanted = [eager.numpy(output) for output in eager.run(name, inputs[name])]
        found = built.run(name, [eager.numpy(tensor) for tensor in inputs[name]])
        differences[name] = max(_relative(f, w) for f, w in zip(found, wanted, strict=True))
        if not differences[name] <= TOLERANCES[precision]:
            raise AssetError(
                f"OpenVINO graph '{name}' in {precision} differs from eager torch by "
                f"{differences[name]:.3g} (allowed {TOLERANCES[precision]:g}); not published."
            )
    return Parity(differences, precision)


def _relative(found: FloatArray, wanted: FloatArray) -> float:
    scale = float(np.sqrt(np.mean(wanted.astype(np.float64) ** 2)))
    difference = float(np.sqrt(np.mean((found.astype(np.float64) - wanted) ** 2)))
    return difference / max(scale, 1e-6)
