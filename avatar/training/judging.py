"""Progress: how far drawn frames are from the truth, relative to the warp, on unseen people.

The raw loss hardly moves while a model learns; this ratio does (design/training_trial.md). 1 is the
warp itself, 0 is perfect. Knows frames only. Shapes as in avatar.training.examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from avatar.training.examples import Batch, as_picture
from avatar.training.objective import Objective

PREVIEW_ROWS = 4


@torch.no_grad()
def judge(objective: Objective, batches: Sequence[Batch]) -> dict[str, float]:
    """Error / warp error on whole pictures and on eyes and mouth, PSNR of both."""
    sums = np.zeros(6)
    for batch in batches:
        drawn = objective.draw(batch)[:, :, :3].float()
        warp, target = batch["warp"][:, :, :3], batch["target"][:, :, :3]
        features = (batch["weight"] > 2.0).float()
        count = features.sum() * 3.0 + 1e-6
        for offset, picture in ((0, drawn), (3, warp)):
            error = (picture - target).abs()
            sums[offset] += float(error.mean())
            sums[offset + 1] += float((error * features).sum() / count)
            sums[offset + 2] += float((error / 2.0).square().mean())
    mine, mine_features, mine_square, warps, warps_features, warps_square = (
        float(value) for value in sums / len(batches)
    )
    return {
        "ratio": mine / max(warps, 1e-9),
        "ratio_features": mine_features / max(warps_features, 1e-9),
        "psnr": _psnr(mine_square),
        "psnr_warp": _psnr(warps_square),
    }


def _psnr(mean_square: float) -> float:
    return float(-10.0 * np.log10(max(mean_square, 1e-10)))


@torch.no_grad()
def write_preview(path: Path, objective: Objective, batch: Batch) -> None:
    """A PNG: per row reference, then warp, drawn, truth, at an early and a late frame."""
    drawn = objective.draw(batch)
    rows = []
    for k in range(min(PREVIEW_ROWS, drawn.shape[0])):
        row: list[Tensor] = [batch["reference"][k, 0]]
        for frame in (drawn.shape[1] // 3, drawn.shape[1] - 1):
            row += [batch["warp"][k, frame], drawn[k, frame], batch["target"][k, frame]]
        rows.append(np.hstack([as_picture(picture) for picture in row]))
    cv2.imwrite(str(path), cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR))
