"""Tiny networks for tests, awake: no branch is silent, so nothing holds because of zeros."""

from __future__ import annotations

import numpy as np
import torch

from avatar.frames import FloatArray
from avatar.model.face_layout import NUM_FACE_NUMBERS
from avatar.model.network import AvatarNetwork, ModelKind
from avatar.model.presets import TINY
from avatar.model.runtime import ChunkInputs, ViewInputs

PICTURE = (64, 96)
"""Rows and columns differ, so that a swap of the two cannot pass."""


def awake_network(kind: ModelKind, seed: int = 0) -> AvatarNetwork:
    torch.manual_seed(seed)
    network = AvatarNetwork(TINY, kind)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.abs().max() == 0:
                parameter.normal_(0.0, 0.05)
    return network.eval()


def random_chunk(seed: int, picture_hw: tuple[int, int] = PICTURE) -> ChunkInputs:
    random = np.random.default_rng(seed)
    rows, columns = picture_hw[0] // 4, picture_hw[1] // 4
    t = TINY.autoencoder.frames_per_latent

    def uniform(*shape: int, low: float = -1.0) -> FloatArray:
        return random.uniform(low, 1.0, (1, t, *shape)).astype(np.float32)

    return ChunkInputs(
        warp=uniform(4, *picture_hw),
        sampling_map=uniform(2, rows, columns),
        validity=uniform(4, rows, columns),
        guidance=uniform(3, rows, columns, low=0.0),
        face=uniform(NUM_FACE_NUMBERS),
    )


def random_view(seed: int, picture_hw: tuple[int, int] = PICTURE) -> ViewInputs:
    random = np.random.default_rng(seed)
    rows, columns = picture_hw[0] // 4, picture_hw[1] // 4
    return ViewInputs(
        random.uniform(-1, 1, (1, 4, *picture_hw)).astype(np.float32),
        random.uniform(0, 1, (1, 3, rows, columns)).astype(np.float32),
        random.uniform(-1, 1, (1, NUM_FACE_NUMBERS)).astype(np.float32),
    )
