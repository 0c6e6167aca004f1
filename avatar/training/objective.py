"""What a stage of training is, as the loop sees it.

Knows the contract only: a network to train, a loss per example, what it learns from, how progress
is judged, and what to publish. Most stages draw pictures; what those share is `DrawingObjective`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import Tensor, nn

from avatar.frames import ByteArray
from avatar.model.checkpoint import NamedShape
from avatar.model.network import AvatarNetwork
from avatar.model.presets import ModelPreset
from avatar.training.config import DataConfig
from avatar.training.critic import PatchCritic
from avatar.training.ema import Ema
from avatar.training.examples import Batch
from avatar.training.judging import judge, preview
from avatar.training.sources import MakeSource, drawing_examples


@dataclass(slots=True)
class Losses:
    """One batch's losses."""

    total_B: Tensor
    terms: dict[str, Tensor] = field(default_factory=dict)
    """Means of parts, for the log."""
    drawn_crops: Tensor | None = None
    """What the critic is to judge false (with gradient); None while it takes no part."""
    real_crops: Tensor | None = None


class Objective(nn.Module, ABC):
    """A stage of training. Nothing random may happen in here: draws come with the batch."""

    kind: str
    """Kind of the weights that come out, as the manifest names it."""
    network: nn.Module
    """What learns, and what is published."""

    def __init__(self, critic: PatchCritic | None = None) -> None:
        super().__init__()
        self.critic = critic

    @property
    @abstractmethod
    def shape(self) -> NamedShape:
        """Of the weights that come out, as the manifest names it."""

    @abstractmethod
    def source_maker(self, data: DataConfig, preset: ModelPreset, picture_px: int) -> MakeSource:
        """How configured sources become this stage's examples."""

    @abstractmethod
    def phase_at(self, share: float) -> str:
        """Name of the phase at a share of the run (0..1)."""

    @abstractmethod
    def begin_phase(self, phase: str) -> None:
        """Freeze and thaw for a phase; called at its start and after a resume inside it."""

    def begins_averaged(self, phase: str) -> bool:
        """Whether a phase goes on from the averaged weights, and not from the last ones."""
        return False

    def enter_phase(self, phase: str, ema: Ema, calibration: list[Batch]) -> None:
        """Once, when a phase begins for the first time: measure what the phase relies on."""

    @abstractmethod
    def forward(self, batch: Batch, share: float) -> Losses:
        """Losses of a batch at a share of the run."""

    def after_step(self, ema: Ema) -> None:
        """Once per train step: what follows the averaged weights."""

    @abstractmethod
    def judge(self, batches: Sequence[Batch]) -> dict[str, float]:
        """Progress on examples that are only judged."""

    @abstractmethod
    def preview(self, batch: Batch) -> ByteArray:
        """RGB to look at."""


class DrawingObjective(Objective):
    """A stage that draws what the warp lacks; judged by pictures against the warp's."""

    network: AvatarNetwork

    def __init__(self, network: AvatarNetwork, critic: PatchCritic | None) -> None:
        super().__init__(critic)
        self.network = network

    @property
    def shape(self) -> NamedShape:
        """The preset."""
        return self.network.preset

    def source_maker(self, data: DataConfig, preset: ModelPreset, picture_px: int) -> MakeSource:
        """The warp, its measurements and the truth."""
        return drawing_examples(data, preset, picture_px)

    @abstractmethod
    def draw(self, batch: Batch) -> Tensor:
        """Finished frames (B, F, 4, H, W) as the stream would draw them, for judging."""

    def judge(self, batches: Sequence[Batch]) -> dict[str, float]:
        """Errors relative to the warp's."""
        return judge(self.draw, batches)

    def preview(self, batch: Batch) -> ByteArray:
        """A contact sheet."""
        return preview(self.draw, batch)
