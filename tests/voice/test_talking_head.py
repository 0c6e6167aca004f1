"""A character talks from a sound file alone: the whole offline path, seen by the tracker."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from avatar.__main__ import main
from avatar.evaluation.voice_clips import tracked_mouth
from avatar.evaluation.voice_measures import agreement
from avatar.evaluation.voice_mouth import heard_mouth
from avatar.motion.audio.sound import read_sound
from avatar.regions import Region, Source
from avatar.stream.offline import parse_sources


@pytest.mark.media
def test_speech_makes_a_picture_talk_in_time(
    media: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    speech = media / "audio" / "en_sr_24bit.wav"
    output = tmp_path / "talk.mp4"
    code = main(
        [
            *("animate", "--reference", "gallery:" + _first_gallery_id(), "--size", "256"),
            *("--driving", str(speech), "--output", str(output), "--json"),
        ]
    )
    assert code == 0
    summary = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert summary["has_audio"]
    assert summary["duration_s"] == pytest.approx(2.74 + 0.4, abs=0.15)
    tracked = tracked_mouth(output)
    is_seen = np.isfinite(tracked.opening_M)
    assert is_seen.mean() > 0.9
    sound = read_sound(speech)
    mouth = heard_mouth(sound.samples_T, sound.sample_rate_hz, None)
    seen = np.interp(mouth.times_s, tracked.times_s[is_seen], tracked.opening_M[is_seen]).astype(
        np.float32
    )
    score = agreement(seen, mouth.opening_M)
    assert score.best_correlation is not None
    assert score.best_correlation > 0.7
    assert score.lag_s is not None
    assert abs(score.lag_s) <= 0.04
    sound_out = read_sound(output)
    assert sound_out.duration_s == pytest.approx(sound.duration_s, abs=0.1)


def _first_gallery_id() -> str:
    from avatar.character.gallery import list_entries

    return list_entries()[0].id


@pytest.mark.media
@pytest.mark.parametrize("name", ["mono.empty.wav", "emptyfile.mp3", "ooming-header.flac"])
def test_broken_sound_is_named_and_nothing_is_written(
    media: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out.mp4"
    arguments = ["animate", "--reference", "gallery:" + _first_gallery_id()]
    arguments += ["--driving", str(media / "bad" / name), "--output", str(output)]
    assert main(arguments) == 1
    assert name in capsys.readouterr().err
    assert not output.exists()


def test_sources_are_read_from_the_command_line() -> None:
    sources = parse_sources("mouth=audio, eyes=idle")
    assert sources[Region.MOUTH] is Source.AUDIO
    assert sources[Region.EYES] is Source.IDLE
    assert sources[Region.HEAD] is Source.CAMERA
    import argparse

    with pytest.raises(argparse.ArgumentTypeError, match="mouth=loud"):
        parse_sources("mouth=loud")
