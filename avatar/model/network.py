"""The whole model in one module, and the four graphs that a stream runs.

A graph is a module whose inputs and outputs are plain tensors of fixed shape, in a fixed order, so
that every runtime (eager, compiled, OpenVINO) runs the same thing and differs in nothing else:

    reference   one view of the character -> decoder features, keys and values   (once per view)
    condition   one chunk of driving      -> what the denoiser sees              (once per chunk)
    denoise     one denoise step          -> clean latent, its keys and values   (per step)
    decode      one latent                -> a correction of the warp            (once per chunk)

The refiner takes the place of the transformer in the same graphs (`ModelKind.REFINER`).
Shapes as in avatar.model.transformer; batch 1, one latent, t frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import torch
from torch import Tensor, nn

from avatar.errors import ConfigError
from avatar.model.autoencoder import NUM_VALIDITY, SHOWN, Autoencoder, ReferenceFeatures
from avatar.model.encoders import Condition, Conditioner, Driving, Refiner, normalised_latents
from avatar.model.face_layout import NUM_FACE_NUMBERS
from avatar.model.presets import ModelPreset
from avatar.model.transformer import DenoisingTransformer, History, ReferenceCache

GRAPHS = ("reference", "condition", "denoise", "decode")


class ModelKind(StrEnum):
    """What makes the latents."""

    REFINER = "refiner"
    TRANSFORMER = "transformer"


class AvatarNetwork(nn.Module):
    """Everything with weights. `kind` says which of refiner and transformer exists."""

    def __init__(self, preset: ModelPreset, kind: ModelKind) -> None:
        """Raises ConfigError for a transformer of a preset that corrects only a part."""
        super().__init__()
        if kind is ModelKind.TRANSFORMER and preset.viewport_px != preset.picture_px:
            raise ConfigError(
                f"the preset '{preset.name}' corrects {preset.viewport_px} of "
                f"{preset.picture_px} pixels, which only a refiner can: train a transformer with "
                "another preset."
            )
        self.preset, self.kind = preset, kind
        self.autoencoder = Autoencoder(preset.autoencoder)
        self.conditioner = Conditioner(preset)
        self.refiner = Refiner(preset) if kind is ModelKind.REFINER else None
        self.transformer = DenoisingTransformer(preset) if kind is ModelKind.TRANSFORMER else None

    def warped_latents(self, driving: Driving) -> Tensor:
        """Normalised latents of what the warp drew (no gradient into the encoder)."""
        with torch.no_grad():
            mean, _ = self.autoencoder.encode(driving.warp_BF4HW)
            return self.autoencoder.normalise(mean)

    def condition(self, driving: Driving) -> Condition:
        """What the denoiser sees of a clip."""
        return self.conditioner(driving, self.warped_latents(driving))

    def reference_condition(
        self, picture_B4HW: Tensor, guidance_B3HW: Tensor, face_BM: Tensor
    ) -> Condition:
        """A view of the reference in the form of a condition: itself, wholly visible."""
        t = self.preset.autoencoder.frames_per_latent
        with torch.no_grad():
            latent = self.autoencoder.encode_picture(picture_B4HW)
        validity = guidance_B3HW.new_zeros(
            guidance_B3HW.shape[0], NUM_VALIDITY, *guidance_B3HW.shape[-2:]
        )
        validity[:, SHOWN] = 1.0
        driving = Driving(
            picture_B4HW[:, None],
            picture_B4HW,  # a reference has no map of its own; the conditioner reads none
            _still(validity, t),
            _still(guidance_B3HW, t),
            _still(face_BM, t),
        )
        return self.conditioner(driving, latent[:, None])


def _still(x: Tensor, num_frames: int) -> Tensor:
    return x[:, None].expand(-1, num_frames, *x.shape[1:])


class ReferenceGraph(nn.Module):
    """(picture_14HW, guidance_13HW, face_1M, view_R) to (half, full, self, cross)."""

    def __init__(self, network: AvatarNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, picture_14HW: Tensor, guidance_13HW: Tensor, face_1M: Tensor, view_R: Tensor
    ) -> tuple[Tensor, ...]:
        """Decoder features, then keys and values (none for a refiner)."""
        network = self.network
        features = network.autoencoder.reference(picture_14HW)
        if network.transformer is None:
            return features.half_BCHW, features.full_BCHW
        condition = network.reference_condition(picture_14HW, guidance_13HW, face_1M)
        for_self, for_cross = network.transformer.remember_view(condition, view_R)
        return features.half_BCHW, features.full_BCHW, for_self, for_cross


class ConditionGraph(nn.Module):
    """(warp, validity, guidance, face, memory) to (pose, warped, validity, face tokens, memory)."""

    def __init__(self, network: AvatarNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, warp: Tensor, validity: Tensor, guidance: Tensor, face: Tensor, memory: Tensor
    ) -> tuple[Tensor, ...]:
        """The condition of one chunk and the encoder's memory for the next."""
        ae = self.network.autoencoder
        warped, memory = normalised_latents(ae.encoder, warp, memory, ae.latent_mean, ae.latent_std)
        driving = Driving(warp, validity, validity, guidance, face)
        return *self.network.conditioner(driving, warped), memory


class DenoiseGraph(nn.Module):
    """(noised, timestep, step, condition x 4, reference x 3, history x 3) to (clean, kept)."""

    def __init__(self, network: AvatarNetwork) -> None:
        super().__init__()
        assert network.transformer is not None
        self.transformer = network.transformer

    def forward(self, *tensors: Tensor) -> tuple[Tensor, Tensor]:
        """Clean latent and its keys and values."""
        noised, timestep, step_size = tensors[:3]
        return self.transformer(
            noised,
            timestep,
            step_size,
            Condition(*tensors[3:7]),
            ReferenceCache(*tensors[7:10]),
            History(*tensors[10:13]),
        )


class RefineGraph(nn.Module):
    """(condition x 4) to the latent: the refiner needs neither noise nor past."""

    def __init__(self, network: AvatarNetwork) -> None:
        super().__init__()
        assert network.refiner is not None
        self.refiner = network.refiner

    def forward(self, *tensors: Tensor) -> tuple[Tensor]:
        """Clean latent."""
        return (self.refiner(Condition(*tensors)),)


class DecodeGraph(nn.Module):
    """(latent, memory, warp, map, validity, half, full) to (rgb, alpha, trust, memory)."""

    def __init__(self, network: AvatarNetwork) -> None:
        super().__init__()
        self.autoencoder = network.autoencoder

    def forward(
        self,
        latent: Tensor,
        memory: Tensor,
        warp: Tensor,
        sampling_map: Tensor,
        validity: Tensor,
        half: Tensor,
        full: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Corrections of the chunk's frames; trust per cell, 0..1."""
        decoded, _, memory = self.autoencoder.decoder(
            self.autoencoder.denormalise(latent),
            memory,
            warp,
            sampling_map,
            validity,
            ReferenceFeatures(half, full),
        )
        return decoded.rgb_BF3HW, decoded.alpha_BF1HW, decoded.trust_BF1hw, memory


def stream_graphs(network: AvatarNetwork) -> dict[str, nn.Module]:
    """The graphs of a network by name."""
    latents: nn.Module
    if network.kind is ModelKind.TRANSFORMER:
        latents = DenoiseGraph(network)
    else:
        latents = RefineGraph(network)
    return {
        "reference": ReferenceGraph(network),
        "condition": ConditionGraph(network),
        "denoise": latents,
        "decode": DecodeGraph(network),
    }


def example_inputs(
    preset: ModelPreset, kind: ModelKind, picture_hw: tuple[int, int]
) -> dict[str, Sequence[Tensor]]:
    """Random inputs of every graph in their fixed shapes: for tracing, warm-up and parity."""
    from avatar.model.shapes import StreamShapes

    shapes = StreamShapes(preset, picture_hw)
    generator = torch.Generator().manual_seed(0)

    def noise(shape: Sequence[int]) -> Tensor:
        return 0.5 * torch.randn(tuple(shape), generator=generator)

    condition = [noise(shape) for shape in shapes.condition]
    view = torch.zeros(preset.transformer.max_references)
    view[0] = 1.0
    denoise = list(condition)
    if kind is ModelKind.TRANSFORMER:
        denoise = [
            noise(shapes.latent),
            torch.full((1, 1), 0.5),
            torch.full((1, 1), 0.5),
            *condition,
            noise(shapes.reference_self),
            noise(shapes.reference_cross),
            torch.zeros(shapes.reference_bias),
            noise(shapes.history),
            torch.arange(preset.transformer.num_history, dtype=torch.float32),
            torch.zeros(1, preset.transformer.num_history),
        ]
    return {
        "reference": [
            noise((1, 4, *picture_hw)).clamp(-1, 1),
            noise((1, 3, *shapes.reference_feature_hw)).clamp(0, 1),
            noise((1, NUM_FACE_NUMBERS)),
            view,
        ],
        "condition": [
            noise(shapes.warp).clamp(-1, 1),
            noise(shapes.validity),
            noise(shapes.guidance),
            noise(shapes.face),
            noise(shapes.encoder_memory),
        ],
        "denoise": denoise,
        "decode": [
            noise(shapes.latent),
            noise(shapes.decoder_memory),
            noise(shapes.warp).clamp(-1, 1),
            noise(shapes.sampling_map),
            noise(shapes.validity),
            noise(shapes.half_features),
            noise(shapes.full_features),
        ],
    }
