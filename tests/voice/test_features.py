"""The front end: the same frames whatever the pieces, at any level and rate."""

from __future__ import annotations

import numpy as np
import pytest

from avatar.errors import AudioError
from avatar.frames import FloatArray
from avatar.motion.audio.features import LogMel, frame_loudness, log_mel
from avatar.motion.audio.resample import Resampler, clean_samples
from tests.voice.conftest import pieces


def test_streamed_frames_equal_those_of_the_whole_sound(speechlike: FloatArray) -> None:
    stream = LogMel()
    streamed = np.concatenate([stream.push(piece) for piece in pieces(speechlike, 1, 900)])
    np.testing.assert_allclose(streamed, log_mel(speechlike), atol=1e-5)


def test_frames_follow_the_sound_every_ten_milliseconds() -> None:
    assert len(log_mel(np.zeros(400, np.float32))) == 1
    assert len(log_mel(np.zeros(399, np.float32))) == 0
    assert len(log_mel(np.zeros(16_000, np.float32))) == 98


def test_a_quieter_microphone_gives_the_same_bands(speechlike: FloatArray) -> None:
    loud, quiet = log_mel(speechlike), log_mel(0.25 * speechlike)
    # bands near the floor of -80 dB may differ
    assert np.percentile(np.abs(loud[50:, :-1] - quiet[50:, :-1]), 99) < 0.02
    assert loud[50:, -1].mean() > quiet[50:, -1].mean() + 0.5


def test_loudness_runs_from_nothing_to_one(speechlike: FloatArray) -> None:
    silence = frame_loudness(log_mel(np.zeros(8000, np.float32)))
    tone = np.sin(2 * np.pi * 500 * np.arange(8000) / 16_000).astype(np.float32)
    assert silence.max() == 0.0
    assert frame_loudness(log_mel(tone)).min() > 0.85
    assert 0.2 < frame_loudness(log_mel(speechlike)).mean() < 0.9


@pytest.mark.parametrize("rate_hz", [8000, 22_050, 44_100, 48_000, 96_000])
def test_resampling_keeps_a_tone_and_its_time(rate_hz: int) -> None:
    time_s = np.arange(rate_hz) / rate_hz
    tone = np.sin(2 * np.pi * 700 * time_s).astype(np.float32)
    result = Resampler(rate_hz).push(tone)
    expected = np.sin(2 * np.pi * 700 * np.arange(len(result)) / 16_000)
    np.testing.assert_allclose(result[200:-200], expected[200:-200], atol=2e-3)


def test_resampling_in_pieces_equals_resampling_at_once(speechlike: FloatArray) -> None:
    stream = Resampler(44_100)
    streamed = np.concatenate([stream.push(piece) for piece in pieces(speechlike, 2, 700)])
    np.testing.assert_allclose(streamed, Resampler(44_100).push(speechlike), atol=1e-6)


def test_resampling_removes_what_16_khz_cannot_hold() -> None:
    tone = np.sin(2 * np.pi * 12_000 * np.arange(48_000) / 48_000).astype(np.float32)
    assert np.abs(Resampler(48_000).push(tone)[200:-200]).max() < 0.01


@pytest.mark.parametrize("rate_hz", [0, -1, 100, 1_000_000])
def test_absurd_rates_are_refused(rate_hz: int) -> None:
    with pytest.raises(AudioError, match="sample rate"):
        Resampler(rate_hz)


def test_broken_samples_are_silenced_and_clipped() -> None:
    broken = np.array([np.nan, np.inf, -np.inf, 7.0, -7.0, 0.5], np.float32)
    np.testing.assert_array_equal(clean_samples(broken), [0, 0, 0, 1, -1, 0.5])
