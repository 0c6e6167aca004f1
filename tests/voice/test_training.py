"""Training: the corpus, what is done to it, the loss, and a run that is stopped and goes on."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from avatar.data.voice.augment import colour_and_room, line_and_level, noise, revoice, stretch
from avatar.data.voice.corpus import HELD_OUT_VOICES, TRAINING_VOICES, Clip, Corpus, build_corpus
from avatar.errors import AssetError
from avatar.frames import FloatArray
from avatar.motion.audio.encoder import Weights, first_output_s
from avatar.training.voice.examples import Examples
from avatar.training.voice.trainer import VoiceConfig, VoiceTrainer, mouth_loss


@pytest.fixture
def config(tmp_path: Path, tiny_corpus: Path) -> VoiceConfig:
    return VoiceConfig(
        output=tmp_path / "run",
        corpus=tiny_corpus,
        num_clips=12,
        seed=4,
        width=16,
        hidden=12,
        mix=8,
        num_train_steps=6,
        batch_size=2,
        segment_s=1.5,
        num_warmup_steps=2,
        checkpoint_every=3,
        validate_every=1000,
    )


def test_a_resumed_run_reaches_the_same_loss(config: VoiceConfig) -> None:
    unbroken = VoiceTrainer(dataclasses.replace(config, output=config.output / "a"))
    wanted = unbroken.train()
    stopped = dataclasses.replace(config, output=config.output / "b")
    VoiceTrainer(stopped).train(until=3)
    resumed = VoiceTrainer(stopped)
    assert resumed.train_step == 3
    assert resumed.train() == pytest.approx(wanted, rel=1e-6)
    log = (stopped.output / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["train_step"] for line in log] == [1, 2, 3, 4, 5, 6]
    assert Weights.read(stopped.output / "voice.npz").width == 16


def test_the_same_seed_gives_the_same_batch_and_another_step_another(tiny_corpus: Path) -> None:
    one = Examples(Corpus(tiny_corpus), seed=1, batch_size=3, segment_s=1.5)
    other = Examples(Corpus(tiny_corpus), seed=1, batch_size=3, segment_s=1.5)
    batch = one.batch(7)
    np.testing.assert_array_equal(batch.features_BMC, other.batch(7).features_BMC)
    assert not np.array_equal(batch.features_BMC, one.batch(8).features_BMC)
    assert batch.features_BMC.shape == (3, 150, 65)
    assert batch.targets_BMK.shape == (3, 75, 8)
    assert np.isfinite(batch.features_BMC).all()


def test_targets_stand_at_the_times_of_the_outputs(tiny_corpus: Path) -> None:
    examples = Examples(Corpus(tiny_corpus), seed=1, batch_size=1, segment_s=1.5)
    ramp = np.repeat(np.arange(77, dtype=np.float32)[:, None] * 0.02, 8, axis=1)
    aligned = examples._aligned(ramp)
    assert first_output_s() < 0  # the first output stands for a moment before the sound
    np.testing.assert_allclose(
        aligned[2:, 0], np.arange(2, 75) * 0.02 + first_output_s(), atol=1e-6
    )


def test_a_corpus_is_made_once_and_damage_is_named(tiny_corpus: Path, tmp_path: Path) -> None:
    before = (tiny_corpus / "samples.i16").stat().st_mtime_ns
    build_corpus(tiny_corpus, num_clips=12, seed=4)
    assert (tiny_corpus / "samples.i16").stat().st_mtime_ns == before
    assert len(Corpus(tiny_corpus)) >= 11
    with pytest.raises(AssetError, match="missing or damaged"):
        Corpus(tmp_path)


def test_held_out_voices_are_never_trained_on() -> None:
    assert not set(TRAINING_VOICES) & set(HELD_OUT_VOICES)


@pytest.mark.parametrize("augment", [revoice, colour_and_room, line_and_level])
@pytest.mark.parametrize("seed", range(6))
def test_augmented_sound_stays_in_time_and_finite(
    augment: object, seed: int, speechlike: FloatArray
) -> None:
    assert callable(augment)
    result = augment(speechlike, np.random.default_rng(seed))
    assert result.shape == speechlike.shape
    assert np.isfinite(result).all()

    def level(sound: FloatArray) -> FloatArray:
        return np.sqrt(np.square(sound).reshape(-1, 640).mean(axis=1))

    assert np.corrcoef(level(result), level(speechlike))[0, 1] > 0.6


@pytest.mark.parametrize("seed", range(8))
def test_noise_has_unit_power(seed: int) -> None:
    sound = noise(32_000, np.random.default_rng(seed))
    assert np.square(sound).mean() == pytest.approx(1.0, rel=1e-3)


def test_stretching_moves_sound_and_mouth_together() -> None:
    targets = np.zeros((50, 7), np.float32)
    targets[25:] = 1.0
    sound = np.zeros(16_000, np.float32)
    sound[8_000:] = 1.0
    fast = stretch(Clip(sound, targets), 1.25)
    assert len(fast.samples_T) == 12_800
    assert np.argmax(fast.samples_T > 0.5) / 16_000 == pytest.approx(0.4, abs=0.01)
    assert np.argmax(fast.targets_MK[:, 0] > 0.5) / 50 == pytest.approx(0.4, abs=0.02)


def test_the_loss_is_nought_only_at_the_target_and_feels_change() -> None:
    target = torch.zeros(1, 10, 8)
    assert float(mouth_loss(target, target)) == 0.0
    shifted, jagged = target + 0.1, target.clone()
    jagged[:, ::2] += 0.1
    jagged[:, 1::2] -= 0.1
    assert float(mouth_loss(jagged, target)) > 2.0 * float(mouth_loss(shifted, target))


@pytest.mark.parametrize(
    ("field", "value"), [("num_clips", 0), ("segment_s", 60.0), ("ema_decay", 1.0)]
)
def test_impossible_settings_are_refused(config: VoiceConfig, field: str, value: float) -> None:
    with pytest.raises(ValueError, match=field):
        dataclasses.replace(config, **{field: value})
