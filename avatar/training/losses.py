"""What makes a picture wrong, as pure functions of tensors; each is a mean per example first.

No network from elsewhere: shape at several scales, edges, spectrum and change over time, and where
a stage asks for it the distance of features that this project trains itself (`face_features`).
Per-example means keep a batch's loss the same however it is split over devices.
Shapes: B batch, F frames, C channels, H, W pixels, L latents.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from avatar.model.schedule import MIN_TIMESTEP

EPSILON = 1e-3
Distance = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(drawn, target, weight) as of a picture loss to (B,)."""


@dataclass(frozen=True, kw_only=True)
class PictureWeights:
    """How much each term of the picture loss counts."""

    pixels: float = 1.0
    pyramid: float = 1.0
    edges: float = 0.5
    spectrum: float = 0.05
    change: float = 0.5
    """Frame-to-frame differences: what flickers."""
    detail: float = 0.0
    """Local strength of fine detail, wherever exactly it lies: without it a net that only ever
    sees one answer draws the mean of all, and a blurred warp counts as progress."""
    perceptual: float = 0.0
    """Distance of face features (`avatar.training.face_features`): what a face lacks in kind."""


def per_example(values: Tensor) -> Tensor:
    """(B,) means."""
    return values.flatten(1).mean(1)


def charbonnier(difference: Tensor) -> Tensor:
    """Smooth absolute value."""
    return torch.sqrt(difference.square() + EPSILON**2) - EPSILON


def picture_loss(
    drawn_BFCHW: Tensor,
    target_BFCHW: Tensor,
    weight_BF1HW: Tensor,
    weights: PictureWeights,
    warp_BFCHW: Tensor | None = None,
    distance: Distance | None = None,
) -> Tensor:
    """(B,) the weighted sum of all terms; `weight` has mean 1 over a picture.

    With `warp` no more fine detail is asked for than the warp has. `distance` measures the
    perceptual term, which without it must not be asked for.
    """
    assert distance is not None or weights.perceptual == 0.0, "the stage passes its features"
    difference = drawn_BFCHW - target_BFCHW
    total = weights.pixels * per_example(weight_BF1HW * charbonnier(difference))
    flat, flat_weight = difference.flatten(0, 1), weight_BF1HW.flatten(0, 1)
    batch = drawn_BFCHW.shape[0]

    def grouped(values: Tensor) -> Tensor:
        return per_example(values.reshape(batch, -1, *values.shape[1:]))

    total = total + weights.pyramid * sum(
        (grouped(w * band.abs()) for band, w in _bands(flat, flat_weight, 4)),
        start=torch.zeros_like(total),
    )
    total = total + weights.edges * grouped(flat_weight * _edges(flat).abs())
    if weights.spectrum > 0:
        total = total + weights.spectrum * grouped(
            (_amplitude(drawn_BFCHW.flatten(0, 1)) - _amplitude(target_BFCHW.flatten(0, 1))).abs()
        )
    if weights.detail > 0:
        wanted = _strengths(target_BFCHW.flatten(0, 1))
        if warp_BFCHW is not None:
            # Only the warp's own detail is to be kept: asked for more, a net draws dots.
            shown = _strengths(warp_BFCHW.flatten(0, 1))
            wanted = [torch.minimum(*pair) for pair in zip(wanted, shown, strict=True)]
        mine = _strengths(drawn_BFCHW.flatten(0, 1))
        total = total + weights.detail * sum(
            (grouped((m - w).abs()) for m, w in zip(mine, wanted, strict=True)),
            start=torch.zeros_like(total),
        )
    if drawn_BFCHW.shape[1] > 1 and weights.change > 0:
        change = difference[:, 1:] - difference[:, :-1]
        total = total + weights.change * per_example(weight_BF1HW[:, 1:] * change.abs())
    if distance is not None and weights.perceptual > 0:
        far = distance(drawn_BFCHW, target_BFCHW, weight_BF1HW)
        total = total + weights.perceptual * far
    return total


def _bands(x: Tensor, weight: Tensor, levels: int) -> list[tuple[Tensor, Tensor]]:
    """Laplacian pyramid (Burt & Adelson 1983) by box filters, with the weight at each level."""
    bands = []
    for _ in range(levels - 1):
        low = F.avg_pool2d(x, 2)
        bands.append((x - F.interpolate(low, scale_factor=2.0, mode="nearest"), weight))
        x, weight = low, F.avg_pool2d(weight, 2)
    bands.append((x, weight))
    return bands


def _edges(x: Tensor) -> Tensor:
    """Sobel gradients, both directions averaged in magnitude."""
    kernel = x.new_tensor([[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]]) / 8.0
    both = torch.stack([kernel, kernel.T])[:, None]
    flat = x.reshape(-1, 1, *x.shape[-2:])
    edges = F.conv2d(F.pad(flat, (1, 1, 1, 1), mode="replicate"), both).abs().mean(1)
    return edges.reshape(x.shape)


def _strengths(x: Tensor) -> list[Tensor]:
    """Root mean square of luma's finest band in windows of 8 cells, at full and at half size."""
    x, found = x[:, :3].mean(1, keepdim=True), []
    for _ in range(2):
        fine = x - _box(x)
        found.append(torch.sqrt(F.avg_pool2d(fine.square(), 8, 4) + 1e-4))
        x = F.avg_pool2d(x, 2)
    return found


def _box(x: Tensor) -> Tensor:
    """Mean over 3 x 3, one axis after the other: PyTorch's pooling takes ten times as long."""
    for axis in (-1, -2):
        size = x.shape[axis]
        before = torch.cat([x.narrow(axis, 0, 1), x.narrow(axis, 0, size - 1)], axis)
        after = torch.cat([x.narrow(axis, 1, size - 1), x.narrow(axis, size - 1, 1)], axis)
        x = (before + x + after) / 3.0
    return x


def _amplitude(x: Tensor) -> Tensor:
    """Spectrum's amplitude, log-compressed: missing detail is missing energy."""
    spectrum = torch.fft.rfft2(x.float(), norm="ortho")
    return torch.log1p(torch.sqrt(spectrum.real.square() + spectrum.imag.square() + 1e-8))


def kl_to_unit(mean: Tensor, log_variance: Tensor) -> Tensor:
    """(B,) divergence of the latents' Gaussians from the unit one."""
    return per_example(0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance))


def excess(values: Tensor, limit: float) -> Tensor:
    """(B,) how far values lie outside of +-limit."""
    return per_example(F.relu(values.abs() - limit))


def flow_roughness(flow_G3HW: Tensor, batch: int) -> Tensor:
    """(B,) how unsmooth the learned correction of the map is."""
    shift = flow_G3HW[:, :2].reshape(batch, -1, *flow_G3HW.shape[-2:])
    across = (shift[..., 1:] - shift[..., :-1]).abs()
    down = (shift[..., 1:, :] - shift[..., :-1, :]).abs()
    return per_example(across) + per_example(down)


def confidence_loss(
    logit_BF1hw: Tensor, drawn_BF3HW: Tensor, warp_BF3HW: Tensor, target_BF3HW: Tensor
) -> Tensor:
    """(B,) cross-entropy of "the correction is closer than the warp", per cell.

    Cells where both are equally far teach nothing and weigh nothing.
    """
    logit = logit_BF1hw[:, :, 0]
    rows, columns = logit.shape[-2:]
    with torch.no_grad():
        errors = [
            F.adaptive_avg_pool2d((picture - target_BF3HW).abs().mean(2), (rows, columns))
            for picture in (drawn_BF3HW, warp_BF3HW)
        ]
        helps = (errors[0] <= errors[1]).to(logit.dtype)
        matters = ((errors[0] - errors[1]).abs() / 0.05).clamp(max=1.0)
    entropy = F.binary_cross_entropy_with_logits(logit, helps, reduction="none")
    return per_example(matters * entropy)


def velocity_loss(
    clean_BLCHW: Tensor, wanted_BLCHW: Tensor, timestep_BL: Tensor, weight_BL1HW: Tensor
) -> Tensor:
    """(B,) squared error of the velocity that a predicted x_0 implies.

    (x_t - x0') / t - (x_t - x0) / t = (x0 - x0') / t, with small t held at MIN_TIMESTEP.
    """
    scale = timestep_BL.clamp(min=MIN_TIMESTEP)[..., None, None, None]
    return per_example(weight_BL1HW * ((clean_BLCHW - wanted_BLCHW) / scale).square())


def huber(difference: Tensor, width: float) -> Tensor:
    """Pseudo-Huber: square near zero, absolute far away, slope 1."""
    return torch.sqrt(difference.square() + width**2) - width
