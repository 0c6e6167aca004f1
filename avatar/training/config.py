"""What a training run is told: sections of the stages' configurations. Numbers only."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from avatar.training.losses import PictureWeights


@dataclass(kw_only=True, frozen=True)
class SourceConfig:
    """One source of people."""

    kind: Literal["toy", "shards", "rendered", "records"]
    """toy: procedural, needs nothing. shards: prepared by `python -m avatar train prepare`.
    rendered: the data engine, streamed from memory. records: examples made beforehand by
    `python -m avatar train record`."""
    share: float = 1.0
    """Part of the examples, relative to the other sources."""
    path: Path | None = None
    """Folder of shards or records."""


@dataclass(kw_only=True, frozen=True)
class DataConfig:
    """What is learned from, and what is only judged on."""

    sources: tuple[SourceConfig, ...] = (SourceConfig(kind="toy"),)
    num_frames: int = 8
    """Frames per example; a multiple of the preset's frames per latent."""
    num_references: int = 2
    """Views of the reference per example, at most the preset's."""
    jitter: float = 0.004
    """Tracker noise per frame, inter-ocular units."""
    bias: float = 0.008
    """Tracker noise per clip, inter-ocular units."""
    cross_share: float = 0.0
    """Of the people who have a double: examples in which the double drives, retargeted as in a
    stream, and the truth is the person's own. What is learned is not to show the driver's face."""
    pool: int | None = None
    """Different examples in all, kept in memory and repeated; not given: each one is new. For
    machines on which making examples costs more than training on them."""
    num_workers: int = 0
    """Processes that make examples ahead; 0 makes them in the trainer itself."""
    num_held_out: int = 16
    """Examples of people never trained on, by which progress is judged."""
    judged: tuple[SourceConfig, ...] = ()
    """What progress is judged on, the first above all; not given: the sources' held-out people."""
    crop_px: int | None = None
    """Side of the part of each picture that is trained on, mostly of the face; a multiple of the
    preset's `size_multiple`. Not given: whole pictures."""
    colour_jitter: float = 0.0
    """By how much colours are dimmed at most, the same in reference, warp and truth; 0..1."""


@dataclass(kw_only=True, frozen=True)
class OptimiserConfig:
    """AdamW with warm-up and cosine decay."""

    learning_rate: float = 8e-4
    weight_decay: float = 0.01
    beta1: float = 0.9
    beta2: float = 0.95
    num_warmup_steps: int = 100
    final_share: float = 0.05
    """Learning rate at the end, as a share of the highest."""
    gradient_clip: float = 0.5
    """Largest norm of the gradient: one odd batch must not throw the run."""


@dataclass(kw_only=True, frozen=True)
class RunConfig:
    """Everything a stage shares with the others."""

    output: Path
    """Folder for the log, checkpoints, previews and weights; an interrupted run goes on from it."""
    preset: str
    num_train_steps: int
    picture_px: int | None = None
    """Side of the pictures trained on; the preset's own where not given. Networks are trained
    faster on smaller pictures first."""
    batch_size: int = 8
    """Examples per train step, over all devices together."""
    seed: int = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["f32", "bf16"] = "f32"
    """bf16 computes in bfloat16 where that is safe (autocast); weights stay float32."""
    num_threads: int = 1
    """CPU threads of each process."""
    is_sharded: bool = False
    """Under torchrun, spread parameters, optimiser state and averages over the devices (FSDP2)
    instead of holding copies: for presets that are too large for one."""
    ema_decay: float = 0.999
    log_every: int = 10
    save_every: int = 200
    evaluate_every: int = 200
    data: DataConfig = field(default_factory=DataConfig)
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)

    def __post_init__(self) -> None:
        for name in ("num_train_steps", "batch_size", "num_threads", "log_every", "save_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} = {getattr(self, name)}: must be at least 1.")
        if not 0.0 <= self.ema_decay < 1.0:
            raise ValueError(f"ema_decay = {self.ema_decay}: must be from 0 to below 1.")


@dataclass(kw_only=True, frozen=True)
class CriticConfig:
    """The patch critic of the later part of a stage."""

    weight: float = 0.0
    """Of its verdict in the drawing net's loss; 0 trains without a critic."""
    from_share: float = 0.6
    """Share of the run after which it takes part."""
    learning_rate: float = 2e-4


@dataclass(kw_only=True, frozen=True)
class AutoencoderConfig:
    """`python -m avatar train autoencoder`."""

    run: RunConfig
    picture: PictureWeights = field(default_factory=PictureWeights)
    features: Path | None = None
    """Weights of `train features`, which `picture.perceptual` needs."""
    critic: CriticConfig = field(default_factory=CriticConfig)
    refine_from: float = 0.5
    """Share of the run after which the encoder is frozen, latents are normalised, and refiner,
    decoder and conditioner learn to do without the target. 0 trains everything end to end from the
    warp alone: a refiner to be served, not an autoencoder to build a teacher on."""
    kl: float = 1e-6
    roughness: float = 0.05
    """Of the learned correction of the map."""
    confidence: float = 0.1
    latent_noise: float = 0.1
    """Noise on latents before decoding: a denoiser is never exact."""
    reference_dropout: float = 0.15
    """Examples whose reference features are silenced: the latent must carry everything."""
    start_from: Path | None = None
    """Weights of the same preset to begin with (a refiner's, published or a run's); not given:
    random ones. A run that is stopped goes on from its own checkpoint, not from here."""

    def __post_init__(self) -> None:
        _check_features(self.picture, self.features)


@dataclass(kw_only=True, frozen=True)
class FeaturesConfig:
    """`python -m avatar train features`. `run.preset` only gives the pictures' size."""

    run: RunConfig
    regions: float = 1.0
    """Of which part of a person a cell shows."""
    points: float = 0.3
    """Of where landmarks are."""
    damage: float = 3.0
    """Of how a cell was spoilt: what makes features change with blur, ghosts and spots."""
    measures: float = 0.3
    """Of how far lids and lips are open, and where the eyes look."""


@dataclass(kw_only=True, frozen=True)
class TeacherConfig:
    """`python -m avatar train teacher`."""

    run: RunConfig
    autoencoder: Path
    """Weights of the stage before (its `refiner.safetensors`)."""
    pose_until: float = 0.4
    """Share of the run in which only body and head guide (face tokens are silent)."""
    face_until: float = 0.6
    """Share of the run up to which only the face branch learns; after it, everything does."""
    condition_dropout: float = 0.1
    history_dropout: float = 0.25
    num_sample_steps: int = 8
    """Denoise steps of previews and progress."""


@dataclass(kw_only=True, frozen=True)
class DistilConfig:
    """`python -m avatar train distil`."""

    run: RunConfig
    teacher: Path
    """Weights of the teacher."""
    shortcut_until: float = 0.4
    """Share of the run that trains steps of any size to agree (S2)."""
    rollout_until: float = 0.85
    """Share up to which the student learns from its own rollouts (S3); after it only the decoder
    does, on the student's latents (S4)."""
    consistency_share: float = 0.3
    """Part of the examples of S2 that learn a long step from two half ones."""
    num_denoise_steps: int = 2
    """Steps of the rollout, as served."""
    picture: PictureWeights = field(default_factory=PictureWeights)
    features: Path | None = None
    """Weights of `train features`, which `picture.perceptual` needs."""
    critic: CriticConfig = field(default_factory=CriticConfig)
    latent: float = 0.25
    """Of the latent's own error beside the picture's."""
    confidence: float = 0.1
    """Of the confidence's error, in the decoder's phase."""

    def __post_init__(self) -> None:
        _check_features(self.picture, self.features)


def _check_features(picture: PictureWeights, features: Path | None) -> None:
    if (picture.perceptual > 0) != (features is not None):
        raise ValueError(
            f"picture.perceptual = {picture.perceptual} and features = {features}: a perceptual "
            "loss needs the weights of `python -m avatar train features`, and they are for nothing "
            "else."
        )
