"""The weights that ship: closed lips where they belong, on speech and sounds never trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from avatar.data.voice.corpus import clip_of
from avatar.data.voice.espeak import Espeak
from avatar.evaluation.voice_measures import agreement, envelope
from avatar.evaluation.voice_mouth import heard_mouth
from avatar.evaluation.voice_real import closure_scores
from avatar.frames import FloatArray
from avatar.motion.audio.encoder import Weights
from avatar.motion.audio.sound import read_sound
from avatar.motion.audio.voice import VoiceTracker
from tests.voice.conftest import chunk

FULLY_OPEN = 0.1
"""About the 95th percentile of the opening over real speech."""


def test_the_network_is_small() -> None:
    assert Weights.shipped().num_parameters <= 2_000_000


@pytest.mark.parametrize("kind", ["nothing", "hiss", "hum", "clicks"])
def test_lips_stay_closed_where_nobody_speaks(kind: str) -> None:
    rng = np.random.default_rng(2)
    time_s = np.arange(80_000) / 16_000
    sounds: dict[str, FloatArray] = {
        "nothing": np.zeros(80_000),
        "hiss": 0.03 * rng.standard_normal(80_000),
        "hum": 0.2 * np.sin(2 * np.pi * 50 * time_s),
        "clicks": np.where(time_s % 0.4 < 0.003, 0.5, 0.0) * rng.standard_normal(80_000),
    }
    opening = heard_mouth(sounds[kind].astype(np.float32), 16_000, None).opening_M
    assert opening.mean() < 0.05 * FULLY_OPEN


@pytest.mark.parametrize("language", ["en-us", "ja", "sw"])
def test_a_voice_never_heard_opens_and_closes_the_mouth_in_time(
    espeak: Espeak, language: str
) -> None:
    text = "mama papa baba, mapu bapi" if language != "ja" else "まま ぱぱ ばば まぷ ばぴ"
    speech = espeak.say(text, f"{language}+Andrea", words_per_minute=140)
    clip = clip_of(speech)
    mouth = heard_mouth(0.4 * clip.samples_T, 16_000, None)
    count = min(len(mouth.opening_M), len(clip.targets_MK))
    score = agreement(mouth.opening_M[:count], clip.targets_MK[:count, 0])
    assert score.correlation is not None
    assert score.correlation > 0.6  # one line; means are higher, see docs/VOICE.md
    assert score.lag_s is not None
    assert abs(score.lag_s) <= 0.04
    ratio = closure_scores(mouth, speech.phones)["closure_ratio"]
    assert isinstance(ratio, float)
    assert ratio < 0.6


@pytest.mark.parametrize(
    ("text", "voice"), [("all day", "en-us+f3"), ("dada", "de+m3"), ("open all of it", "en-us+m4")]
)
def test_the_first_syllable_of_a_sound_opens_the_mouth_as_after_silence(
    espeak: Espeak, text: str, voice: str
) -> None:
    clip = clip_of(espeak.say(text, voice, words_per_minute=140))
    spoken_T = 0.5 * clip.samples_T[int(np.argmax(np.abs(clip.samples_T) > 0.02)) :]
    at_once = heard_mouth(spoken_T, 16_000, None).opening_M[:15]
    later = heard_mouth(np.pad(spoken_T, (16_000, 0)), 16_000, None).opening_M[50:65]
    assert at_once.max() > 0.9 * later.max()


@pytest.mark.media
@pytest.mark.parametrize(
    "name", ["en_jfk.wav", "de_leopard.wav", "ko_rhino.wav", "zh_funasr.mp3", "ja_leopard.wav"]
)
def test_real_speech_moves_the_mouth_with_its_envelope(media: Path, name: str) -> None:
    sound = read_sound(media / "audio" / name)
    mouth = heard_mouth(sound.samples_T, sound.sample_rate_hz, None)
    level = envelope(sound.samples_T, sound.sample_rate_hz, mouth.times_s)
    score = agreement(mouth.opening_M, level)
    assert score.correlation is not None
    assert score.correlation > 0.6


@pytest.mark.media
def test_real_noise_keeps_the_mouth_closed(media: Path) -> None:
    sound = read_sound(media / "audio" / "noise_speechbrain.wav")
    opening = heard_mouth(sound.samples_T, sound.sample_rate_hz, None).opening_M
    assert opening.mean() < 0.05 * FULLY_OPEN


def test_the_mixer_gets_a_mouth_while_someone_speaks_and_none_before(espeak: Espeak) -> None:
    speech = espeak.say("Hello, how are you today?", "en-us+f4")
    tracker = VoiceTracker()
    rate_hz = speech.sample_rate_hz
    tracker.push(chunk(np.zeros(rate_hz, np.float32), 0.0, rate_hz))
    assert tracker.motion_at(0.5) is None
    tracker.push(chunk(0.5 * speech.samples_T, 1.0, rate_hz))
    moments = [tracker.motion_at(1.0 + 0.04 * step) for step in range(25)]
    seen = [moment for moment in moments if moment is not None]
    assert len(seen) > 15
    apertures = [moment.lip_aperture for moment in seen]
    assert max(apertures) > 0.06
    assert min(apertures) >= 0.0
    assert max(moment.energy for moment in seen) > 0.3


def test_a_voice_that_is_cut_short_shuts_the_mouth_within_a_fifth_of_a_second(
    espeak: Espeak,
) -> None:
    """As the server pushes it: 120 ms ahead of its moment, then silence in place of that."""
    speech = espeak.say("aaa papa aaa mama aaa", "en-us+f2", words_per_minute=120)
    sound_T = 0.5 * np.interp(
        np.arange(int(len(speech.samples_T) * 48_000 / speech.sample_rate_hz)) / 48_000,
        np.arange(len(speech.samples_T)) / speech.sample_rate_hz,
        speech.samples_T,
    ).astype(np.float32)
    lead_s, frame_s = 0.12, 0.02
    shut = []
    for cut_s in np.arange(0.4, 1.3, 0.1):
        tracker = VoiceTracker()
        step, pushed_until_s, opening = 0, 0.0, []
        while step * frame_s < cut_s + 0.3:
            now_s = step * frame_s
            if now_s < cut_s:
                at = round(pushed_until_s * 48_000)
                until = round((now_s + lead_s) * 48_000)
                tracker.push(chunk(sound_T[at:until], pushed_until_s, 48_000))
                pushed_until_s = now_s + lead_s
            else:
                if now_s < cut_s + frame_s:
                    pushed_until_s = now_s  # the silence replaces what was shown ahead
                count = round((now_s + lead_s - pushed_until_s) * 48_000)
                tracker.push(chunk(np.zeros(count, np.float32), pushed_until_s, 48_000))
                pushed_until_s = now_s + lead_s
            if step % 2 == 0:
                motion = tracker.motion_at(now_s)
                opening.append((now_s - cut_s, 0.0 if motion is None else motion.lip_aperture))
            step += 1
        before = max(aperture for since_s, aperture in opening if -0.3 < since_s <= 0.0)
        after = [aperture for since_s, aperture in opening if since_s >= 0.16]
        shut.append(max(after) / max(before, 0.02))
    assert float(np.median(shut)) < 0.15
    assert max(shut) < 0.4
