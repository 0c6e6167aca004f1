"""First stage: the autoencoder and the refiner, a learned correction of the warp.

    python -m avatar train autoencoder --config configs/train_autoencoder.toml
    torchrun --nproc-per-node 8 -m avatar train autoencoder --config ...    (several GPUs)

Two phases. `reconstruct`: latents of the true frames decode to the true frames. `refine`: the
encoder is frozen and its latents brought to unit variance; the refiner learns to predict them from
the warp and the guidance, and decoder and refiner together learn to draw without seeing the truth.
What comes out animates by itself, and is what teacher and student build on. With `refine_from = 0`
there is one phase, `serve`: everything learns end to end to draw from the warp, and what comes out
is only served.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from avatar.config import load_config
from avatar.model.autoencoder import Decoded, corrected, uncut
from avatar.model.checkpoint import load_weights
from avatar.model.encoders import Driving
from avatar.model.network import AvatarNetwork, ModelKind
from avatar.model.presets import preset_named
from avatar.training.config import AutoencoderConfig
from avatar.training.critic import PatchCritic, crops, drawing_loss
from avatar.training.devices import joined_devices
from avatar.training.ema import Ema
from avatar.training.examples import Batch, driving_of
from avatar.training.face_features import load_features
from avatar.training.loop import Trainer
from avatar.training.losses import (
    confidence_loss,
    excess,
    flow_roughness,
    huber,
    kl_to_unit,
    per_example,
    picture_loss,
)
from avatar.training.objective import DrawingObjective, Losses

RECONSTRUCT, REFINE, SERVE = "reconstruct", "refine", "serve"
HUBER_WIDTH = 0.3
LATENT_RANGE, LATENT_PULL = 4.0, 0.1
"""Latents of the `serve` phase that leave this range are pulled back. Left alone they grew to 140,
where the decoder's first layers answer nothing: what drives the face no longer reached the picture
(docs/LOG.md, 22 November)."""
WARP_FLOOR = 0.05
"""Added to the warp's loss, of which a served picture's is a share: no example outweighs all."""


class AutoencoderObjective(DrawingObjective):
    """Losses of both phases."""

    kind = "refiner"

    def __init__(self, network: AvatarNetwork, config: AutoencoderConfig) -> None:
        super().__init__(network, PatchCritic() if config.critic.weight > 0 else None)
        assert network.refiner is not None
        self._refiner = network.refiner
        self._features = None if config.features is None else load_features(config.features)
        self._config = config
        self._phase = RECONSTRUCT

    def phase_at(self, share: float) -> str:
        """`reconstruct` first, `refine` after; or `serve` from the start."""
        if self._config.refine_from == 0:
            return SERVE
        return RECONSTRUCT if share < self._config.refine_from else REFINE

    def begin_phase(self, phase: str) -> None:
        """Freeze what a phase must not move."""
        self._phase = phase
        self.network.requires_grad_(phase != RECONSTRUCT)
        self.network.autoencoder.requires_grad_(True)
        self.network.autoencoder.encoder.requires_grad_(phase != REFINE)

    def begins_averaged(self, phase: str) -> bool:
        """The encoder is fixed at its averaged weights."""
        return phase == REFINE

    @torch.no_grad()
    def enter_phase(self, phase: str, ema: Ema, calibration: list[Batch]) -> None:
        """Measure the scale of the fixed encoder's latents."""
        if phase != REFINE:
            return
        autoencoder = self.network.autoencoder
        latents = torch.cat([autoencoder.encode(batch["target"])[0] for batch in calibration])
        by_channel = latents.transpose(0, 2).flatten(1)
        autoencoder.latent_mean.copy_(by_channel.mean(1))
        autoencoder.latent_std.copy_(by_channel.std(1).clamp(min=1e-3))
        ema.tensors["autoencoder.latent_mean"].copy_(autoencoder.latent_mean)
        ema.tensors["autoencoder.latent_std"].copy_(autoencoder.latent_std)

    def forward(self, batch: Batch, share: float) -> Losses:
        """Losses of the present phase."""
        if self._phase == REFINE:
            return self._refine(batch, share)
        if self._phase == SERVE:
            return self._serve(batch, share)
        return self._reconstruct(batch, share)

    def _serve(self, batch: Batch, share: float) -> Losses:
        network, driving = self.network, driving_of(batch)
        mean, _ = network.autoencoder.encode(driving.warp_BF4HW)
        condition = network.conditioner(driving, network.autoencoder.normalise(mean))
        latents = network.autoencoder.denormalise(self._refiner(condition))
        losses = self._picture(batch, driving, latents, share)[0]
        beyond = excess(latents, LATENT_RANGE)
        losses.total_B = losses.total_B + LATENT_PULL * beyond
        losses.terms["latents_beyond"] = beyond.mean()
        return losses

    def _reconstruct(self, batch: Batch, share: float) -> Losses:
        driving = driving_of(batch)
        mean, log_variance = self.network.autoencoder.encode(batch["target"])
        spread = torch.exp(0.5 * log_variance) + self._config.latent_noise
        latents = mean + spread * batch["latent_noise"]
        losses, _ = self._picture(batch, driving, latents, share)
        kl = kl_to_unit(mean, log_variance)
        losses.total_B = losses.total_B + self._config.kl * kl
        losses.terms["kl"] = kl.mean()
        return losses

    def _refine(self, batch: Batch, share: float) -> Losses:
        network, driving = self.network, driving_of(batch)
        with torch.no_grad():
            wanted = network.autoencoder.normalise(network.autoencoder.encode(batch["target"])[0])
        condition = network.conditioner(driving, network.warped_latents(driving))
        found = self._refiner(condition)
        losses, _ = self._picture(batch, driving, network.autoencoder.denormalise(found), share)
        latent = per_example(huber(found - wanted, HUBER_WIDTH))
        # The decoder must not forget true latents: the transformer's will come close to them.
        noisy = wanted + self._config.latent_noise * batch["latent_noise"]
        again, _ = self._picture(batch, driving, network.autoencoder.denormalise(noisy), 0.0)
        losses.total_B = losses.total_B + latent + 0.3 * again.total_B
        losses.terms.update({"latent": latent.mean(), "true_latent": again.terms["picture"]})
        return losses

    def _picture(
        self, batch: Batch, driving: Driving, latents: Tensor, share: float
    ) -> tuple[Losses, Tensor]:
        """Decode raw latents and compare with the truth."""
        config, target = self._config, batch["target"]
        is_kept = (batch["flags"][:, 0] >= config.reference_dropout).float()
        decoded, flow = decode(self.network, batch, driving, latents, is_kept)
        # Unclamped: a colour beyond the range must be pulled back, not ignored.
        drawn = uncut(driving.warp_BF4HW, decoded, trust=False)
        # What is served must be right; an autoencoder must be right by itself.
        shown = uncut(driving.warp_BF4HW, decoded, trust=True) if self._phase == SERVE else drawn
        kept = driving.warp_BF4HW if self._phase == SERVE else None
        measure = None if self._features is None else self._features.distance
        picture = picture_loss(shown, target, batch["weight"], config.picture, kept, measure)
        rough = flow_roughness(flow, target.shape[0])
        trust = confidence_loss(
            decoded.confidence_BF1hw,
            drawn[:, :, :3].detach(),
            driving.warp_BF4HW[:, :, :3],
            target[:, :, :3],
        )
        terms = {"picture": picture.mean(), "roughness": rough.mean(), "confidence": trust.mean()}
        if kept is not None:
            with torch.no_grad():
                warps = picture_loss(kept, target, batch["weight"], config.picture, kept, measure)
            # Decibels are ratios: a calm face counts as much as a torn profile.
            picture = picture / (warps + WARP_FLOOR)
            terms["to_warp"] = picture.mean()
        losses = Losses(picture + config.roughness * rough + config.confidence * trust, terms)
        if self.critic is not None and share >= config.critic.from_share:
            place = batch["flags"][:, 1:3]
            losses.real_crops = crops(target, place)
            losses.drawn_crops = crops(shown, place)
            verdict = drawing_loss(self.critic(losses.drawn_crops))
            losses.total_B = losses.total_B + config.critic.weight * verdict
            losses.terms["verdict"] = verdict.mean()
        return losses, drawn

    def draw(self, batch: Batch) -> Tensor:
        """Through the refiner once it learns; before that, through true latents."""
        network, driving = self.network, driving_of(batch)
        if self._phase != RECONSTRUCT:
            latents = network.autoencoder.denormalise(self._refiner(network.condition(driving)))
        else:
            latents = network.autoencoder.encode(batch["target"])[0]
        decoded, _ = decode(network, batch, driving, latents, None)
        return corrected(driving.warp_BF4HW, decoded, trust=True)


def decode(
    network: AvatarNetwork,
    batch: Batch,
    driving: Driving,
    latents_BLCHW: Tensor,
    is_kept_B: Tensor | None,
) -> tuple[Decoded, Tensor]:
    """Decode raw latents of a whole clip from its start; (correction, map correction).

    `is_kept_B` silences the reference's features of some examples.
    """
    autoencoder = network.autoencoder
    features = autoencoder.reference(batch["reference"][:, 0])
    if is_kept_B is not None:
        kept = is_kept_B[:, None, None, None]
        features = type(features)(features.half_BCHW * kept, features.full_BCHW * kept)
    memory = autoencoder.decoder.empty_memory(
        latents_BLCHW.shape[0], (latents_BLCHW.shape[-2], latents_BLCHW.shape[-1])
    )
    decoded, flow, _ = autoencoder.decoder(
        latents_BLCHW,
        memory,
        driving.warp_BF4HW,
        driving.map_BF2HW,
        driving.validity_BFVHW,
        features,
    )
    return decoded, flow


def train(config_path: Path) -> None:
    """Run the stage that a TOML file describes. Raises ConfigError and AssetError."""
    config = load_config(config_path, AutoencoderConfig)
    torch.set_num_threads(config.run.num_threads)
    torch.manual_seed(config.run.seed)
    preset = preset_named(config.run.preset)
    network = AvatarNetwork(preset, ModelKind.REFINER)
    if config.start_from is not None:
        kind = AutoencoderObjective.kind
        load_weights(network, config.start_from, kind=kind, preset=preset)
    with joined_devices(config.run.device) as devices:
        Trainer(
            AutoencoderObjective(network, config),
            config.run,
            devices,
            critic_rate=config.critic.learning_rate,
        ).run()
