"""Sound files of every kind, and those that are none."""

from __future__ import annotations

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
