"""Shapes of the networks: six named presets of one design.

Knows numbers and their consistency; imports no torch, so that a command can list presets, and a
manifest be checked, on a machine without it.

    tiny    tests and proofs of the recipe: seconds on one core
    pico    a refiner frame by frame, half of nano's work; trained, not yet worth serving
    nano    the smallest with a transformer, 256 x 256
    nano_head  the same about the head only: the refiner that ships, live on two CPU cores
    base    one GPU, 512 x 512
    large   1.3-billion class, the latent shape of Wan 2.1 (f8, 4 frames)
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from avatar.errors import ConfigError

HIDDEN = -1.0e4
"""Added to the attention score of what must not be seen (an unfilled history slot, an absent view).
Not minus infinity: a row in which everything is hidden must not become NaN."""


@dataclass(frozen=True, kw_only=True)
class AutoencoderPreset:
    """The causal, reference-conditioned autoencoder."""

    first_patch_px: int
    """Side of the pixel blocks folded into channels at the door (and unfolded at the exit)."""
    joint_size: int
    """Kernel of the convolutions that take pictures in and join streams of features: 3, or 1 where
    every millisecond counts (the blocks around them look sideways)."""
    frames_per_latent: int
    latent_channels: int
    encoder_widths: tuple[int, int, int]
    """Channels after the first, second and third stage (each half the size of the one before)."""
    decoder_widths: tuple[int, int, int]
    """Channels from the latent's size up."""
    decoder_blocks: tuple[int, int, int]
    """Residual blocks per stage, from the latent's size up."""
    reference_widths: tuple[int, int]
    """Channels of the cached reference features at half and at full feature size."""
    refiner_width: int
    """Width of the feed-forward predictor of latents (`avatar.model.encoders`)."""

    @property
    def spatial_factor(self) -> int:
        """Pixels per latent cell."""
        return self.first_patch_px * 4


@dataclass(frozen=True, kw_only=True)
class TransformerPreset:
    """The denoising transformer and the encoders that feed it."""

    width: int
    depth: int
    num_heads: int
    rope_sizes: tuple[int, int, int]
    """Parts of a head turned by time, row and column; even, and together the head's size."""
    mlp_ratio: int
    patch_cells: int
    """Side of a token in latent cells."""
    reference_every: int
    """Ref Attn stands in each n-th block, from the first one on."""
    num_history: int
    """Past latents that stay visible (slots of the ring)."""
    max_references: int
    """Views of the reference that fit, pseudo-references included."""
    pose_channels: int
    """Channels of the pose latent."""
    face_width: int
    """Width of a face motion token."""

    @property
    def head_size(self) -> int:
        """Channels per attention head."""
        return self.width // self.num_heads


@dataclass(frozen=True, kw_only=True)
class ModelPreset:
    """One whole model."""

    name: str
    picture_px: int
    """Side of the square picture that it is trained for; other sizes work in multiples of
    `size_multiple`."""
    viewport_px: int
    """Side of the square part of that picture, about the head, that a stream corrects; the
    reference is seen whole."""
    autoencoder: AutoencoderPreset
    transformer: TransformerPreset

    def __post_init__(self) -> None:
        t = self.transformer
        if t.width % t.num_heads:
            raise ValueError(f"width {t.width} is not a multiple of num_heads {t.num_heads}")
        if sum(t.rope_sizes) != t.head_size or any(size % 2 for size in t.rope_sizes):
            raise ValueError(f"rope_sizes {t.rope_sizes} must be even and add up to {t.head_size}")
        if self.picture_px % self.size_multiple:
            raise ValueError(
                f"picture_px {self.picture_px} must be a multiple of {self.size_multiple}"
            )
        if self.viewport_px > self.picture_px or self.viewport_px % self.size_multiple:
            raise ValueError(
                f"viewport_px {self.viewport_px} must be a multiple of {self.size_multiple} and "
                f"not exceed {self.picture_px}"
            )

    def viewport_hw(self, picture_hw: tuple[int, int]) -> tuple[int, int]:
        """Rows and columns of the part of a picture that a stream corrects."""
        return min(self.viewport_px, picture_hw[0]), min(self.viewport_px, picture_hw[1])

    @property
    def size_multiple(self) -> int:
        """Sides of every picture are multiples of this many pixels (one token)."""
        return self.autoencoder.spatial_factor * self.transformer.patch_cells

    def latent_hw(self, picture_hw: tuple[int, int]) -> tuple[int, int]:
        """Rows and columns of the latent of a picture.

        Raises ConfigError where the picture does not fit the preset.
        """
        for side in picture_hw:
            if side < self.size_multiple or side % self.size_multiple:
                raise ConfigError(
                    f"picture of {picture_hw[1]}x{picture_hw[0]}: sides must be multiples of "
                    f"{self.size_multiple} pixels for the preset '{self.name}'."
                )
        factor = self.autoencoder.spatial_factor
        return picture_hw[0] // factor, picture_hw[1] // factor

    def feature_hw(self, picture_hw: tuple[int, int]) -> tuple[int, int]:
        """Rows and columns of sampling maps, validity and guidance maps (the largest features)."""
        patch = self.autoencoder.first_patch_px
        return picture_hw[0] // patch, picture_hw[1] // patch

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as a manifest records them."""
        values: dict[str, Any] = dataclasses.asdict(self)
        return values


TINY = ModelPreset(
    name="tiny",
    picture_px=128,
    viewport_px=128,
    autoencoder=AutoencoderPreset(
        first_patch_px=4,
        joint_size=3,
        frames_per_latent=2,
        latent_channels=8,
        encoder_widths=(24, 32, 48),
        decoder_widths=(48, 32, 24),
        decoder_blocks=(1, 1, 1),
        reference_widths=(16, 8),
        refiner_width=48,
    ),
    transformer=TransformerPreset(
        width=64,
        depth=4,
        num_heads=4,
        rope_sizes=(4, 6, 6),
        mlp_ratio=4,
        patch_cells=2,
        reference_every=2,
        num_history=3,
        max_references=3,
        pose_channels=8,
        face_width=32,
    ),
)

NANO = ModelPreset(
    name="nano",
    picture_px=256,
    viewport_px=256,
    autoencoder=AutoencoderPreset(
        first_patch_px=4,
        joint_size=3,
        frames_per_latent=2,
        latent_channels=16,
        encoder_widths=(32, 64, 96),
        decoder_widths=(96, 64, 32),
        decoder_blocks=(2, 2, 1),
        reference_widths=(64, 32),
        refiner_width=128,
    ),
    transformer=TransformerPreset(
        width=320,
        depth=10,
        num_heads=5,
        rope_sizes=(16, 24, 24),
        mlp_ratio=4,
        patch_cells=2,
        reference_every=2,
        num_history=4,
        max_references=4,
        pose_channels=16,
        face_width=128,
    ),
)

NANO_HEAD = dataclasses.replace(NANO, name="nano_head", viewport_px=192)

PICO = dataclasses.replace(
    NANO,
    name="pico",
    viewport_px=192,
    autoencoder=dataclasses.replace(
        NANO.autoencoder,
        joint_size=1,
        frames_per_latent=1,
        latent_channels=48,
        refiner_width=96,
    ),
    transformer=dataclasses.replace(
        NANO.transformer, width=192, depth=6, num_heads=3, face_width=64
    ),
)

BASE = ModelPreset(
    name="base",
    picture_px=512,
    viewport_px=512,
    autoencoder=AutoencoderPreset(
        first_patch_px=4,
        joint_size=3,
        frames_per_latent=4,
        latent_channels=32,
        encoder_widths=(64, 128, 256),
        decoder_widths=(256, 128, 64),
        decoder_blocks=(3, 3, 2),
        reference_widths=(128, 64),
        refiner_width=320,
    ),
    transformer=TransformerPreset(
        width=768,
        depth=16,
        num_heads=12,
        rope_sizes=(16, 24, 24),
        mlp_ratio=4,
        patch_cells=2,
        reference_every=1,
        num_history=6,
        max_references=4,
        pose_channels=32,
        face_width=256,
    ),
)

LARGE = ModelPreset(
    name="large",
    picture_px=512,
    viewport_px=512,
    autoencoder=AutoencoderPreset(
        first_patch_px=2,
        joint_size=3,
        frames_per_latent=4,
        latent_channels=16,
        encoder_widths=(96, 192, 384),
        decoder_widths=(384, 192, 96),
        decoder_blocks=(3, 3, 3),
        reference_widths=(192, 96),
        refiner_width=384,
    ),
    transformer=TransformerPreset(
        width=1536,
        depth=30,
        num_heads=12,
        rope_sizes=(44, 42, 42),
        mlp_ratio=6,
        patch_cells=2,
        reference_every=1,
        num_history=8,
        max_references=4,
        pose_channels=16,
        face_width=512,
    ),
)

PRESETS = {preset.name: preset for preset in (TINY, PICO, NANO, NANO_HEAD, BASE, LARGE)}


def preset_named(name: str) -> ModelPreset:
    """The preset of that name; ConfigError names the valid ones."""
    try:
        return PRESETS[name]
    except KeyError:
        raise ConfigError(
            f"unknown model preset '{name}'; presets are {', '.join(PRESETS)}."
        ) from None
