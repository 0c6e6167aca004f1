"""Small layers that every network here is made of.

Plain 3x3 convolutions and pixel shuffle: on CPU they beat depthwise blocks (design/model.md §3).
No normalisation in convolutional nets: residual branches start at zero instead, which trains as
stably and costs nothing. Shapes: B batch, C channels, H, W cells, D width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def zero_init(layer: nn.Conv2d | nn.Linear) -> nn.Conv2d | nn.Linear:
    """Start a side branch silent: it adds nothing until training finds a use for it."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


class RmsNorm(nn.Module):
    """Root-mean-square norm (Zhang & Sennrich 2019), written out: exporters know no fused one."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last axis; in float32 whatever comes in."""
        wide = x.float()
        scale = torch.rsqrt(wide.square().mean(-1, keepdim=True) + 1e-6)
        return (wide * scale).to(x.dtype) * self.weight.to(x.dtype)


def plain_layer_norm(x: Tensor) -> Tensor:
    """Layer norm without learned parameters: adaLN supplies scale and shift."""
    return F.layer_norm(x, (x.shape[-1],), eps=1e-6)


class Conv(nn.Conv2d):
    """3x3 (or 1x1) convolution that keeps, or halves, the size."""

    def __init__(self, in_channels: int, out_channels: int, size: int = 3, stride: int = 1) -> None:
        super().__init__(in_channels, out_channels, size, stride, size // 2)
        # He et al. 2015: without norms, torch's own start would shrink the signal layer by layer,
        # until biases are all that is left of a picture (measured: nothing learned in 300 steps).
        nn.init.kaiming_normal_(self.weight, nonlinearity="relu")
        assert self.bias is not None
        nn.init.zeros_(self.bias)


class ResBlock(nn.Module):
    """x + conv(act(conv(act(x)))), the last one silent at first."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = Conv(channels, channels)
        self.second = zero_init(Conv(channels, channels))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Same shape out."""
        return x_BCHW + self.second(F.silu(self.first(F.silu(x_BCHW))))


def blocks(channels: int, count: int) -> nn.Sequential:
    """`count` residual blocks."""
    return nn.Sequential(*(ResBlock(channels) for _ in range(count)))


class Upsample(nn.Module):
    """Twice the size by convolution and pixel shuffle (Shi et al. 2016), `copies` frames from one.

    ICNR start (Aitken et al. 2017): the four sub-pixels of a cell begin equal, so that an untrained
    upsampling shows no checkerboard.
    """

    def __init__(self, in_channels: int, out_channels: int, copies: int = 1) -> None:
        super().__init__()
        self.copies, self.out_channels = copies, out_channels
        self.expand = Conv(in_channels, out_channels * copies * 4)
        with torch.no_grad():
            self.expand.weight.copy_(self.expand.weight[::4].repeat_interleave(4, 0))
            if self.expand.bias is not None:
                self.expand.bias.copy_(self.expand.bias[::4].repeat_interleave(4, 0))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, C, H, W) to (B * copies, out, 2 H, 2 W)."""
        big = F.pixel_shuffle(self.expand(x_BCHW), 2)
        if self.copies == 1:
            return big
        return big.reshape(-1, self.out_channels, *big.shape[-2:])


class Mlp(nn.Module):
    """Two linear layers with a GELU between them."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.up = nn.Linear(width, hidden)
        self.down = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape out."""
        return self.down(F.gelu(self.up(x), approximate="tanh"))
