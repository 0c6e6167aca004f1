"""The causal, reference-conditioned autoencoder: pictures <-> latents, as a correction of the warp.

The decoder starts from what the classical warp drew and from reference features warped by the same
map (plus a learned correction of the map, with occlusion), and adds what the latent codes. An
untrained decoder adds nothing: it IS the warp. What no reference shows (teeth, opened eyes, the far
cheek, the background behind a head that moved) has to come from the latent.

Causal: a latent codes `t` frames and sees one frame of the past (encoder) or the latent before it
(decoder); the memory that carries this is one small tensor each, so that a stream equals a clip.

Shapes: B batch, L latents, F = L * t frames, C channels, H, W cells or pixels (h, w cells
beside pixels); 4 = red, green, blue in [-1, 1] and alpha in [0, 1]; 2 = sampling map (see
avatar.model.sampling); V validity channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avatar.model.layers import Conv, ResBlock, Upsample, blocks, zero_init
from avatar.model.presets import AutoencoderPreset
from avatar.model.sampling import halve, sample

NUM_VALIDITY = 4
"""Channels that tell how far to trust the warp: surface that the reference shows, stretch, what the
warp drew itself (eyes and the inside of the mouth), and how far it moved what is here."""
SHOWN, DRAWN, MOVED = 0, 2, 3
"""Channels by name."""
GATE_POWER = 0.2
"""Of what has not moved: a cell is corrected from some seven pixels of 256 on, `MOVED` says so from
three. Chosen with trained weights on people never trained on (docs/LOG.md)."""
MAX_CORRECTION = 0.25
"""Largest learned correction of the map, in its own units (2 is the whole picture)."""
LOG_VARIANCE_RANGE = (-12.0, 4.0)
FIRST_LOG_VARIANCE = -5.0
"""Latents begin far more certain than the unit Gaussian: at its noise the decoder would learn to
ignore them before the encoder has anything to say."""


class ReferenceFeatures(NamedTuple):
    """What the decoder remembers of the reference: half and full feature size."""

    half_BCHW: Tensor
    full_BCHW: Tensor


class Decoded(NamedTuple):
    """A correction of the warp, per pixel, and how far to believe it, per cell."""

    rgb_BF3HW: Tensor
    """To be added to the warp's colours."""
    alpha_BF1HW: Tensor
    """To be added to the warp's coverage."""
    confidence_BF1hw: Tensor
    """Logit of the belief that adding the colours brings the picture closer to the truth."""
    gate_BF1hw: Tensor
    """0..1: the largest share that may be shown, see `gate`."""

    @property
    def trust_BF1hw(self) -> Tensor:
        """Share of the correction that is shown, per cell; enlarged bilinearly."""
        return torch.sigmoid(self.confidence_BF1hw) * self.gate_BF1hw


class Encoder(nn.Module):
    """Frames to latents: mean and log-variance of a Gaussian."""

    def __init__(self, preset: AutoencoderPreset) -> None:
        super().__init__()
        self.preset = preset
        patch = preset.first_patch_px
        first, second, third = preset.encoder_widths
        self.trunk = nn.Sequential(
            nn.PixelUnshuffle(patch),
            Conv(4 * patch * patch, first, preset.joint_size),
            ResBlock(first),
            Conv(first, second, stride=2),
            ResBlock(second),
            Conv(second, third, stride=2),
            ResBlock(third),
        )
        self.merge = Conv(third * (preset.frames_per_latent + 1), third)
        last = Conv(third, 2 * preset.latent_channels, 1)
        with torch.no_grad():
            last.weight[preset.latent_channels :] *= 0.05
            assert last.bias is not None
            last.bias[preset.latent_channels :] = FIRST_LOG_VARIANCE
        self.tail = nn.Sequential(ResBlock(third), nn.SiLU(), last)

    def empty_memory(self, batch: int, latent_hw: tuple[int, int]) -> Tensor:
        """Memory of a stream that has just begun."""
        weight = self.merge.weight
        return weight.new_zeros(batch, self.preset.encoder_widths[2], *latent_hw)

    def forward(self, frames_BF4HW: Tensor, memory_BCHW: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return (mean_BLCHW, log_variance_BLCHW, memory_BCHW for what follows)."""
        batch, num_frames = frames_BF4HW.shape[:2]
        t = self.preset.frames_per_latent
        features = self.trunk(frames_BF4HW.flatten(0, 1))
        height, width = features.shape[-2:]
        features_BLtCHW = features.reshape(batch, num_frames // t, t, -1, height, width)
        last_BLCHW = features_BLtCHW[:, :, -1]
        before = torch.cat([memory_BCHW[:, None], last_BLCHW[:, :-1]], 1)
        merged = torch.cat([before[:, :, None], features_BLtCHW], 2).flatten(0, 1).flatten(1, 2)
        moments = self.tail(self.merge(merged))
        mean, log_variance = moments.reshape(batch, -1, *moments.shape[1:]).chunk(2, 2)
        return mean, log_variance.clamp(*LOG_VARIANCE_RANGE), last_BLCHW[:, -1]


class ReferenceEncoder(nn.Module):
    """The reference's own features, computed once per character."""

    def __init__(self, preset: AutoencoderPreset) -> None:
        super().__init__()
        patch = preset.first_patch_px
        half, full = preset.reference_widths
        self.to_full = nn.Sequential(
            nn.PixelUnshuffle(patch),
            Conv(4 * patch * patch, full, preset.joint_size),
            ResBlock(full),
        )
        self.to_half = nn.Sequential(nn.SiLU(), Conv(full, half, stride=2), ResBlock(half))

    def forward(self, reference_B4HW: Tensor) -> ReferenceFeatures:
        """Features at half and at full feature size."""
        full = self.to_full(reference_B4HW)
        return ReferenceFeatures(self.to_half(full), full)


class Decoder(nn.Module):
    """Latents to corrections of the warp."""

    def __init__(self, preset: AutoencoderPreset) -> None:
        super().__init__()
        self.preset = preset
        patch, t = preset.first_patch_px, preset.frames_per_latent
        low, mid, high = preset.decoder_widths
        half, full = preset.reference_widths
        num_low, num_mid, num_high = preset.decoder_blocks
        self.enter = Conv(preset.latent_channels, low)
        self.remember = Conv(2 * low, low)
        self.low = blocks(low, num_low)
        self.grow = Upsample(low, mid, copies=t)
        self.flow = zero_init(Conv(mid + NUM_VALIDITY, 3))
        joint = preset.joint_size
        num_coarse = 16 * patch * patch
        self.fuse_mid = Conv(mid + half + NUM_VALIDITY + num_coarse, mid, joint)
        with torch.no_grad():  # the warp's pixels come in later: so many would drown the rest
            self.fuse_mid.weight[:, -num_coarse:].zero_()
            nn.init.kaiming_normal_(self.fuse_mid.weight[:, :-num_coarse], nonlinearity="relu")
        self.mid = blocks(mid, num_mid)
        self.rise = Upsample(mid, high)
        self.fuse_high = Conv(high + full + NUM_VALIDITY + 4 * patch * patch, high, joint)
        self.high = blocks(high, num_high)
        self.leave = zero_init(Conv(high, 4 * patch * patch + 1))

    def empty_memory(self, batch: int, latent_hw: tuple[int, int]) -> Tensor:
        """Memory of a stream that has just begun."""
        weight = self.enter.weight
        return weight.new_zeros(batch, self.preset.decoder_widths[0], *latent_hw)

    def forward(
        self,
        latents_BLCHW: Tensor,
        memory_BCHW: Tensor,
        warp_BF4HW: Tensor,
        map_BF2HW: Tensor,
        validity_BFVHW: Tensor,
        features: ReferenceFeatures,
    ) -> tuple[Decoded, Tensor, Tensor]:
        """Return (correction, map correction (B * F, 3, H, W), memory_BCHW for what follows).

        Maps and validity have feature size (picture / first_patch_px).
        """
        batch, num_latents = latents_BLCHW.shape[:2]
        num_frames = warp_BF4HW.shape[1]
        entered = self.enter(latents_BLCHW.flatten(0, 1))
        entered_BLCHW = entered.reshape(batch, num_latents, *entered.shape[1:])
        before = torch.cat([memory_BCHW[:, None], entered_BLCHW[:, :-1]], 1).flatten(0, 1)
        x = entered + self.remember(F.silu(torch.cat([entered, before], 1)))
        x = self.grow(F.silu(self.low(x)))

        full_map, full_validity = map_BF2HW.flatten(0, 1), validity_BFVHW.flatten(0, 1)
        validity = halve(full_validity)
        flow = self.flow(torch.cat([F.silu(x), validity], 1))
        shift, occlusion = MAX_CORRECTION * torch.tanh(flow[:, :2]), torch.sigmoid(flow[:, 2:])
        looked = sample(_per_frame(features.half_BCHW, num_frames), halve(full_map) + shift)
        frames, patch = warp_BF4HW.flatten(0, 1), self.preset.first_patch_px
        coarse = F.pixel_unshuffle(frames, 2 * patch)
        x = self.mid(self.fuse_mid(torch.cat([x, occlusion * looked, validity, coarse], 1)))

        x = self.rise(F.silu(x))
        shift, occlusion = _doubled(shift), _doubled(occlusion)
        looked = sample(_per_frame(features.full_BCHW, num_frames), full_map + shift)
        drawn = F.pixel_unshuffle(frames, patch)
        x = self.fuse_high(torch.cat([x, occlusion * looked, full_validity, drawn], 1))
        out = self.leave(F.silu(self.high(x)))
        colours = F.pixel_shuffle(out[:, :-1], patch)
        colours_BF4HW = colours.reshape(batch, num_frames, *colours.shape[1:])
        decoded = Decoded(
            colours_BF4HW[:, :, :3],
            colours_BF4HW[:, :, 3:],
            out[:, -1:].reshape(batch, num_frames, 1, *out.shape[-2:]),
            gate(validity_BFVHW),
        )
        return decoded, flow, entered_BLCHW[:, -1]


def gate(validity_BFVhw: Tensor) -> Tensor:
    """(B, F, 1, h, w) the largest share of a correction that may be shown; it has no weights.

    Where the warp did not move anything it is the reference itself, and what it painted between
    lips and lids after the camera is better than the model knows it: neither is corrected
    (docs/LOG.md).
    """
    still = (1.0 - validity_BFVhw[:, :, MOVED : MOVED + 1]).clamp(1e-4, 1.0)
    drawn = validity_BFVhw[:, :, DRAWN : DRAWN + 1].clamp(0.0, 1.0)
    return (1.0 - still**GATE_POWER) * (1.0 - drawn)


def _doubled(x_BCHW: Tensor) -> Tensor:
    return F.interpolate(x_BCHW, scale_factor=2.0, mode="bilinear", align_corners=False)


def _per_frame(features_BCHW: Tensor, num_frames: int) -> Tensor:
    """Each picture's features once per frame: (B, C, H, W) to (B * F, C, H, W)."""
    batch = features_BCHW.shape[0]
    expanded = features_BCHW[:, None].expand(batch, num_frames, *features_BCHW.shape[1:])
    return expanded.reshape(-1, *features_BCHW.shape[1:])


def corrected(warp_BF4HW: Tensor, decoded: Decoded, *, trust: bool = False) -> Tensor:
    """The finished frames (B, F, 4, H, W): warp plus correction, in range.

    `trust`: let the model's confidence hand a pixel over to the warp, as the stream does; training
    and the progress metric judge the correction itself.
    """
    drawn = uncut(warp_BF4HW, decoded, trust=trust)
    return torch.cat([drawn[:, :, :3].clamp(-1.0, 1.0), drawn[:, :, 3:].clamp(0.0, 1.0)], 2)


def uncut(warp_BF4HW: Tensor, decoded: Decoded, *, trust: bool) -> Tensor:
    """As `corrected`, but out of range where the correction is: losses must see how far."""
    correction = torch.cat([decoded.rgb_BF3HW, decoded.alpha_BF1HW], 2)
    if trust:
        correction = correction * enlarged(decoded.trust_BF1hw, warp_BF4HW.shape[-2:])
    return warp_BF4HW + correction


def enlarged(cells_BFChw: Tensor, hw: Sequence[int]) -> Tensor:
    """Values of cells at every pixel, bilinear: (B, F, C, H, W)."""
    big = F.interpolate(
        cells_BFChw.flatten(0, 1), size=tuple(hw), mode="bilinear", align_corners=False
    )
    return big.reshape(*cells_BFChw.shape[:3], *hw)


class Autoencoder(nn.Module):
    """Encoder, reference features and decoder, and the scale of their latents."""

    latent_mean: Tensor
    latent_std: Tensor

    def __init__(self, preset: AutoencoderPreset) -> None:
        super().__init__()
        self.preset = preset
        self.encoder = Encoder(preset)
        self.reference = ReferenceEncoder(preset)
        self.decoder = Decoder(preset)
        # Measured at the end of the stage; the transformer works on latents of unit variance.
        self.register_buffer("latent_mean", torch.zeros(preset.latent_channels))
        self.register_buffer("latent_std", torch.ones(preset.latent_channels))

    def normalise(self, latents_BLCHW: Tensor) -> Tensor:
        """Raw latents to zero mean and unit variance per channel."""
        return (latents_BLCHW - self.latent_mean[:, None, None]) / self.latent_std[:, None, None]

    def denormalise(self, latents_BLCHW: Tensor) -> Tensor:
        """The inverse of `normalise`."""
        return latents_BLCHW * self.latent_std[:, None, None] + self.latent_mean[:, None, None]

    def encode(self, frames_BF4HW: Tensor) -> tuple[Tensor, Tensor]:
        """(mean, log-variance) of a clip's raw latents."""
        factor = self.preset.spatial_factor
        latent_hw = (frames_BF4HW.shape[-2] // factor, frames_BF4HW.shape[-1] // factor)
        memory = self.encoder.empty_memory(frames_BF4HW.shape[0], latent_hw)
        mean, log_variance, _ = self.encoder(frames_BF4HW, memory)
        return mean, log_variance

    def encode_picture(self, picture_B4HW: Tensor) -> Tensor:
        """Normalised latent (B, C, H, W) of a still: a clip of equal frames."""
        t = self.preset.frames_per_latent
        still = picture_B4HW[:, None].expand(-1, t, -1, -1, -1)
        return self.normalise(self.encode(still)[0])[:, 0]
