"""Fixtures of the voice: one synthesiser per process, and a network small enough to train."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from avatar.data.voice.espeak import Espeak
from avatar.frames import AudioChunk, FloatArray, Stamp
from avatar.motion.audio.encoder import Weights
from avatar.training.voice.network import VoiceNetwork, export_weights


@pytest.fixture(scope="session")
def espeak() -> Espeak:
    return Espeak()


@pytest.fixture(scope="session")
def network() -> VoiceNetwork:
    import torch

    torch.manual_seed(3)
    return VoiceNetwork(width=24, hidden=16, mix=12).eval()


@pytest.fixture(scope="session")
def weights(network: VoiceNetwork, tmp_path_factory: pytest.TempPathFactory) -> Weights:
    """The small untrained network as the run time reads it."""
    path = tmp_path_factory.mktemp("weights") / "voice.npz"
    export_weights(network.state_dict(), path)
    return Weights.read(path)


@pytest.fixture(scope="session")
def speechlike() -> FloatArray:
    """Four seconds of noise whose level rises and falls as speech does, at 16 kHz."""
    rng = np.random.default_rng(5)
    time_s = np.arange(64_000) / 16_000
    level = 0.02 + 0.2 * np.maximum(0.0, np.sin(2 * np.pi * 3.0 * time_s))
    return (level * rng.standard_normal(64_000)).astype(np.float32)


def chunk(samples_T: FloatArray, start_s: float, rate_hz: int = 16_000) -> AudioChunk:
    """A microphone's chunk that begins at `start_s`."""
    stamp = Stamp(round(start_s * 90_000), Fraction(1, 90_000), start_s)
    return AudioChunk(stamp, samples_T, rate_hz)


def pieces(samples_T: FloatArray, seed: int, longest: int) -> list[FloatArray]:
    """The samples cut at random places."""
    rng = np.random.default_rng(seed)
    cuts = [0]
    while cuts[-1] < len(samples_T):
        cuts.append(cuts[-1] + int(rng.integers(1, longest)))
    return [samples_T[a:b] for a, b in zip(cuts, cuts[1:], strict=False)]


@pytest.fixture(scope="session")
def tiny_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from avatar.data.voice.corpus import build_corpus

    folder = tmp_path_factory.mktemp("corpus")
    build_corpus(folder, num_clips=12, seed=4)
    return folder
