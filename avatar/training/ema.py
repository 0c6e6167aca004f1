"""Averaged weights: what is judged, published, and distilled from.

Knows parameters by name; does not know how they are trained.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from avatar.training.sharding import share_of


class Ema:
    """Exponential moving average of a module's floating-point state, in float32.

    Early on the average follows faster, min(decay, (1 + n) / (10 + n)), so that the random start is
    forgotten within the first steps of a short run.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.num_updates = 0
        self.tensors = {name: tensor.detach().clone().float() for name, tensor in _state(module)}

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Move towards the module's present weights."""
        self.num_updates += 1
        keep = min(self.decay, (1 + self.num_updates) / (10 + self.num_updates))
        for name, tensor in _state(module):
            self.tensors[name].lerp_(tensor.float(), 1.0 - keep)

    @contextmanager
    def applied(self, module: nn.Module) -> Iterator[None]:
        """Run a block with the averaged weights in place."""
        own = {name: tensor.detach().clone() for name, tensor in _state(module)}
        self.copy_to(module)
        try:
            yield
        finally:
            with torch.no_grad():
                for name, tensor in _state(module):
                    tensor.copy_(own[name])

    @torch.no_grad()
    def copy_to(self, module: nn.Module) -> None:
        """Overwrite the module's weights by the averaged ones."""
        for name, tensor in _state(module):
            tensor.copy_(self.tensors[name])

    def state(self) -> dict[str, Tensor | int]:
        """What a checkpoint keeps."""
        return {"num_updates": self.num_updates, **self.tensors}

    def load(self, state: dict[str, Tensor | int]) -> None:
        """Go on from a checkpoint."""
        for name, value in state.items():
            if isinstance(value, int):
                self.num_updates = value
            else:
                self.tensors[name].copy_(share_of(value, self.tensors[name]))


def _state(module: nn.Module) -> list[tuple[str, Tensor]]:
    return [
        (name, tensor)
        for name, tensor in module.state_dict(keep_vars=True).items()
        if tensor.is_floating_point()
    ]
