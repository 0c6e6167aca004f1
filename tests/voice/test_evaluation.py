"""The yardsticks themselves: lags have the right sign, alignments the right times."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from avatar.data.voice.espeak import Espeak
from avatar.errors import ConfigError
from avatar.evaluation.voice import _cell, _largest, _mean
from avatar.evaluation.voice_alignment import align, can_align
from avatar.evaluation.voice_clips import _in_step, _is_busy, evaluate_clips
from avatar.evaluation.voice_measures import agreement, correlation, envelope
from avatar.evaluation.voice_mouth import HeardMouth
from avatar.evaluation.voice_real import by_language, closure_scores, transcripts
from avatar.evaluation.voice_strip import draw_mouth, write_strip


def test_a_later_curve_has_a_positive_lag() -> None:
    rng = np.random.default_rng(0)
    curve = np.convolve(rng.standard_normal(500), np.ones(8) / 8, "same").astype(np.float32)
    late = np.roll(curve, 4)
    score = agreement(late[20:-20], curve[20:-20])
    assert score.lag_s == pytest.approx(0.08, abs=0.004)
    assert score.best_correlation is not None
    assert score.best_correlation > 0.99
    assert score.correlation is not None
    assert score.correlation < 0.9


def test_a_curve_that_stands_still_has_no_correlation() -> None:
    assert correlation(np.zeros(50, np.float32), np.arange(50, dtype=np.float32)) is None


def test_the_envelope_is_where_the_sound_is() -> None:
    sound = np.zeros(16_000, np.float32)
    sound[8_000:12_000] = 0.5
    times_s = np.arange(50, dtype=np.float32) / 50
    level = envelope(sound, 16_000, times_s)
    assert level[31] > 0.4
    assert level[10] < 0.01


def test_forced_times_fall_on_the_sounds(espeak: Espeak) -> None:
    text = "My brother and my father opened the window"
    spoken = espeak.say(text, "en-us+f2", words_per_minute=130, pitch=70)
    pause = np.zeros(int(0.5 * spoken.sample_rate_hz), np.float32)
    found = align(
        espeak, np.concatenate([pause, spoken.samples_T]), spoken.sample_rate_hz, text, "en"
    )
    assert found is not None
    wanted = [phone for phone in spoken.phones if phone.ipa]
    errors_s = [
        abs(one.start_s - 0.5 - other.start_s) for one, other in zip(found, wanted, strict=True)
    ]
    assert float(np.median(errors_s)) < 0.04


def test_texts_that_cannot_be_aligned_are_known() -> None:
    assert can_align("Guten Tag")
    assert not can_align("Esta es una grabación ... (begins)")
    assert not can_align("希望你以后")


def test_closures_are_told_from_open_vowels(espeak: Espeak) -> None:
    phones = espeak.say("papa", "en-us").phones
    times_s = np.arange(0.0, 1.0, 0.02, dtype=np.float32)
    opening = np.full((50, 7), 0.2, np.float32)
    for phone in phones:
        if phone.ipa == "p":
            opening[(times_s >= phone.start_s) & (times_s <= phone.end_s)] = 0.0
    mouth = HeardMouth(times_s, opening, np.ones(50, np.float32))
    ratio = closure_scores(mouth, phones)["closure_ratio"]
    assert isinstance(ratio, float)
    assert ratio < 0.5


def test_transcripts_come_from_the_manifest_and_from_text_files(tmp_path: Path) -> None:
    (tmp_path / "audio").mkdir()
    (tmp_path / "audio" / "de_x.wav").touch()
    (tmp_path / "audio" / "de_x.txt").write_text("Hallo Welt\n", encoding="utf-8")
    (tmp_path / "MANIFEST.md").write_text(
        '| audio/en_y.wav | 1 | wav | spoken; transcript: "Good day." | A |\n', encoding="utf-8"
    )
    assert transcripts(tmp_path) == {"de_x.wav": "Hallo Welt", "en_y.wav": "Good day."}


def test_languages_are_averaged_over_their_files() -> None:
    rows: list[dict[str, object]] = [
        {"language": "de", "envelope_correlation": 0.6},
        {"language": "de", "envelope_correlation": 0.8, "closure_ratio": 0.3},
        {"language": None, "envelope_correlation": 0.1},
    ]
    result = by_language(rows)
    assert list(result) == ["de"]
    assert result["de"]["envelope_correlation"] == pytest.approx(0.7)
    assert result["de"]["closure_ratio"] == pytest.approx(0.3)


def test_a_talking_mouth_is_told_from_a_grimace() -> None:
    time_s = np.arange(500) / 50
    assert _is_busy((0.1 + 0.1 * np.sin(2 * np.pi * 2.0 * time_s)).astype(np.float32))
    assert not _is_busy(np.where((time_s > 2) & (time_s < 3), 0.2, 0.0).astype(np.float32))
    assert not _is_busy((0.001 * np.sin(2 * np.pi * 2.0 * time_s)).astype(np.float32))


def test_a_clip_out_of_step_is_put_in_step_by_its_other_half() -> None:
    rng = np.random.default_rng(3)
    heard_MC = gaussian_filter1d(rng.normal(size=(520, 3)), 4.0, axis=0).astype(np.float32)
    seen_MC = heard_MC + rng.normal(scale=0.5 * heard_MC.std(), size=(520, 3)).astype(np.float32)
    for shift in (-5, 0, 6):  # moments by which the sound comes late
        offset_s, score = _in_step(np.roll(heard_MC, shift, axis=0)[10:-10], seen_MC[10:-10])
        assert offset_s == pytest.approx(shift / 50, abs=0.02)
        assert score is not None
        assert score > 0.8


def test_halves_that_disagree_tell_nothing_of_a_clip_s_offset() -> None:
    rng = np.random.default_rng(4)
    seen_MC = gaussian_filter1d(rng.normal(size=(500, 3)), 4.0, axis=0).astype(np.float32)
    heard_MC = np.concatenate(
        [np.roll(seen_MC, -6, axis=0)[:250], np.roll(seen_MC, 6, axis=0)[250:]]
    )
    assert _in_step(heard_MC, seen_MC) == (None, None)


@pytest.mark.media
def test_clips_in_which_nobody_talks_are_left_out_and_say_why(media: Path, tmp_path: Path) -> None:
    (tmp_path / "driving").mkdir()
    for name in ("close_lp_d3.mp4", "half_lp_s29.mp4", "half_asl_milk.mkv", "half_lp_s18.mp4"):
        (tmp_path / "driving" / name).symlink_to(media / "driving" / name)
    rows = evaluate_clips(tmp_path, None, is_quiet=True)
    assert [(row["clip"], row["left_out"]) for row in rows] == [
        ("close_lp_d3.mp4", "the sound track is silent"),
        ("half_lp_s18.mp4", "the mouth does not talk: music, or someone out of the picture"),
        ("half_lp_s29.mp4", "the sound track is silent"),
    ]
    assert not any(row["is_talking"] for row in rows)


def test_figures_that_are_missing_print_as_dashes() -> None:
    assert _cell(None, 6).strip() == "-"
    assert _cell(0.123, 6).strip() == "0.12"
    assert _mean([None, 0.5, 1.0]) == pytest.approx(0.75)
    assert _largest([0.01, -0.2]) == pytest.approx(-0.2)


def test_an_open_mouth_is_drawn_open(tmp_path: Path) -> None:
    closed = draw_mouth(np.zeros(7, np.float32), 64)
    opened = draw_mouth(np.array([0.2, 0.2, 0, 0, 0, 0, 0], np.float32), 64)

    def num_white(picture: np.ndarray) -> int:
        return int((picture.min(axis=2) > 200).sum())

    assert num_white(opened) > num_white(closed) + 20
    mouth = HeardMouth(
        np.arange(50, dtype=np.float32) / 50,
        np.zeros((50, 7), np.float32),
        np.zeros(50, np.float32),
    )
    write_strip(tmp_path / "strip.png", mouth, np.zeros(16_000, np.float32), 16_000, ())
    assert (tmp_path / "strip.png").stat().st_size > 1000


def test_a_suite_without_sounds_is_named(tmp_path: Path) -> None:
    from avatar.__main__ import main

    assert main(["evaluate-voice", "--suite", str(tmp_path), "--quiet"]) == 1
    import argparse

    from avatar.evaluation.voice import add_commands

    parser = argparse.ArgumentParser()
    add_commands(parser)
    arguments = parser.parse_args(["--suite", str(tmp_path)])
    with pytest.raises(ConfigError, match="no folder 'audio'"):
        arguments.run(arguments)
