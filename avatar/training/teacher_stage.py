"""Second stage: the teacher, a causal rectified-flow transformer on the autoencoder's latents.

    python -m avatar train teacher --config configs/train_teacher.toml

Three guidance stages after DreamActor-M1 (arXiv 2504.01724): `pose` (body and head guide, the face
is silent), `face` (only the face branch learns), `all`. Noise is per latent, so that one net learns
clean pasts, independent noise (Diffusion Forcing, arXiv 2407.01392) and staircases. The autoencoder
stays as it is.

Shapes as in avatar.model.transformer.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from avatar.config import load_config
from avatar.model.autoencoder import corrected
from avatar.model.checkpoint import load_weights
from avatar.model.encoders import Condition
from avatar.model.network import AvatarNetwork, ModelKind
from avatar.model.presets import ModelPreset, preset_named
from avatar.model.schedule import add_noise
from avatar.model.transformer import DenoisingTransformer, ReferenceCache
from avatar.training.autoencoder_stage import decode
from avatar.training.config import TeacherConfig
from avatar.training.devices import joined_devices
from avatar.training.examples import Batch, driving_of
from avatar.training.loop import Trainer
from avatar.training.losses import velocity_loss
from avatar.training.objective import DrawingObjective, Losses
from avatar.training.rollout import roll_out

POSE, FACE, ALL = "pose", "face", "all"
CLEAN_PAST, INDEPENDENT = 0.5, 0.75
"""Shares of examples with an almost clean past, and up to where noise is independent; the rest is
staircases."""
MAX_PAST_NOISE = 0.25
PURE_NOISE_SHARE = 0.15
"""Latents that start from pure noise: where every stream starts."""
SAME_NOISE_SHARE = 0.5
"""Examples whose latents share one noise, as a calm stream does."""


class TeacherObjective(DrawingObjective):
    """Flow matching with x_0-prediction."""

    kind = "teacher"

    def __init__(self, network: AvatarNetwork, config: TeacherConfig) -> None:
        super().__init__(network, None)
        assert network.transformer is not None
        self.transformer: DenoisingTransformer = network.transformer
        self._config = config
        self._phase = POSE

    def phase_at(self, share: float) -> str:
        """`pose`, then `face`, then `all`."""
        if share < self._config.pose_until:
            return POSE
        return FACE if share < self._config.face_until else ALL

    def begin_phase(self, phase: str) -> None:
        """Freeze the autoencoder, and what the phase leaves alone."""
        self._phase = phase
        self.network.requires_grad_(phase != FACE)
        if phase != POSE:
            self.network.conditioner.face.requires_grad_(True)
            for block in self.transformer.blocks:
                block.face.requires_grad_(True)
        self.network.autoencoder.requires_grad_(False)

    def forward(self, batch: Batch, share: float) -> Losses:
        """Velocity loss at the noise levels that the batch's draws give."""
        clean = true_latents(self.network, batch)
        condition, reference = conditions(self.network, self.transformer, batch)
        condition = self._dropped(condition, batch["flags"])
        timestep = noise_levels(batch)
        noised = add_noise(clean, stream_noise(batch), timestep[..., None, None, None])
        found, _ = self.transformer(
            noised,
            timestep,
            torch.zeros_like(timestep),
            condition,
            reference,
            is_past_seen_BLW=self._seen_past(batch),
        )
        weight = latent_weight(batch, clean)
        total = velocity_loss(found, clean, timestep, weight)
        error = (found.detach() - clean).square().mean()
        return Losses(total, {"clean_error": error})

    def _dropped(self, condition: Condition, flags_BU: Tensor) -> Condition:
        """Silence signals at random (the net learns to do without), the face in the pose stage."""
        parts = []
        for k, part in enumerate(condition):
            is_kept = flags_BU[:, 2 + k] >= self._config.condition_dropout
            if k == 3 and self._phase == POSE:
                is_kept = torch.zeros_like(is_kept)
            parts.append(part * is_kept.to(part.dtype).reshape(-1, *([1] * (part.ndim - 1))))
        return Condition(*parts)

    def _seen_past(self, batch: Batch) -> Tensor:
        """(B, L, W): some examples have no past at all, so that a reset costs nothing."""
        is_seen = batch["flags"][:, 6] >= self._config.history_dropout
        slots = self.transformer.preset.num_history
        return is_seen[:, None, None].expand(-1, batch["times"].shape[1], slots)

    def draw(self, batch: Batch) -> Tensor:
        """As a stream draws: latent after latent, each seeing its own past."""
        driving = driving_of(batch)
        condition, reference = conditions(self.network, self.transformer, batch)
        if self._phase == POSE:
            condition = condition._replace(face_BLTD=torch.zeros_like(condition.face_BLTD))
        latents = roll_out(
            self.transformer,
            condition,
            reference,
            batch["noise"][:, :1],
            num_denoise_steps=self._config.num_sample_steps,
            knows_step_size=False,
        )
        raw = self.network.autoencoder.denormalise(latents)
        decoded, _ = decode(self.network, batch, driving, raw, None)
        return corrected(driving.warp_BF4HW, decoded, trust=True)


def true_latents(network: AvatarNetwork, batch: Batch) -> Tensor:
    """Normalised latents of the true frames."""
    with torch.no_grad():
        return network.autoencoder.normalise(network.autoencoder.encode(batch["target"])[0])


def conditions(
    network: AvatarNetwork, transformer: DenoisingTransformer, batch: Batch
) -> tuple[Condition, ReferenceCache]:
    """What the transformer sees of drivers and references."""
    views = [
        network.reference_condition(
            batch["reference"][:, k],
            batch["reference_guidance"][:, k],
            batch["reference_face"][:, k],
        )
        for k in range(batch["reference"].shape[1])
    ]
    reference = transformer.reference_cache(views, batch["reference_seen"] > 0.5)
    return network.condition(driving_of(batch)), reference


def stream_noise(batch: Batch) -> Tensor:
    """Noise per latent; in half of the examples the same for all of them."""
    is_same = (batch["flags"][:, 7] < SAME_NOISE_SHARE)[:, None, None, None, None]
    return torch.where(is_same, batch["noise"][:, :1], batch["noise"])


def noise_levels(batch: Batch) -> Tensor:
    """Timesteps (B, L) in (0, 1], by the example's pattern."""
    uniform_BL, choice_B1 = batch["times"], batch["flags"][:, :1]
    count = uniform_BL.shape[1]
    # Logit-normal: most of what is to be learned lies at middle noise (Esser et al. 2024).
    rest = (uniform_BL - PURE_NOISE_SHARE) / (1.0 - PURE_NOISE_SHARE)
    normal = torch.erfinv((2.0 * rest - 1.0).clamp(-0.999, 0.999)) * 2.0**0.5
    free = torch.where(rest < 0.0, torch.ones_like(rest), torch.sigmoid(normal))

    first_noisy = (batch["flags"][:, 1:2] * count).long()
    is_past = torch.arange(count, device=free.device)[None] < first_noisy
    clean_past = torch.where(is_past, MAX_PAST_NOISE * uniform_BL, free)

    rise = (torch.arange(count, device=free.device)[None] + 1.0) / count
    staircase = (rise * (0.5 + 0.5 * batch["flags"][:, 1:2])).clamp(max=1.0)
    levels = torch.where(choice_B1 < CLEAN_PAST, clean_past, free)
    levels = torch.where(choice_B1 >= INDEPENDENT, staircase, levels)
    return levels.clamp(min=1e-3)


def latent_weight(batch: Batch, latents_BLCHW: Tensor) -> Tensor:
    """Region weights (B, L, 1, H, W) at the latents' size."""
    batch_size, count = latents_BLCHW.shape[:2]
    rows, columns = latents_BLCHW.shape[-2:]
    weight = batch["weight"]
    pooled = F.adaptive_avg_pool2d(weight.flatten(0, 1), (rows, columns))
    return pooled.reshape(batch_size, count, -1, rows, columns).mean(2, keepdim=True)


def network_after(weights: Path, kind: str, model: ModelKind, preset: ModelPreset) -> AvatarNetwork:
    """A transformer network that begins with what an earlier stage learned.

    From a refiner it takes autoencoder and conditioner, from a transformer everything.
    """
    earlier = AvatarNetwork(preset, model)
    load_weights(earlier, weights, kind=kind, preset=preset)
    if model is ModelKind.TRANSFORMER:
        return earlier
    network = AvatarNetwork(preset, ModelKind.TRANSFORMER)
    network.autoencoder.load_state_dict(earlier.autoencoder.state_dict())
    network.conditioner.load_state_dict(earlier.conditioner.state_dict())
    return network


def train(config_path: Path) -> None:
    """Run the stage that a TOML file describes. Raises ConfigError and AssetError."""
    config = load_config(config_path, TeacherConfig)
    torch.set_num_threads(config.run.num_threads)
    torch.manual_seed(config.run.seed)
    preset = preset_named(config.run.preset)
    network = network_after(config.autoencoder, "refiner", ModelKind.REFINER, preset)
    with joined_devices(config.run.device) as devices:
        Trainer(TeacherObjective(network, config), config.run, devices).run()
