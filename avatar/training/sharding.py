"""FSDP2: parameters, gradients, optimiser state and averages spread over the devices.

For presets of which one device cannot hold everything several times. A whole objective is one unit
(`torch.distributed.fsdp.fully_shard`): parameters are gathered once per train step and gradients
reduced once, because a step runs each block many times (views, latents, denoise steps), and blocks
as units would be gathered as often. So a step's own parameters must fit a device whole; everything
that outlives a step is a share. What goes to disk is whole, and fits any number of devices.

Knows tensors and modules; does not know stages.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor, distribute_tensor

BESIDE_FORWARD = ("enter_phase", "judge", "preview")
"""Methods of an objective that need its parameters whole, as `forward` does."""


def spread(objective: nn.Module, *, beside: nn.Module | None) -> None:
    """Keep only this process's share of the parameters; those of `beside` stay whole.

    Every process must then run the same forward passes: they wait for each other.
    """
    whole_ones = set() if beside is None else set(beside.parameters())
    fully_shard(objective, reshard_after_forward=False, ignored_params=whole_ones)
    for name in BESIDE_FORWARD:
        register_fsdp_forward_method(objective, name)


def whole(state: Any) -> Any:
    """The same nested values with every shared tensor gathered; all processes must call it."""
    if isinstance(state, DTensor):
        return state.full_tensor().detach()
    if isinstance(state, dict):
        return {name: whole(value) for name, value in state.items()}
    if isinstance(state, list):
        return [whole(value) for value in state]
    return state


def share_of(tensor: Tensor, like: Tensor) -> Tensor:
    """This process's share of a whole tensor, laid out as `like` is; itself where that is whole."""
    if not isinstance(like, DTensor):
        return tensor
    return distribute_tensor(tensor.to(like.device), like.device_mesh, like.placements)


def load_whole(module: nn.Module, state: dict[str, Tensor]) -> None:
    """Fill a module, spread or not, from whole tensors; raises what `load_state_dict` does."""
    own = module.state_dict()
    module.load_state_dict(
        {
            name: share_of(value, own[name]) if name in own else value
            for name, value in state.items()
        }
    )


def load_whole_optimiser(optimiser: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Fill an optimiser, whose parameters may be spread, from whole tensors.

    Parameters are numbered in order, as torch itself does.
    """
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    shares = {
        number: {
            name: share_of(value, parameters[number]) if value.ndim > 0 else value
            for name, value in values.items()
        }
        for number, values in state["state"].items()
    }
    optimiser.load_state_dict({**state, "state": shares})
