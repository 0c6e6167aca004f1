"""Sound files as driving clips: frames without pictures, sound a little ahead of them."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from avatar.errors import ClipError
from avatar.stream.clip import SOUND_LEAD_S
from avatar.stream.sound_clip import SoundClip, is_sound_only


@pytest.fixture
def second_of_sound(tmp_path: Path) -> Path:
    path = tmp_path / "tone.wav"
    tone = 0.5 * np.sin(2 * np.pi * 200 * np.arange(44_100) / 44_100)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(44_100)
        file.writeframes((tone * 32767).astype("<i2").tobytes())
    return path


def test_frames_are_even_and_outlast_the_sound(second_of_sound: Path) -> None:
    clip = SoundClip(second_of_sound)
    frames = list(clip.frames())
    times_s = [frame.stamp.time_s for frame in frames]
    np.testing.assert_allclose(np.diff(times_s), 0.04, atol=1e-6)
    assert times_s[0] == 0.0
    assert 1.3 < times_s[-1] < 1.5
    assert all(frame.rgb_HW3 is None for frame in frames)
    assert clip.info.has_audio
    assert clip.info.num_frames == pytest.approx(len(frames), abs=2)


def test_the_sound_is_whole_and_ahead_of_its_frames(second_of_sound: Path) -> None:
    heard_until_s = 0.0
    pieces = []
    for frame in SoundClip(second_of_sound).frames():
        for chunk in frame.audio:
            assert chunk.stamp.time_s == pytest.approx(heard_until_s, abs=1e-3)
            heard_until_s += len(chunk.samples_T) / chunk.sample_rate_hz
            pieces.append(chunk.samples_T)
        assert heard_until_s >= min(frame.stamp.time_s + SOUND_LEAD_S, 1.0)
    sound = np.concatenate(pieces)
    assert np.square(sound).sum() == pytest.approx(0.125 * 16_000, rel=0.03)


@pytest.mark.media
def test_sound_is_told_from_video_and_from_neither(media: Path, tmp_path: Path) -> None:
    assert is_sound_only(media / "audio" / "en_8ch.m4a")
    assert is_sound_only(media / "audio" / "fr_sr.aiff")
    assert not is_sound_only(media / "driving" / "close_lp_d10.mp4")
    with pytest.raises(ClipError):
        is_sound_only(media / "bad" / "mono.invalid.wav")
    with pytest.raises(ClipError, match="no such file"):
        is_sound_only(tmp_path / "absent.wav")


@pytest.mark.media
def test_eight_channels_are_mixed(media: Path) -> None:
    clip = SoundClip(media / "audio" / "en_8ch.m4a")
    assert sum(len(chunk.samples_T) for frame in clip.frames() for chunk in frame.audio) > 100_000
