"""Synthesised speech and the mouth that says it."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from avatar.data.voice.espeak import Espeak, Phone
from avatar.data.voice.phones import PAUSE, visemes
from avatar.data.voice.texts import HELD_OUT_LANGUAGES, TRAINING_LANGUAGES, babble, sentence
from avatar.data.voice.visemes import mouth_curves, mouth_targets
from avatar.errors import ConfigError
from avatar.motion.audio.mouth import COEFFICIENTS

APERTURE, JAW, WIDTH, PROTRUSION, UPPER, PRESS, TUCK = range(7)


def _curve(*said: tuple[str, float]) -> np.ndarray:
    phones, at_s = [], 0.0
    for ipa, duration_s in said:
        phones.append(Phone(ipa, at_s, at_s + duration_s))
        at_s += duration_s
    return mouth_curves(phones, np.arange(0.0, at_s, 0.01, dtype=np.float32))


def test_phones_tile_the_sound(espeak: Espeak) -> None:
    speech = espeak.say("Bob put the map up, papa.", "en-us")
    assert speech.phones[0].start_s == 0.0
    for before, after in zip(speech.phones, speech.phones[1:], strict=False):
        assert before.end_s == pytest.approx(after.start_s)
    assert speech.phones[-1].end_s == pytest.approx(len(speech.samples_T) / speech.sample_rate_hz)
    said = [phone.ipa for phone in speech.phones if phone.ipa]
    assert said[:3] == ["b", "ɑː", "b"]


def test_a_stop_holds_the_silence_of_its_closure(espeak: Espeak) -> None:
    speech = espeak.say("[[apa]]", "en-us")
    stop = next(phone for phone in speech.phones if phone.ipa == "p")
    rate_hz = speech.sample_rate_hz
    start = speech.samples_T[int(stop.start_s * rate_hz) : int((stop.start_s + 0.02) * rate_hz)]
    assert np.abs(start).max() < 0.01 < np.abs(speech.samples_T).max()


def test_a_synthesiser_outlives_another_one(espeak: Espeak) -> None:
    before = espeak.say("papa", "en-us")
    Espeak().say("mama", "de")
    gc.collect()
    after = espeak.say("papa", "en-us")
    assert [phone.ipa for phone in after.phones] == [phone.ipa for phone in before.phones]


def test_an_unknown_voice_is_named(espeak: Espeak) -> None:
    with pytest.raises(ConfigError, match="no voice 'xx-none'"):
        espeak.say("hello", "xx-none")


def test_every_language_speaks_words_and_babble(espeak: Espeak) -> None:
    rng = np.random.default_rng(0)
    assert len(TRAINING_LANGUAGES) >= 10
    assert not set(TRAINING_LANGUAGES) & set(HELD_OUT_LANGUAGES)
    for language in (*TRAINING_LANGUAGES, *HELD_OUT_LANGUAGES):
        for text in (sentence(language, rng), babble(rng)):
            speech = espeak.say(text, language)
            sounds = [phone.ipa for phone in speech.phones if phone.ipa]
            shaped = [ipa for ipa in sounds if visemes(ipa)]
            assert len(sounds) >= 5, language
            assert len(shaped) >= 0.8 * len(sounds), (language, set(sounds) - set(shaped))


def test_lips_meet_for_bilabials_and_part_for_open_vowels() -> None:
    curve = _curve(("a", 0.2), ("p", 0.12), ("a", 0.2))
    assert curve[24, APERTURE] < 0.02
    assert curve[24, PRESS] > 0.7
    assert curve[10, APERTURE] > 0.12
    assert curve[10, PRESS] < 0.05


def test_rounded_vowels_narrow_and_protrude_and_spread_ones_widen() -> None:
    curve = _curve(("i", 0.25), ("u", 0.25))
    assert curve[10, WIDTH] > 0.04 > -0.1 > curve[38, WIDTH]
    assert curve[38, PROTRUSION] > 0.05 > curve[10, PROTRUSION]


def test_labiodentals_tuck_the_lower_lip() -> None:
    curve = _curve(("a", 0.2), ("f", 0.15), ("a", 0.2))
    assert curve[27, TUCK] > 0.8
    assert curve[27, PRESS] == pytest.approx(0.0, abs=0.05)


def test_a_long_pause_closes_the_mouth_and_a_breath_does_not() -> None:
    long = _curve(("a", 0.2), ("", 0.6), ("a", 0.2))
    short = _curve(("a", 0.2), ("", 0.03), ("a", 0.2))
    assert long[50, APERTURE] < 0.01
    assert short[21, APERTURE] > 0.1


def test_neighbours_shape_sounds_without_a_shape_of_their_own() -> None:
    after_i = _curve(("i", 0.15), ("h", 0.1), ("i", 0.15))
    after_u = _curve(("u", 0.15), ("h", 0.1), ("u", 0.15))
    assert after_i[20, WIDTH] > 0.03
    assert after_u[20, WIDTH] < -0.1


def test_louder_syllables_open_wider() -> None:
    rate_hz = 16_000
    phones = [Phone("a", 0.0, 0.3), Phone("t", 0.3, 0.4), Phone("a", 0.4, 0.7)]
    time_s = np.arange(int(0.7 * rate_hz)) / rate_hz
    sound = np.sin(2 * np.pi * 200 * time_s) * np.where(time_s < 0.35, 0.8, 0.2)
    moments_s = np.arange(0.0, 0.7, 0.02, dtype=np.float32)
    targets = mouth_targets(phones, sound.astype(np.float32), rate_hz, moments_s)
    assert targets[7, APERTURE] > 1.3 * targets[27, APERTURE]


def test_ipa_strings_become_targets() -> None:
    assert visemes("") == [(PAUSE, 1.0)]
    assert [round(share, 2) for _, share in visemes("aɪ")] == [0.5, 0.5]
    assert visemes("ʲ") == []
    assert visemes("pʰ")[0][0].closure == 1.0
    assert len(COEFFICIENTS) == 7
