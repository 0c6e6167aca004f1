"""Sound files of every kind, and those that are none."""

from __future__ import annotations

import struct
import wave
from pathlib import Path

import numpy as np
import pytest

from avatar.errors import AudioError
from avatar.motion.audio.sound import read_sound


@pytest.mark.media
@pytest.mark.parametrize(
    ("name", "duration_s"),
    [
        ("audio/en_8ch.m4a", 8.06),
        ("audio/en_sr_8bit.wav", 2.74),
        ("audio/en_sr_24bit.wav", 2.74),
        ("audio/fr_sr.aiff", 2.53),
        ("audio/en_librivox_9s.ogg", 8.99),
        ("audio/zh_sr.flac", 0.96),
        ("audio/two_speakers_mixed.wav", 4.03),
        ("driving/half_latentsync_demo2.mp4", 10.0),
    ],
)
def test_any_format_rate_and_channel_count_is_read(
    media: Path, name: str, duration_s: float
) -> None:
    sound = read_sound(media / name)
    assert sound.duration_s == pytest.approx(duration_s, abs=0.05)
    assert sound.samples_T.ndim == 1
    assert 0.01 < np.abs(sound.samples_T).max() <= 1.0


@pytest.mark.media
def test_every_broken_file_gets_a_clear_error_or_is_sound(media: Path) -> None:
    refused = 0
    for path in sorted((media / "bad").iterdir()):
        message = _refusal(path)
        refused += message is not None
        assert message is None or path.name in message
    assert refused > 20


def _refusal(path: Path) -> str | None:
    """Why a file is no sound; None for one that is."""
    try:
        sound = read_sound(path)
    except AudioError as error:
        return str(error)
    assert np.isfinite(sound.samples_T).all()
    return None


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="no such file"):
        read_sound(tmp_path / "absent.wav")


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 96_000])
@pytest.mark.parametrize(("channels", "sample_bytes"), [(1, 1), (2, 2), (8, 2), (8, 3), (1, 4)])
def test_the_same_tone_is_heard_from_any_layout(
    tmp_path: Path, rate_hz: int, channels: int, sample_bytes: int
) -> None:
    path = tmp_path / "tone.wav"
    tone_T = 0.5 * np.sin(2 * np.pi * 220 * np.arange(rate_hz) / rate_hz)
    _write(path, tone_T, rate_hz, channels, sample_bytes)
    sound = read_sound(path)
    assert sound.sample_rate_hz == rate_hz
    assert len(sound.samples_T) == rate_hz
    np.testing.assert_allclose(sound.samples_T, tone_T, atol=0.02)


def test_a_file_that_breaks_off_is_used_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "broken_off.wav"
    _write(path, 0.3 * np.ones(16_000), 16_000, 1, 2)
    path.write_bytes(path.read_bytes()[:16_044])
    assert len(read_sound(path).samples_T) == pytest.approx(8_000, abs=2_100)


def test_float_samples_that_are_no_numbers_are_silence(tmp_path: Path) -> None:
    path = tmp_path / "broken.wav"
    samples_T = 0.5 * np.ones(16_000, "<f4")
    samples_T[4_000:6_000] = np.nan
    samples_T[8_000:9_000] = np.inf
    sizes = [36 + samples_T.nbytes, 16, 3, 1, 16_000, 64_000, 4, 32, samples_T.nbytes]
    path.write_bytes(struct.pack("<4sI4s4sIHHIIHH4sI", *_chunks(sizes)) + samples_T.tobytes())
    sound = read_sound(path)
    assert np.isfinite(sound.samples_T).all()
    assert np.abs(sound.samples_T).max() <= 1.0
    np.testing.assert_allclose(sound.samples_T[:4_000], 0.5, atol=1e-4)
    np.testing.assert_allclose(sound.samples_T[4_000:6_000], 0.0)


def _chunks(sizes: list[int]) -> list[bytes | int]:
    """A WAV header's fields: RIFF, format (3: float), data."""
    return [b"RIFF", sizes[0], b"WAVE", b"fmt ", *sizes[1:8], b"data", sizes[8]]


def test_an_absurd_rate_and_an_empty_track_are_named(tmp_path: Path) -> None:
    absurd, empty = tmp_path / "absurd.wav", tmp_path / "empty.wav"
    _write(absurd, np.zeros(500), 100, 1, 2)
    with pytest.raises(AudioError, match=r"absurd\.wav: a sample rate of 100 Hz"):
        read_sound(absurd)
    _write(empty, np.zeros(0), 16_000, 1, 2)
    with pytest.raises(AudioError, match=r"empty\.wav"):
        read_sound(empty)


def _write(
    path: Path, samples_T: np.ndarray, rate_hz: int, channels: int, sample_bytes: int
) -> None:
    """A PCM file with the same sound in every channel."""
    whole_T = np.round(samples_T * (2 ** (8 * sample_bytes - 1) - 1)).astype(np.int64)
    if sample_bytes == 1:  # 8-bit WAV is unsigned
        whole_T += 128
    as_bytes = whole_T.astype("<i8").view(np.uint8).reshape(-1, 8)[:, :sample_bytes]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(sample_bytes)
        file.setframerate(rate_hz)
        file.writeframes(np.repeat(as_bytes[:, None], channels, axis=1).tobytes())
