"""The audio encoder in torch, for training; `avatar.motion.audio.encoder` is the same in numpy.

Shape legend: B examples, M moments (50 per second), C features, D width, K outputs.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from avatar.motion.audio.encoder import (
    DILATIONS,
    FIRST_TAPS,
    FRAMES_PER_STEP,
    NORM_EPSILON,
    OUTPUT_SCALES,
    TAPS,
)
from avatar.motion.audio.features import NUM_FEATURES
from avatar.motion.audio.mouth import COEFFICIENTS


class VoiceNetwork(nn.Module):
    """Features at 100 Hz to outputs at 50 Hz, in units of OUTPUT_SCALES."""

    def __init__(self, *, width: int, hidden: int, mix: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(NUM_FEATURES, width, FIRST_TAPS, stride=FRAMES_PER_STEP)
        self.norms = nn.ModuleList(nn.LayerNorm(width, NORM_EPSILON) for _ in DILATIONS)
        self.blocks = nn.ModuleList(
            nn.Conv1d(width, width, TAPS, dilation=dilation) for dilation in DILATIONS
        )
        self.memory_norm = nn.LayerNorm(width, NORM_EPSILON)
        self.memory = nn.GRU(width, hidden, batch_first=True)
        self.mix = nn.Linear(width + hidden, mix)
        self.last = nn.Linear(mix, len(OUTPUT_SCALES))

    def forward(self, features_BMC: Tensor) -> Tensor:
        """Outputs (B, M / 2, K) for features (B, M, C); causal, from a silent past."""
        stream_BDM = features_BMC.transpose(1, 2)
        stream_BDM = self.first(functional.pad(stream_BDM, (FIRST_TAPS - FRAMES_PER_STEP, 0)))
        for norm, block, dilation in zip(self.norms, self.blocks, DILATIONS, strict=True):
            normed_BDM = functional.relu(norm(stream_BDM.transpose(1, 2))).transpose(1, 2)
            stream_BDM = stream_BDM + block(functional.pad(normed_BDM, ((TAPS - 1) * dilation, 0)))
        stream_BMD = stream_BDM.transpose(1, 2)
        states_BMH, _ = self.memory(self.memory_norm(stream_BMD))
        mixed_BMD = functional.relu(self.mix(torch.cat([stream_BMD, states_BMH], dim=2)))
        outputs_BMK: Tensor = self.last(mixed_BMD)
        return outputs_BMK


def export_weights(state: dict[str, Tensor], path: Path) -> None:
    """Write a network's state as the .npz that the encoder reads, in half precision."""
    arrays = {
        name: value.detach().cpu().numpy().astype(np.float16) for name, value in state.items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, coefficients=np.array(COEFFICIENTS), **arrays)
