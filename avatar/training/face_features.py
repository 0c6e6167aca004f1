"""A small net that knows faces, trained on the project's own labels: its features judge pictures.

Pixels cannot tell a sharp mouth two pixels off from a blurred one; features can. The net learns
where a face's parts are, which part each cell shows, how far lids and lips are open, and what kind
of damage was done to a picture (`avatar.training.face_labels`), so that its features change with
all of these. What a picture lacks is the distance of its features from the truth's, normalised per
cell as in LPIPS (Zhang et al. 2018), without any network from elsewhere.

Knows pictures of any size that is a multiple of 16; does not know where labels come from.
Shapes: B batch, F frames, G = B * F, C channels, H, W pixels, h, w cells of 4 pixels.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avatar.model.checkpoint import load_weights
from avatar.model.layers import Conv, ResBlock
from avatar.training.face_labels import DAMAGES, NUM_MEASURES, POINTS, REGIONS

KIND = "features"
"""Of the weights, as their manifest names it."""


@dataclass(frozen=True)
class FeatureShape:
    """Numbers of the one network there is."""

    name: str = "face-features"
    widths: tuple[int, int, int, int] = (24, 32, 64, 96)
    """Channels at 1/2, 1/4, 1/8 and 1/16 of the picture."""
    joint_width: int = 32
    """Channels of the map that the heads read."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as a manifest records them."""
        return asdict(self)


SHAPE = FeatureShape()


class FaceReading(NamedTuple):
    """What the heads say of pictures."""

    regions_GKhw: Tensor
    """Logits of `face_labels.REGIONS`."""
    points_GPhw: Tensor
    """Logits over the cells, per point."""
    damage_GDhw: Tensor
    """Strengths of `face_labels.DAMAGES`, 0..1 where trained."""
    measures_GM: Tensor
    """Lids, lips and gaze, see `face_labels.measures_of`."""


class FaceFeatures(nn.Module):
    """The trunk whose features are compared, and heads that only its training needs."""

    def __init__(self) -> None:
        super().__init__()
        half, quarter, eighth, last = SHAPE.widths
        joint = SHAPE.joint_width
        self.stages = nn.ModuleList(
            [
                # Folding keeps every pixel: a strided first layer would not see fine blur.
                nn.Sequential(nn.PixelUnshuffle(2), Conv(12, half), ResBlock(half)),
                nn.Sequential(nn.SiLU(), Conv(half, quarter, stride=2), ResBlock(quarter)),
                nn.Sequential(nn.SiLU(), Conv(quarter, eighth, stride=2), ResBlock(eighth)),
                nn.Sequential(nn.SiLU(), Conv(eighth, last, stride=2), ResBlock(last)),
            ]
        )
        self.fine = Conv(half, joint, stride=2)
        self.join = nn.ModuleList(Conv(width, joint, 1) for width in (quarter, eighth, last))
        self.mix = ResBlock(joint)
        self.maps = Conv(joint, len(REGIONS) + len(POINTS) + len(DAMAGES))
        self.measures = nn.Linear(len(REGIONS) * joint, NUM_MEASURES)

    def features(self, rgb_G3HW: Tensor) -> list[Tensor]:
        """Maps at 1/2, 1/4, 1/8 and 1/16 of pictures in [-1, 1]."""
        found, x = [], rgb_G3HW
        for stage in self.stages:
            x = stage(x)
            found.append(x)
        return found

    def forward(self, rgb_G3HW: Tensor) -> FaceReading:
        """Everything that the heads say."""
        found = self.features(rgb_G3HW)
        joined = self.fine(F.silu(found[0]))
        for layer, feature in zip(self.join, found[1:], strict=True):
            joined = joined + F.interpolate(
                layer(F.silu(feature)), size=joined.shape[-2:], mode="bilinear", align_corners=False
            )
        joined = F.silu(self.mix(joined))
        maps = self.maps(joined)
        regions, points, damage = maps.split([len(REGIONS), len(POINTS), len(DAMAGES)], 1)
        # Lids and lips are read where they are: each region's own mean of the joined map.
        share = torch.softmax(regions, 1).flatten(2)
        share = share / (share.sum(2, keepdim=True) + 1.0)
        pooled = torch.einsum("gkn,gcn->gkc", share, joined.flatten(2)).flatten(1)
        return FaceReading(regions, points, damage, self.measures(pooled))

    def distance(self, drawn_BFCHW: Tensor, target_BFCHW: Tensor, weight_BF1HW: Tensor) -> Tensor:
        """(B,) how far drawn frames are from true ones; differentiable in what was drawn.

        Colours in [-1, 1] in the first three channels; `weight` has mean 1 over a picture.
        """
        batch = drawn_BFCHW.shape[0]
        mine = self.features(drawn_BFCHW[:, :, :3].flatten(0, 1))
        with torch.no_grad():
            wanted = self.features(target_BFCHW[:, :, :3].flatten(0, 1))
        total = drawn_BFCHW.new_zeros(batch)
        for own, true in zip(mine, wanted, strict=True):
            weight = F.adaptive_avg_pool2d(
                weight_BF1HW.flatten(0, 1), (own.shape[-2], own.shape[-1])
            )
            apart = (_unit(own) - _unit(true)).square().sum(1, keepdim=True)
            total = total + (weight * apart).reshape(batch, -1).mean(1) / len(mine)
        return total


def _unit(x_GChw: Tensor) -> Tensor:
    """Every cell's features at length 1."""
    return x_GChw * torch.rsqrt(x_GChw.square().sum(1, keepdim=True) + 1e-6)


def load_features(weights: Path) -> FaceFeatures:
    """The trained net, frozen; AssetError where the file is not that."""
    features = FaceFeatures()
    load_weights(features, weights, kind=KIND, preset=SHAPE)
    return features.requires_grad_(False)
