"""A small patch critic and its hinge losses (Isola 2017; Miyato 2018, spectral normalisation).

It sees crops of a frame and of its change since the frame before, so that both smeared texture and
flicker look false. Knows pictures only.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

CROP_PX = 64


class PatchCritic(nn.Module):
    """Four strided layers; one verdict per patch."""

    def __init__(self, width: int = 48) -> None:
        super().__init__()
        widths = (6, width, 2 * width, 4 * width, 4 * width)
        self.layers = nn.ModuleList(
            spectral_norm(nn.Conv2d(a, b, 4, 2, 1)) for a, b in pairwise(widths)
        )
        self.last = spectral_norm(nn.Conv2d(widths[-1], 1, 3, 1, 1))

    def forward(self, crops_B6HW: Tensor) -> Tensor:
        """Verdicts (B, 1, h, w): positive looks real."""
        x = crops_B6HW
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2)
        return self.last(x)


def crops(frames_BFCHW: Tensor, place_B2: Tensor) -> Tensor:
    """(B, 6, h, w): a crop of a frame's colours and of their change, at a place in [0, 1]^2."""
    size = min(CROP_PX, *frames_BFCHW.shape[-2:])
    rows, columns = frames_BFCHW.shape[-2:]
    cut = []
    for frames, (y, x) in zip(frames_BFCHW, place_B2.tolist(), strict=True):
        top, left = int(y * (rows - size)), int(x * (columns - size))
        at = int(y * 7919) % (frames.shape[0] - 1)
        pair = frames[at : at + 2, :3, top : top + size, left : left + size]
        cut.append(torch.cat([pair[1], pair[1] - pair[0]]))
    return torch.stack(cut)


def critic_loss(real: Tensor, drawn: Tensor) -> Tensor:
    """Hinge loss of the critic."""
    return F.relu(1.0 - real).mean() + F.relu(1.0 + drawn).mean()


def drawing_loss(drawn: Tensor) -> Tensor:
    """(B,) what the drawing net is told."""
    return -drawn.flatten(1).mean(1)
