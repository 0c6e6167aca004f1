"""Driving signals to what the transformer reads: pose latent, face motion tokens, warped latent.

Knows maps and numbers; does not know how they were drawn or measured (`avatar.stream.neural_inputs`
does). Shapes: B batch, L latents, t frames per latent, F = L * t, C channels, H, W cells,
M face numbers, R face tokens per frame, D width.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avatar.model.autoencoder import NUM_VALIDITY, Encoder
from avatar.model.face_layout import FACE_REGIONS
from avatar.model.layers import Conv, Mlp, ResBlock, zero_init
from avatar.model.presets import ModelPreset

NUM_FACE_TOKENS = len(FACE_REGIONS)
FACE_HIDDEN = 64


class Driving(NamedTuple):
    """One stretch of frames as the door hands them over."""

    warp_BF4HW: Tensor
    """The classical warp's picture: colours in [-1, 1], coverage in [0, 1]; over its background."""
    map_BF2HW: Tensor
    """Sampling map into the first reference view, feature size."""
    validity_BFVHW: Tensor
    """Visibility, stretch, drawn interior; feature size."""
    guidance_BF3HW: Tensor
    """Skeleton and head sphere, [0, 1]; feature size."""
    face_BFM: Tensor
    """Face numbers, see `avatar.model.face_layout`."""


class Condition(NamedTuple):
    """What the denoiser sees of the driver, per latent."""

    pose_BLCHW: Tensor
    warped_BLCHW: Tensor
    """The warp's picture as a normalised latent: where denoising starts from."""
    validity_BLCHW: Tensor
    face_BLTD: Tensor
    """t * R face motion tokens."""


class PoseEncoder(nn.Module):
    """Guidance maps of feature size to a pose latent."""

    def __init__(self, preset: ModelPreset) -> None:
        super().__init__()
        channels = preset.transformer.pose_channels
        self.frames_per_latent = preset.autoencoder.frames_per_latent
        self.trunk = nn.Sequential(
            Conv(3, 16, stride=2), nn.SiLU(), Conv(16, 32, stride=2), ResBlock(32), nn.SiLU()
        )
        self.merge = Conv(32 * self.frames_per_latent, channels)

    def forward(self, guidance_BF3HW: Tensor) -> Tensor:
        """(B, L, C, H, W) at the latent's size."""
        batch, num_frames = guidance_BF3HW.shape[:2]
        t = self.frames_per_latent
        features = self.trunk(guidance_BF3HW.flatten(0, 1))
        merged = self.merge(features.reshape(batch * num_frames // t, -1, *features.shape[-2:]))
        return merged.reshape(batch, num_frames // t, *merged.shape[1:])


class FaceEncoder(nn.Module):
    """Face numbers to tokens: one per region and frame, made by the region's own small net."""

    def __init__(self, preset: ModelPreset) -> None:
        super().__init__()
        width = preset.transformer.face_width
        self.frames_per_latent = preset.autoencoder.frames_per_latent
        self.sizes = [region.size for region in FACE_REGIONS]
        self.enter = nn.ModuleList(nn.Linear(size, FACE_HIDDEN) for size in self.sizes)
        self.leave = nn.ModuleList(nn.Linear(FACE_HIDDEN, width) for _ in self.sizes)
        self.place = nn.Parameter(
            0.02 * torch.randn(self.frames_per_latent, NUM_FACE_TOKENS, width)
        )
        self.mix = Mlp(width, 2 * width)

    def forward(self, face_BFM: Tensor) -> Tensor:
        """(B, L, t * R, D)."""
        batch, num_frames = face_BFM.shape[:2]
        parts = torch.split(face_BFM, self.sizes, -1)
        tokens = torch.stack(
            [
                leave(F.silu(enter(part)))
                for part, enter, leave in zip(parts, self.enter, self.leave, strict=True)
            ],
            2,
        )
        t = self.frames_per_latent
        tokens = tokens.reshape(batch, num_frames // t, t, *tokens.shape[2:]) + self.place
        tokens = tokens + self.mix(tokens)
        return tokens.flatten(2, 3)


class Conditioner(nn.Module):
    """Pose encoder and face encoder; the warped latent comes from the autoencoder's encoder."""

    def __init__(self, preset: ModelPreset) -> None:
        super().__init__()
        self.frames_per_latent = preset.autoencoder.frames_per_latent
        self.pose = PoseEncoder(preset)
        self.face = FaceEncoder(preset)

    def forward(self, driving: Driving, warped_BLCHW: Tensor) -> Condition:
        """Encode a stretch whose warped latents (normalised) are given."""
        batch, num_frames = driving.validity_BFVHW.shape[:2]
        pooled = F.avg_pool2d(driving.validity_BFVHW.flatten(0, 1), 4)
        validity = pooled.reshape(
            batch, num_frames // self.frames_per_latent, -1, *pooled.shape[-2:]
        )
        return Condition(
            self.pose(driving.guidance_BF3HW), warped_BLCHW, validity, self.face(driving.face_BFM)
        )


def normalised_latents(
    encoder: Encoder, frames_BF4HW: Tensor, memory_BCHW: Tensor, mean_C: Tensor, std_C: Tensor
) -> tuple[Tensor, Tensor]:
    """Mean latents of frames at unit variance, and the encoder's memory for what follows."""
    latents, _, memory = encoder(frames_BF4HW, memory_BCHW)
    return (latents - mean_C[:, None, None]) / std_C[:, None, None], memory


class Refiner(nn.Module):
    """Latents in one feed-forward pass, without noise or past: the first thing worth shipping.

    It predicts the mean of what the transformer samples from, as a correction of the warped latent
    that is silent until trained.
    """

    def __init__(self, preset: ModelPreset) -> None:
        super().__init__()
        ae, net = preset.autoencoder, preset.transformer
        width = ae.refiner_width
        channels = ae.latent_channels + net.pose_channels + NUM_VALIDITY * ae.frames_per_latent
        self.enter = Conv(channels, width)
        self.face = nn.Linear(net.face_width * NUM_FACE_TOKENS * ae.frames_per_latent, 2 * width)
        self.blocks = nn.ModuleList(ResBlock(width) for _ in range(3))
        self.leave = zero_init(Conv(width, ae.latent_channels))

    def forward(self, condition: Condition) -> Tensor:
        """Normalised latents (B, L, C, H, W)."""
        batch, num_latents = condition.warped_BLCHW.shape[:2]
        joined = torch.cat(
            [condition.warped_BLCHW, condition.pose_BLCHW, condition.validity_BLCHW], 2
        )
        x = self.enter(joined.flatten(0, 1))
        scale, shift = self.face(condition.face_BLTD.flatten(0, 1).flatten(1)).chunk(2, -1)
        x = x * (1.0 + scale[..., None, None]) + shift[..., None, None]
        for block in self.blocks:
            x = block(x)
        correction = self.leave(F.silu(x))
        return condition.warped_BLCHW + correction.reshape(
            batch, num_latents, *correction.shape[1:]
        )
