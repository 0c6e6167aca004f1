"""Progress: how far drawn frames are from the truth, relative to the warp, on unseen people.

The raw loss hardly moves while a model learns; this ratio does (design/training_trial.md). 1 is the
warp itself, 0 is perfect. Knows frames only. Shapes as in avatar.training.examples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from avatar.frames import ByteArray
from avatar.training.examples import Batch, as_picture

Draw = Callable[[Batch], Tensor]
"""Finished frames (B, F, 4, H, W) of a batch."""
PREVIEW_ROWS = 4
FEATURE_WEIGHT = 2.0
"""Region weights above this are eyes and mouth."""


@torch.no_grad()
def judge(draw: Draw, batches: Sequence[Batch]) -> dict[str, float]:
    """Means over frames: error / warp error and PSNR on pictures and on eyes and mouth; sharpness.

    `wins` is the share of frames that are closer to the truth than the warp; `sharpness` the
    variance of the Laplacian inside the person relative to the truth's.
    """
    frames: dict[str, list[Tensor]] = {}
    for batch in batches:
        target = batch["target"][:, :, :3]
        features = (batch["weight"] > FEATURE_WEIGHT).float()
        person = (batch["target"][:, :, 3:] > 0.5).float()
        pictures = {"": draw(batch)[:, :, :3].float(), "_warp": batch["warp"][:, :, :3]}
        for name, picture in pictures.items():
            error = picture - target
            for part, mask in (("", torch.ones_like(features)), ("_features", features)):
                count = 3.0 * mask.sum((2, 3, 4)) + 1e-6
                absolute = (error.abs() * mask).sum((2, 3, 4)) / count
                square = (error.square() * mask).sum((2, 3, 4)) / (4.0 * count)
                frames.setdefault(f"l1{part}{name}", []).append(absolute)
                psnr = -10.0 * torch.log10(square.clamp(min=1e-10))
                frames.setdefault(f"psnr{part}{name}", []).append(psnr)
            detail = _detail(picture, person) / _detail(target, person).clamp(min=1e-6)
            frames.setdefault(f"sharpness{name}", []).append(detail)
    whole = {name: torch.cat([part.flatten() for part in parts]) for name, parts in frames.items()}
    means = {name: float(values.mean()) for name, values in whole.items()}
    wins = (whole["psnr"] > whole["psnr_warp"]).float().mean()
    return {
        "ratio": means.pop("l1") / max(means.pop("l1_warp"), 1e-9),
        "ratio_features": means.pop("l1_features") / max(means.pop("l1_features_warp"), 1e-9),
        "wins": float(wins),
        **means,
    }


def _detail(picture_BF3HW: Tensor, mask_BF1HW: Tensor) -> Tensor:
    """(B, F) variance of luma's Laplacian where the mask is."""
    grey = picture_BF3HW.mean(2, keepdim=True).flatten(0, 1)
    kernel = grey.new_tensor([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]])[None, None]
    edges = F.conv2d(F.pad(grey, (1, 1, 1, 1), mode="replicate"), kernel)
    mask = mask_BF1HW.flatten(0, 1)
    variance = (edges.square() * mask).sum((1, 2, 3)) / (mask.sum((1, 2, 3)) + 1e-6)
    return variance.reshape(mask_BF1HW.shape[:2])


@torch.no_grad()
def preview(draw: Draw, batch: Batch) -> ByteArray:
    """RGB: per row reference, then warp, drawn, truth, what was changed, early and late."""
    drawn = draw(batch)
    rows = []
    for k in range(min(PREVIEW_ROWS, drawn.shape[0])):
        row: list[Tensor] = [batch["reference"][k, 0]]
        for frame in (drawn.shape[1] // 3, drawn.shape[1] - 1):
            warp, mine = batch["warp"][k, frame], drawn[k, frame]
            row += [warp, mine, batch["target"][k, frame], 2.0 * (mine - warp)]
        rows.append(np.hstack([as_picture(picture) for picture in row]))
    return np.vstack(rows)
