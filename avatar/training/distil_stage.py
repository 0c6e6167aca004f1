"""Third stage: the student of 1, 2 or 4 steps, in the window that it is served with.

    python -m avatar train distil --config configs/train_distil.toml

    shortcut   steps of any size learn to agree with two half ones (Frans et al. 2024, shortcut
               models, arXiv 2410.12557); the smallest come from the frozen teacher
    rollout    the student streams on its own outputs (Self-Forcing, arXiv 2506.08009); the data are
               paired, so that pictures are compared with the truth, and a patch critic sharpens
    decoder    the decoder alone learns the student's latents

Shapes as in avatar.model.transformer.
"""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from torch import Tensor

from avatar.config import load_config
from avatar.model.autoencoder import corrected
from avatar.model.encoders import Condition
from avatar.model.network import AvatarNetwork, ModelKind
from avatar.model.presets import preset_named
from avatar.model.schedule import MIN_TIMESTEP, add_noise
from avatar.model.transformer import DenoisingTransformer, ReferenceCache
from avatar.training.autoencoder_stage import decode
from avatar.training.config import DistilConfig
from avatar.training.critic import PatchCritic, crops, drawing_loss
from avatar.training.devices import joined_devices
from avatar.training.ema import Ema
from avatar.training.examples import Batch, driving_of
from avatar.training.face_features import load_features
from avatar.training.loop import Trainer
from avatar.training.losses import (
    confidence_loss,
    huber,
    per_example,
    picture_loss,
    velocity_loss,
)
from avatar.training.objective import DrawingObjective, Losses
from avatar.training.rollout import roll_out
from avatar.training.teacher_stage import (
    conditions,
    latent_weight,
    network_after,
    noise_levels,
    stream_noise,
    true_latents,
)

SHORTCUT, ROLLOUT, DECODER = "shortcut", "rollout", "decoder"
STEP_SIZES = (0.25, 0.5, 1.0)
SMALLEST_STEP = 0.25
"""Below this, two half steps are the teacher's own."""
HUBER_WIDTH = 0.3


class DistilObjective(DrawingObjective):
    """Losses of the three phases."""

    kind = "student"

    def __init__(self, network: AvatarNetwork, config: DistilConfig) -> None:
        super().__init__(network, PatchCritic() if config.critic.weight > 0 else None)
        assert network.transformer is not None
        self.transformer: DenoisingTransformer = network.transformer
        self._config = config
        self._phase = SHORTCUT
        # Frozen companions: the teacher as it was, and the student's averaged self as target.
        self._teacher = copy.deepcopy(network.transformer).requires_grad_(False)
        self._target = copy.deepcopy(network.transformer).requires_grad_(False)
        self._features = None if config.features is None else load_features(config.features)

    def phase_at(self, share: float) -> str:
        """`shortcut`, `rollout`, `decoder`."""
        if share < self._config.shortcut_until:
            return SHORTCUT
        return ROLLOUT if share < self._config.rollout_until else DECODER

    def begin_phase(self, phase: str) -> None:
        """The autoencoder is still until the decoder's turn, which is the decoder's alone."""
        self._phase = phase
        self.network.requires_grad_(phase != DECODER)
        self.network.autoencoder.requires_grad_(False)
        if phase == DECODER:
            self.network.autoencoder.decoder.requires_grad_(True)
            self.network.autoencoder.reference.requires_grad_(True)

    def begins_averaged(self, phase: str) -> bool:
        """The decoder learns the averaged student's latents: that is what will be shipped."""
        return phase == DECODER

    def after_step(self, ema: Ema) -> None:
        """The target of S2 follows the averaged student."""
        prefix = "transformer."
        with torch.no_grad():
            for name, tensor in self._target.state_dict().items():
                tensor.copy_(ema.tensors[prefix + name])

    def forward(self, batch: Batch, share: float) -> Losses:
        """Losses of the present phase."""
        if self._phase == SHORTCUT:
            return self._shortcut(batch, share)
        return self._streamed(batch, share)

    # -- S2

    def _shortcut(self, batch: Batch, share: float) -> Losses:
        clean = true_latents(self.network, batch)
        condition, reference = conditions(self.network, self.transformer, batch)
        flags, noise = batch["flags"], stream_noise(batch)
        is_long = flags[:, 2] < self._config.consistency_share

        size = self._step_sizes(flags[:, 3], share)
        # A step of size d starts on d's own ladder: 1, 1 - d, ...
        rung = torch.floor(batch["times"] / size[:, None]).clamp(min=0.0)
        on_ladder = (1.0 - rung * size[:, None]).clamp(min=size[:, None])
        timestep = torch.where(is_long[:, None], on_ladder, noise_levels(batch))
        step = torch.where(is_long, size, torch.zeros_like(size))[:, None].expand_as(timestep)
        noised = add_noise(clean, noise, timestep[..., None, None, None])

        wanted = self._two_half_steps(noised, timestep, size, condition, reference)
        wanted = torch.where(is_long[:, None, None, None, None], wanted, clean)
        found, _ = self.transformer(noised, timestep, step, condition, reference)
        weight = latent_weight(batch, clean)
        flow = velocity_loss(found, wanted, timestep, weight)
        scale = timestep.clamp(min=MIN_TIMESTEP)[..., None, None, None]
        agree = per_example(weight * huber((found - wanted) / scale, HUBER_WIDTH))
        total = torch.where(is_long, agree, flow)
        count = is_long.float().sum().clamp(min=1.0)
        return Losses(total, {"agreement": (agree * is_long).sum() / count})

    def _step_sizes(self, uniform_B: Tensor, share: float) -> Tensor:
        """Short steps first, longer ones as the phase goes on."""
        progress = share / max(self._config.shortcut_until, 1e-6)
        allowed = 1 + min(int(progress * len(STEP_SIZES) * 1.5), len(STEP_SIZES) - 1)
        sizes = uniform_B.new_tensor(STEP_SIZES)
        return sizes[(uniform_B * allowed).long().clamp(max=allowed - 1)]

    @torch.no_grad()
    def _two_half_steps(
        self,
        noised: Tensor,
        timestep_BL: Tensor,
        size_B: Tensor,
        condition: Condition,
        reference: ReferenceCache,
    ) -> Tensor:
        """The x_0 that one step of a size must predict to land where two half ones do."""
        half_BL = (0.5 * size_B)[:, None].expand_as(timestep_BL)
        by_teacher = (size_B <= SMALLEST_STEP)[:, None, None, None, None]

        def velocity(x: Tensor, time_BL: Tensor) -> Tensor:
            zero = torch.zeros_like(time_BL)
            slow, _ = self._teacher(x, time_BL, zero, condition, reference)
            fast, _ = self._target(x, time_BL, half_BL, condition, reference)
            divisor = time_BL.clamp(min=MIN_TIMESTEP)[..., None, None, None]
            return (x - torch.where(by_teacher, slow, fast)) / divisor

        first = velocity(noised, timestep_BL)
        middle = noised - half_BL[..., None, None, None] * first
        second = velocity(middle, (timestep_BL - half_BL).clamp(min=MIN_TIMESTEP))
        return noised - timestep_BL[..., None, None, None] * 0.5 * (first + second)

    # -- S3 and S4

    def _streamed(self, batch: Batch, share: float) -> Losses:
        config, driving = self._config, driving_of(batch)
        clean = true_latents(self.network, batch)
        # Every second latent learns, by turns; the past of each is the student's own doing.
        count = batch["times"].shape[1]
        turn = round(share * config.run.num_train_steps) % 2
        trained = range(turn, count, 2) if self._phase == ROLLOUT else None
        latents = self._rolled(batch, trained)
        raw = self.network.autoencoder.denormalise(latents)
        decoded, _ = decode(self.network, batch, driving, raw, None)
        drawn = driving.warp_BF4HW + torch.cat([decoded.rgb_BF3HW, decoded.alpha_BF1HW], 2)
        measure = None if self._features is None else self._features.distance
        picture = picture_loss(
            drawn, batch["target"], batch["weight"], config.picture, distance=measure
        )
        weight = latent_weight(batch, clean)
        latent = per_example(weight * huber(latents - clean, HUBER_WIDTH))
        total = picture + (config.latent * latent if self._phase == ROLLOUT else 0.0)
        losses = Losses(total, {"picture": picture.mean(), "latent": latent.mean()})
        if self._phase == DECODER:  # how far to trust a picture depends on whose latents it shows
            trust = confidence_loss(
                decoded.confidence_BF1hw,
                drawn[:, :, :3].detach(),
                driving.warp_BF4HW[:, :, :3],
                batch["target"][:, :, :3],
            )
            losses.total_B = losses.total_B + config.confidence * trust
            losses.terms["confidence"] = trust.mean()
        if self.critic is not None and share >= config.critic.from_share:
            place = batch["flags"][:, 1:3]
            losses.real_crops = crops(batch["target"], place)
            losses.drawn_crops = crops(drawn, place)
            verdict = drawing_loss(self.critic(losses.drawn_crops))
            losses.total_B = losses.total_B + config.critic.weight * verdict
            losses.terms["verdict"] = verdict.mean()
        return losses

    def _rolled(self, batch: Batch, trained: range | None) -> Tensor:
        condition, reference = conditions(self.network, self.transformer, batch)
        return roll_out(
            self.transformer,
            condition,
            reference,
            batch["noise"][:, :1],
            num_denoise_steps=self._config.num_denoise_steps,
            trained=trained,
        )

    def draw(self, batch: Batch) -> Tensor:
        """As served: the student's own stream."""
        driving = driving_of(batch)
        raw = self.network.autoencoder.denormalise(self._rolled(batch, None))
        decoded, _ = decode(self.network, batch, driving, raw, None)
        return corrected(driving.warp_BF4HW, decoded, trust=True)


def train(config_path: Path) -> None:
    """Run the stage that a TOML file describes. Raises ConfigError and AssetError."""
    config = load_config(config_path, DistilConfig)
    torch.set_num_threads(config.run.num_threads)
    torch.manual_seed(config.run.seed)
    preset = preset_named(config.run.preset)
    network = network_after(config.teacher, "teacher", ModelKind.TRANSFORMER, preset)
    with joined_devices(config.run.device) as devices:
        Trainer(
            DistilObjective(network, config),
            config.run,
            devices,
            critic_rate=config.critic.learning_rate,
        ).run()
