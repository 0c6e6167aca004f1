"""Before distillation: the net whose features judge pictures, from the project's own labels.

    python -m avatar train features --config configs/train_features.toml

Knows the losses of its heads and how well they do on people never trained on; the net itself is
`face_features`, its labels are `face_labels`. Shapes as there.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from avatar.config import load_config
from avatar.errors import ConfigError
from avatar.frames import ByteArray
from avatar.model.checkpoint import NamedShape
from avatar.model.presets import ModelPreset
from avatar.training.config import DataConfig, FeaturesConfig, SourceConfig
from avatar.training.devices import joined_devices
from avatar.training.examples import Batch, ExampleSource, as_picture
from avatar.training.face_features import KIND, SHAPE, FaceFeatures, FaceReading
from avatar.training.face_labels import CELL_PX, REGIONS, FaceExamples
from avatar.training.loop import Trainer
from avatar.training.losses import per_example
from avatar.training.objective import Losses, Objective
from avatar.training.sources import MakeSource, people_of

LEARN = "learn"
POINT_SPREAD = 1.0
"""Of the wanted heat maps, cells."""
EYES = ((0, 1), (5, 6))
"""Corners of both eyes among the points: their middles are the inter-ocular distance apart."""
PREVIEW_COLUMNS = 4


class FeaturesObjective(Objective):
    """Losses of all heads together."""

    kind = KIND
    network: FaceFeatures

    def __init__(self, config: FeaturesConfig) -> None:
        super().__init__()
        self.network = FaceFeatures()
        self._config = config

    @property
    def shape(self) -> NamedShape:
        """There is one shape."""
        return SHAPE

    def source_maker(self, data: DataConfig, preset: ModelPreset, picture_px: int) -> MakeSource:
        """People with face labels; records have no landmarks and are refused."""

        def make(config: SourceConfig, is_held_out: bool) -> ExampleSource:
            return FaceExamples(people_of(config, picture_px, is_held_out), data.num_frames)

        return make

    def phase_at(self, share: float) -> str:
        """There is one phase."""
        return LEARN

    def begin_phase(self, phase: str) -> None:
        """Everything learns."""

    def forward(self, batch: Batch, share: float) -> Losses:
        """Sum of the heads' losses."""
        config, size = self._config, batch["picture"].shape[0]
        flat = {name: tensor.flatten(0, 1) for name, tensor in batch.items()}
        reading = self.network(flat["picture"])

        def grouped(values_G: Tensor) -> Tensor:
            return values_G.reshape(size, -1).mean(1)

        regions = grouped(
            -(flat["regions"] * F.log_softmax(reading.regions_GKhw, 1)).sum(1).flatten(1).mean(1)
        )
        points = grouped(_points_loss(reading.points_GPhw, flat["points"]))
        spoilt = grouped(per_example((reading.damage_GDhw - flat["damage"]).square()))
        measures = grouped(per_example((reading.measures_GM - flat["measures"]).square()))
        total = (
            config.regions * regions
            + config.points * points
            + config.damage * spoilt
            + config.measures * measures
        )
        terms = {"regions": regions, "points": points, "damage": spoilt, "measures": measures}
        return Losses(total, {name: term.mean() for name, term in terms.items()})

    @torch.no_grad()
    def judge(self, batches: Sequence[Batch]) -> dict[str, float]:
        """Points in inter-ocular distances, overlap of regions, and what is left of the variance
        of damage and measures (1: as good as the mean of all)."""
        readings: list[FaceReading] = []
        truths: dict[str, list[Tensor]] = {}
        for batch in batches:
            flat = {name: tensor.flatten(0, 1) for name, tensor in batch.items()}
            readings.append(self.network(flat["picture"]))
            for name, tensor in flat.items():
                truths.setdefault(name, []).append(tensor)
        reading = FaceReading(*(torch.cat(parts).float() for parts in zip(*readings, strict=True)))
        true = {name: torch.cat(parts) for name, parts in truths.items()}
        return {
            "points_iod": _point_error(reading.points_GPhw, true["points"]),
            "regions_iou": _overlap(reading.regions_GKhw, true["regions"]),
            "damage_left": _left(reading.damage_GDhw, true["damage"]),
            "measures_left": _left(reading.measures_GM, true["measures"]),
        }

    @torch.no_grad()
    def preview(self, batch: Batch) -> ByteArray:
        """Rows: pictures with found points, found regions, found damage in red, green, blue."""
        pictures = batch["picture"].flatten(0, 1)[:PREVIEW_COLUMNS]
        reading = self.network(pictures)
        places = _found(reading.points_GPhw).cpu().numpy()
        labels = reading.regions_GKhw.argmax(1).cpu().numpy()
        columns = []
        for index, picture in enumerate(pictures):
            shown = np.ascontiguousarray(as_picture(picture.clamp(-1.0, 1.0)))
            size = (shown.shape[1], shown.shape[0])
            for x, y in (places[index] + 0.5) * CELL_PX - 0.5:
                cv2.circle(shown, (round(float(x)), round(float(y))), 1, (0, 255, 0), -1)
            parts = (labels[index] * (255 // (len(REGIONS) - 1))).astype(np.uint8)
            coloured = cv2.cvtColor(cv2.applyColorMap(parts, cv2.COLORMAP_JET), cv2.COLOR_BGR2RGB)
            spoilt = as_picture(reading.damage_GDhw[index] * 2.0 - 1.0)
            columns.append(
                np.vstack([shown, *(cv2.resize(each, size) for each in (coloured, spoilt))])
            )
        return np.hstack(columns).astype(np.uint8)


def _points_loss(logits_GPhw: Tensor, places_GP2: Tensor) -> Tensor:
    """(G,) cross-entropy with a small Gaussian about each point that lies in the picture."""
    rows, columns = logits_GPhw.shape[-2:]
    y = torch.arange(rows, device=logits_GPhw.device)[:, None]
    x = torch.arange(columns, device=logits_GPhw.device)[None]
    at_x, at_y = places_GP2[..., 0, None, None], places_GP2[..., 1, None, None]
    wanted = torch.exp(-((x - at_x).square() + (y - at_y).square()) / (2.0 * POINT_SPREAD**2))
    wanted = wanted.flatten(2)
    is_inside = (wanted.amax(2) > 0.5).float()
    wanted = wanted / wanted.sum(2, keepdim=True).clamp(min=1e-6)
    entropy = -(wanted * F.log_softmax(logits_GPhw.flatten(2), 2)).sum(2)
    return (entropy * is_inside).sum(1) / is_inside.sum(1).clamp(min=1.0)


def _found(logits_GPhw: Tensor) -> Tensor:
    """(G, P, 2) the likeliest cell of every point, x then y."""
    columns = logits_GPhw.shape[-1]
    best = logits_GPhw.flatten(2).argmax(2)
    return torch.stack([best % columns, best // columns], -1).float()


def _point_error(logits_GPhw: Tensor, places_GP2: Tensor) -> float:
    """Mean distance in inter-ocular distances."""
    eyes = [places_GP2[:, list(corners)].mean(1) for corners in EYES]
    between_G = torch.linalg.vector_norm(eyes[0] - eyes[1], dim=-1).clamp(min=1.0)
    apart_GP = torch.linalg.vector_norm(_found(logits_GPhw) - places_GP2, dim=-1)
    return float((apart_GP / between_G[:, None]).mean())


def _overlap(logits_GKhw: Tensor, shares_GKhw: Tensor) -> float:
    """Intersection over union of the likeliest regions, mean over the regions that there are."""
    mine, true = logits_GKhw.argmax(1), shares_GKhw.argmax(1)
    found = []
    for region in range(shares_GKhw.shape[1]):
        either = ((mine == region) | (true == region)).sum()
        if (true == region).any():
            found.append(float(((mine == region) & (true == region)).sum() / either))
    return float(np.mean(found))


def _left(found: Tensor, true: Tensor) -> float:
    """Squared error as a share of the variance of the truth about its mean."""
    variance = (true - true.mean(0, keepdim=True)).square().mean()
    return float((found - true).square().mean() / variance.clamp(min=1e-9))


def train(config_path: Path) -> None:
    """Run the stage that a TOML file describes. Raises ConfigError and AssetError."""
    config = load_config(config_path, FeaturesConfig)
    if config.run.data.crop_px is not None:
        raise ConfigError(
            f"{config_path}: run.data.crop_px: faces are learned from whole pictures."
        )
    torch.set_num_threads(config.run.num_threads)
    torch.manual_seed(config.run.seed)
    with joined_devices(config.run.device) as devices:
        Trainer(FeaturesObjective(config), config.run, devices).run()
