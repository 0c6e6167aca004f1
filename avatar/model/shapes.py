"""Every fixed tensor shape of a stream, worked out from a preset and a picture size.

Knows arithmetic only; no torch, so that an OpenVINO machine can do without it.
"""

from __future__ import annotations

from dataclasses import dataclass

from avatar.model.face_layout import FACE_REGIONS, NUM_FACE_NUMBERS
from avatar.model.presets import ModelPreset

Shape = tuple[int, ...]
NUM_VALIDITY_CHANNELS = 4


@dataclass(frozen=True, slots=True)
class StreamShapes:
    """Shapes of one stream: batch 1, one latent, t frames."""

    preset: ModelPreset
    picture_hw: tuple[int, int]
    """The whole picture, as the reference is seen."""

    @property
    def viewport_hw(self) -> tuple[int, int]:
        """The part of it that is corrected: everything but the reference has this size."""
        return self.preset.viewport_hw(self.picture_hw)

    @property
    def latent_hw(self) -> tuple[int, int]:
        """Rows and columns of a latent."""
        return self.preset.latent_hw(self.viewport_hw)

    @property
    def feature_hw(self) -> tuple[int, int]:
        """Rows and columns of maps, validity and guidance."""
        return self.preset.feature_hw(self.viewport_hw)

    @property
    def reference_feature_hw(self) -> tuple[int, int]:
        """Rows and columns of the reference's features and guidance."""
        return self.preset.feature_hw(self.picture_hw)

    @property
    def num_tokens(self) -> int:
        """Tokens of one latent."""
        rows, columns = self.latent_hw
        return (rows // self.preset.transformer.patch_cells) * (
            columns // self.preset.transformer.patch_cells
        )

    @property
    def latent(self) -> Shape:
        """One latent."""
        return (1, 1, self.preset.autoencoder.latent_channels, *self.latent_hw)

    @property
    def warp(self) -> Shape:
        """The warp's frames."""
        return (1, self._t, 4, *self.viewport_hw)

    @property
    def sampling_map(self) -> Shape:
        """Sampling maps."""
        return (1, self._t, 2, *self.feature_hw)

    @property
    def validity(self) -> Shape:
        """Validity maps."""
        return (1, self._t, NUM_VALIDITY_CHANNELS, *self.feature_hw)

    @property
    def guidance(self) -> Shape:
        """Guidance maps."""
        return (1, self._t, 3, *self.feature_hw)

    @property
    def face(self) -> Shape:
        """Face numbers."""
        return (1, self._t, NUM_FACE_NUMBERS)

    @property
    def condition(self) -> tuple[Shape, Shape, Shape, Shape]:
        """Pose latent, warped latent, validity latent, face tokens."""
        net = self.preset.transformer
        return (
            (1, 1, net.pose_channels, *self.latent_hw),
            self.latent,
            (1, 1, NUM_VALIDITY_CHANNELS * self._t, *self.latent_hw),
            (1, 1, len(FACE_REGIONS) * self._t, net.face_width),
        )

    @property
    def encoder_memory(self) -> Shape:
        """What the encoder remembers of the last frame."""
        return (1, self.preset.autoencoder.encoder_widths[2], *self.latent_hw)

    @property
    def decoder_memory(self) -> Shape:
        """What the decoder remembers of the last latent."""
        return (1, self.preset.autoencoder.decoder_widths[0], *self.latent_hw)

    @property
    def half_features(self) -> Shape:
        """Reference features at half feature size."""
        rows, columns = self.reference_feature_hw
        return (1, self.preset.autoencoder.reference_widths[0], rows // 2, columns // 2)

    @property
    def full_features(self) -> Shape:
        """Reference features at feature size."""
        return (1, self.preset.autoencoder.reference_widths[1], *self.reference_feature_hw)

    @property
    def reference_self(self) -> Shape:
        """Keys and values of all views for Self Attn."""
        return self._keys(self.preset.transformer.depth, self.preset.transformer.max_references)

    @property
    def reference_cross(self) -> Shape:
        """Keys and values of all views for Ref Attn."""
        net = self.preset.transformer
        return self._keys(len(range(0, net.depth, net.reference_every)), net.max_references)

    @property
    def reference_bias(self) -> Shape:
        """Which reference tokens are seen."""
        return (1, self.preset.transformer.max_references * self.num_tokens)

    @property
    def history(self) -> Shape:
        """The ring of past keys and values."""
        return self._keys(self.preset.transformer.depth, self.preset.transformer.num_history)

    @property
    def _t(self) -> int:
        return self.preset.autoencoder.frames_per_latent

    def _keys(self, depth: int, num_latents: int) -> Shape:
        net = self.preset.transformer
        return (depth, 2, 1, net.num_heads, num_latents * self.num_tokens, net.head_size)
