"""One process or many: which device, whose share, and how gradients become one.

Knows torch.distributed; does not know models. Started by `torchrun`, each process trains on its
share of every batch and gradients are averaged after the backward pass, which gives the numbers of
one process with the whole batch. The networks here are small: one flat all-reduce costs less than
overlapping many.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Devices:
    """This process among its peers."""

    rank: int
    world_size: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        """The process that writes files."""
        return self.rank == 0

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its mean over all processes."""
        if self.world_size == 1 or not tensors:
            return
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        dist.all_reduce(flat)
        flat /= self.world_size
        start = 0
        for tensor in tensors:
            tensor.copy_(flat[start : start + tensor.numel()].reshape(tensor.shape))
            start += tensor.numel()

    def wait(self) -> None:
        """Go on when every process has come here."""
        if self.world_size > 1:
            dist.barrier()


@contextmanager
def joined_devices(device: str) -> Iterator[Devices]:
    """Join the processes that torchrun started; a process of its own where it did not.

    `device` is "cpu", "cuda" (each process takes its own) or "auto".
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    world_size = int(os.environ.get("WORLD_SIZE", "1"))
    if device == "cuda":
        chosen = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(chosen)
    else:
        chosen = torch.device(device)
    if world_size == 1:
        yield Devices(0, 1, chosen)
        return
    dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
    try:
        yield Devices(dist.get_rank(), world_size, chosen)
    finally:
        dist.destroy_process_group()
