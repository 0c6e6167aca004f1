"""The graphs on OpenVINO: the CPU runtime. Needs no torch where the graphs were exported before.

Knows a folder of graphs made by `avatar.export.openvino_build`; does not know how they were made.
bfloat16 is used where the chip computes with it and it was asked for; otherwise float32: never
silently, `precision` says which.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from avatar.errors import AssetError, DeviceError
from avatar.frames import FloatArray

GRAPH_NAMES = ("reference", "condition", "denoise", "decode")
Precision = Literal["f32", "bf16"]


def openvino_module() -> Any:
    """The openvino package; DeviceError says how to get it."""
    try:
        import openvino
    except ImportError as error:
        raise DeviceError(
            "OpenVINO is not installed: install it with `pip install 'liveactor[openvino]'`, "
            "or use the eager runtime."
        ) from error
    return openvino


def best_precision() -> Precision:
    """bf16 where this CPU has instructions for it."""
    capabilities = openvino_module().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return "bf16" if "BF16" in capabilities else "f32"


class OpenVinoRunner:
    """Runs exported graphs on the CPU with a fixed number of threads."""

    def __init__(
        self,
        folder: Path,
        *,
        is_refiner: bool,
        precision: Precision = "f32",
        num_threads: int = 1,
    ) -> None:
        openvino = openvino_module()
        self.is_refiner = is_refiner
        self.precision: Precision = precision
        core = openvino.Core()
        options = {
            "INFERENCE_PRECISION_HINT": precision,
            "INFERENCE_NUM_THREADS": str(num_threads),
            "NUM_STREAMS": "1",
            # Pinning put two threads on one core when others pinned too (design/cpu_budget.md).
            "ENABLE_CPU_PINNING": "NO",
        }
        self._compiled: dict[str, Any] = {}
        for name in GRAPH_NAMES:
            path = folder / f"{name}.xml"
            if not path.is_file():
                raise AssetError(f"{path}: the exported graph is missing; export the model again.")
            self._compiled[name] = core.compile_model(str(path), "CPU", options)
        self._requests = self._new_requests()

    def _new_requests(self) -> dict[str, Any]:
        return {name: each.create_infer_request() for name, each in self._compiled.items()}

    def twin(self) -> OpenVinoRunner:
        """The same compiled graphs with requests of their own."""
        other = copy.copy(self)
        other._requests = other._new_requests()
        return other

    def run(self, graph: str, inputs: Sequence[FloatArray]) -> Sequence[FloatArray]:
        """Outputs of a graph, copied out of the request's own buffers."""
        request = self._requests[graph]
        results = request.infer(list(inputs), share_inputs=True, share_outputs=True)
        return [np.array(results[k], np.float32) for k in range(len(results))]

    def array(self, values: FloatArray) -> FloatArray:
        """Contiguous float32."""
        return np.ascontiguousarray(values, np.float32)

    def numpy(self, values: FloatArray) -> FloatArray:
        """Nothing to do: numpy is what this runner computes with."""
        return values
