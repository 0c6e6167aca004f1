"""The graphs on torch: eager, the reference of every other runtime, and compiled for a GPU.

Knows devices and types; does not know what the graphs compute.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from avatar.frames import FloatArray
from avatar.model.network import GRAPHS, AvatarNetwork, ModelKind, stream_graphs


class EagerRunner:
    """Runs modules as they are. Gradients flow unless the caller forbids them (distillation)."""

    def __init__(self, network: AvatarNetwork, device: str | torch.device = "cpu") -> None:
        self.device = torch.device(device)
        self.network = network.to(self.device)
        self.is_refiner = network.kind is ModelKind.REFINER
        self._graphs: dict[str, Callable[..., Sequence[Tensor]]] = dict(stream_graphs(network))

    def run(self, graph: str, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        """Outputs of a graph."""
        return self._graphs[graph](*inputs)

    def twin(self) -> EagerRunner:
        """Itself: modules keep nothing between runs."""
        return self

    def array(self, values: FloatArray) -> Tensor:
        """Numpy to a float tensor on the device."""
        return torch.from_numpy(values.copy()).to(self.device)

    def numpy(self, values: Tensor) -> FloatArray:
        """A tensor to numpy float32."""
        result: FloatArray = values.detach().float().cpu().numpy()
        return result


class InferenceRunner(EagerRunner):
    """Eager, for live use: no gradients are kept."""

    def __init__(self, network: AvatarNetwork, device: str | torch.device = "cpu") -> None:
        super().__init__(network.eval().requires_grad_(False), device)

    def run(self, graph: str, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        """Outputs of a graph."""
        with torch.inference_mode():
            return super().run(graph, inputs)


class CompiledRunner(InferenceRunner):
    """torch.compile with CUDA graphs: one launch per graph.

    `fullgraph` makes a graph break an error instead of a slow surprise. The graphs' outputs live in
    memory that the next replay writes over, so that they are copied out.
    """

    def __init__(self, network: AvatarNetwork, device: str | torch.device = "cuda") -> None:
        super().__init__(network, device)
        for name in GRAPHS:
            self._graphs[name] = torch.compile(
                self._graphs[name], mode="reduce-overhead", fullgraph=True, dynamic=False
            )

    def run(self, graph: str, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        """Outputs of a graph, copied out of the graph's own memory."""
        torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
        return [output.clone() for output in super().run(graph, inputs)]
