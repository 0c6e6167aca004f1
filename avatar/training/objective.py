"""What a stage of training is, as the loop sees it.

Knows the contract only: a network to train, a loss per example, a way to draw, and what to publish.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

from torch import Tensor, nn

from avatar.model.network import AvatarNetwork
from avatar.training.critic import PatchCritic
from avatar.training.ema import Ema
from avatar.training.examples import Batch


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

    def __init__(self, network: AvatarNetwork, critic: PatchCritic | None) -> None:
        super().__init__()
        self.network = network
        self.critic = critic

    @abstractmethod
    def phase_at(self, share: float) -> str:
        """Name of the phase at a share of the run (0..1)."""

    @abstractmethod
    def begin_phase(self, phase: str) -> None:
        """Freeze and thaw for a phase; called at its start and after a resume inside it."""

    def enter_phase(self, phase: str, ema: Ema, calibration: list[Batch]) -> None:
        """Once, when a phase begins for the first time: measure what the phase relies on."""

    @abstractmethod
    def forward(self, batch: Batch, share: float) -> Losses:
        """Losses of a batch at a share of the run."""

    def after_step(self, ema: Ema) -> None:
        """Once per train step: what follows the averaged weights."""

    @abstractmethod
    def draw(self, batch: Batch) -> Tensor:
        """Finished frames (B, F, 4, H, W) as the stream would draw them, for judging."""
