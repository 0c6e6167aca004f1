"""Trains the audio encoder: the loop, its log, its checkpoints and its validation.

    python -m avatar train voice --config configs/train_voice.toml

Knows train steps and files; the sound comes from `examples`, the arithmetic from `network`. A run
that is stopped goes on from its last checkpoint and sees the same batches in the same order, so
that it reaches the same loss as an unbroken one.
"""

from __future__ import annotations

import json
import logging
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from avatar.config import load_config
from avatar.data.voice.corpus import (
    HELD_OUT_VOICES,
    Corpus,
    build_corpus,
    clip_of,
    synthesise,
)
from avatar.data.voice.espeak import Espeak
from avatar.data.voice.texts import HELD_OUT_LANGUAGES, TRAINING_LANGUAGES
from avatar.frames import FloatArray
from avatar.motion.audio.encoder import OUTPUT_SCALES
from avatar.motion.audio.features import log_mel
from avatar.motion.audio.mouth import APERTURE
from avatar.training.voice.examples import Examples
from avatar.training.voice.network import VoiceNetwork, export_weights

_log = logging.getLogger(__name__)


@dataclass(kw_only=True, frozen=True)
class VoiceConfig:
    """One training run of the audio encoder."""

    output: Path = Path("runs/voice")
    """Folder for checkpoints, the log and the weights."""
    corpus: Path = Path("runs/voice_corpus")
    """Folder for the synthesised speech; made when it is missing."""
    num_clips: int = 8000
    """Lines of speech in the corpus, about 2.5 seconds each."""
    seed: int = 1
    width: int = 192
    """Channels of the convolutions."""
    hidden: int = 192
    """Size of the GRU's state."""
    mix: int = 96
    """Size of the layer before the last."""
    num_train_steps: int = 4000
    batch_size: int = 12
    segment_s: float = 6.0
    """Seconds of sound in an example."""
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.01
    num_warmup_steps: int = 200
    ema_decay: float = 0.998
    """Of the averaged weights that are exported."""
    checkpoint_every: int = 100
    validate_every: int = 500
    num_threads: int = 1

    def __post_init__(self) -> None:
        for name in ("num_clips", "num_train_steps", "batch_size", "num_threads"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} = {getattr(self, name)}: must be at least 1.")
        if not 1.0 <= self.segment_s <= 11.0:
            raise ValueError(f"segment_s = {self.segment_s}: must be between 1 and 11.")
        if not 0.0 <= self.ema_decay < 1.0:
            raise ValueError(f"ema_decay = {self.ema_decay}: must be in [0, 1).")


class VoiceTrainer:
    """One run: build or resume, then `train`."""

    def __init__(self, config: VoiceConfig) -> None:
        self.config = config
        torch.set_num_threads(config.num_threads)
        torch.manual_seed(config.seed)
        build_corpus(config.corpus, num_clips=config.num_clips, seed=config.seed)
        self.examples = Examples(
            Corpus(config.corpus),
            seed=config.seed,
            batch_size=config.batch_size,
            segment_s=config.segment_s,
        )
        sizes = {"width": config.width, "hidden": config.hidden, "mix": config.mix}
        self.network = VoiceNetwork(**sizes)
        self.average = VoiceNetwork(**sizes)
        self.average.load_state_dict(self.network.state_dict())
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(),
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
            betas=(0.9, 0.98),
        )
        self.train_step = 0
        self._checkpoint = config.output / "checkpoint.pt"
        if self._checkpoint.is_file():
            self._resume()

    def train(self, *, until: int | None = None) -> float:
        """Train to the end (or to train step `until`); export the weights; return the last loss."""
        config = self.config
        config.output.mkdir(parents=True, exist_ok=True)
        last = config.num_train_steps if until is None else min(until, config.num_train_steps)
        loss = math.nan
        started_s = time.monotonic()
        with (
            (config.output / "log.jsonl").open("a", encoding="utf-8") as log,
            tqdm(total=last, initial=self.train_step, desc="training", unit="step") as progress,
        ):
            while self.train_step < last:
                loss = self._step()
                progress.update()
                progress.set_postfix(loss=f"{loss:.3f}")
                record: dict[str, Any] = {
                    "train_step": self.train_step,
                    "loss": loss,
                    "learning_rate": self.optimizer.param_groups[0]["lr"],
                    "elapsed_s": round(time.monotonic() - started_s, 2),
                }
                if self.train_step % config.validate_every == 0 or self.train_step == last:
                    record["validation"] = self.validate()
                    _log.info("train step %d: %s", self.train_step, record["validation"])
                log.write(json.dumps(record) + "\n")
                log.flush()
                if self.train_step % config.checkpoint_every == 0 or self.train_step == last:
                    self._save()
        export_weights(self.average.state_dict(), config.output / "voice.npz")
        return loss

    def _step(self) -> float:
        config = self.config
        self.optimizer.param_groups[0]["lr"] = self._learning_rate()
        batch = self.examples.batch(self.train_step)
        outputs_BMK = self.network(torch.from_numpy(batch.features_BMC))
        targets_BMK = torch.from_numpy(batch.targets_BMK / OUTPUT_SCALES)
        loss = mouth_loss(outputs_BMK, targets_BMK)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.train_step += 1
        decay = min(config.ema_decay, self.train_step / (self.train_step + 10.0))
        with torch.no_grad():
            for average, value in zip(
                self.average.parameters(), self.network.parameters(), strict=True
            ):
                average.lerp_(value, 1.0 - decay)
        return float(loss.detach())

    def _learning_rate(self) -> float:
        """Linear warm-up, then a cosine to a fiftieth (Loshchilov & Hutter 2017)."""
        config = self.config
        if self.train_step < config.num_warmup_steps:
            return config.learning_rate * (self.train_step + 1) / config.num_warmup_steps
        span = max(1, config.num_train_steps - config.num_warmup_steps)
        done = min(1.0, (self.train_step - config.num_warmup_steps) / span)
        return config.learning_rate * (0.02 + 0.98 * 0.5 * (1.0 + math.cos(math.pi * done)))

    @torch.no_grad()
    def validate(self, *, num_lines: int = 24) -> dict[str, float]:
        """Correlation of mouth opening on clean speech of held-out voices and languages."""
        espeak = Espeak()
        result = {}
        for name, languages, seed in (
            ("voices", TRAINING_LANGUAGES, 77),
            ("languages", HELD_OUT_LANGUAGES, 78),
        ):
            rng = np.random.default_rng(seed)
            scores = []
            for _ in range(num_lines):
                speech, _ = synthesise(espeak, rng, languages, HELD_OUT_VOICES, babble_share=0.0)
                clip = clip_of(speech)
                features_MC = log_mel(np.pad(0.5 * clip.samples_T, (0, 2000)))
                features_MC = features_MC[: len(features_MC) // 2 * 2]
                outputs_BMK = self.average(torch.from_numpy(features_MC)[None])
                opening_M = outputs_BMK[0, :, APERTURE].numpy() * OUTPUT_SCALES[APERTURE]
                # outputs stand for 20 n - 25 ms: shift by 25 ms onto the targets' 20 ms grid
                count = min(len(opening_M) - 2, len(clip.targets_MK))
                shifted_M = 0.75 * opening_M[1 : count + 1] + 0.25 * opening_M[2 : count + 2]
                scores.append(_correlation(shifted_M, clip.targets_MK[:count, APERTURE]))
            result[name] = round(float(np.mean(scores)), 4)
        return result

    def _save(self) -> None:
        state = {
            "train_step": self.train_step,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        part = self._checkpoint.with_suffix(".part")
        torch.save(state, part)
        part.replace(self._checkpoint)

    def _resume(self) -> None:
        state = torch.load(self._checkpoint, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.train_step = int(state["train_step"])
        _log.info("going on from train step %d", self.train_step)


_LOSS_WEIGHTS = torch.tensor([4.0, 1.0, 1.0, 1.0, 0.5, 1.5, 1.0, 0.7])


def mouth_loss(outputs_BMK: Tensor, targets_BMK: Tensor) -> Tensor:
    """Squared error of the curves and of their change from moment to moment.

    The change keeps closures crisp, which a mean over time would blur.
    """
    error_BMK = outputs_BMK - targets_BMK
    change_BMK = error_BMK[:, 1:] - error_BMK[:, :-1]
    weights = _LOSS_WEIGHTS / _LOSS_WEIGHTS.sum()
    return (error_BMK.square().mean(dim=(0, 1)) * weights).sum() + (
        change_BMK.square().mean(dim=(0, 1)) * weights
    ).sum()


def _correlation(a: FloatArray, b: FloatArray) -> float:
    return float(np.corrcoef(a, b)[0, 1]) if a.std() > 0 and b.std() > 0 else 0.0


def train(config_path: Path) -> None:
    """Train as a TOML file says, going on where an earlier run stopped."""
    trainer = VoiceTrainer(load_config(config_path, VoiceConfig))
    trainer.train()
    print(f"{trainer.config.output / 'voice.npz'}: {trainer.validate()}")
