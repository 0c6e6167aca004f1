"""A microphone's chunks, as they come in life: cut, late, doubled, broken, at another rate."""

from __future__ import annotations

import numpy as np
import pytest

from avatar.errors import AudioError
from avatar.frames import FloatArray
from avatar.motion.audio.encoder import Weights
from avatar.motion.audio.voice import DELAY_S, IDLE_AFTER_S, VoiceTracker
from tests.voice.conftest import chunk, pieces


def _fed(tracker: VoiceTracker, samples_T: FloatArray, start_s: float, rate_hz: int) -> float:
    for piece in pieces(samples_T, 7, rate_hz // 20):
        tracker.push(chunk(piece, start_s, rate_hz))
        start_s += len(piece) / rate_hz
    return start_s


def test_a_moment_is_known_once_its_delay_has_passed(
    weights: Weights, speechlike: FloatArray
) -> None:
    tracker = VoiceTracker(weights)
    end_s = _fed(tracker, speechlike, 50.0, 16_000)
    assert tracker.heard_until_s == pytest.approx(end_s, abs=1e-3)
    assert tracker.known_until_s is not None
    assert end_s - DELAY_S - 0.02 < tracker.known_until_s <= end_s
    assert DELAY_S <= 0.08 + 1e-9


def test_the_mouth_at_a_time_does_not_depend_on_the_pieces(
    weights: Weights, speechlike: FloatArray
) -> None:
    whole, cut = VoiceTracker(weights), VoiceTracker(weights)
    whole.push(chunk(speechlike, 3.0))
    _fed(cut, speechlike, 3.0, 16_000)
    for time_s in (3.5, 4.217, 5.9):
        one, other = whole.mouth_at(time_s), cut.mouth_at(time_s)
        assert one is not None
        assert other is not None
        np.testing.assert_allclose(one.coefficients_K, other.coefficients_K, atol=1e-4)


def test_a_short_gap_is_heard_as_silence_in_its_place(
    weights: Weights, speechlike: FloatArray
) -> None:
    tracker, filled = VoiceTracker(weights), VoiceTracker(weights)
    gap = np.zeros(3200, np.float32)
    tracker.push(chunk(speechlike[:16_000], 0.0))
    tracker.push(chunk(speechlike[16_000:32_000], 1.2))
    filled.push(chunk(np.concatenate([speechlike[:16_000], gap, speechlike[16_000:32_000]]), 0.0))
    assert tracker.num_restarts == 0
    one, other = tracker.mouth_at(2.0), filled.mouth_at(2.0)
    assert one is not None
    assert other is not None
    np.testing.assert_allclose(one.coefficients_K, other.coefficients_K, atol=1e-5)


def test_a_step_back_replaces_what_was_heard(weights: Weights, speechlike: FloatArray) -> None:
    tracker, straight = VoiceTracker(weights), VoiceTracker(weights)
    tracker.push(chunk(speechlike[:32_000], 0.0))
    tracker.push(chunk(np.zeros(16_000, np.float32), 1.8))
    straight.push(chunk(np.concatenate([speechlike[:32_000], np.zeros(16_000)]), 0.0))
    assert tracker.num_restarts == 0
    assert tracker.heard_until_s == pytest.approx(2.8)
    for after_s in (0.1, 0.35):  # the silence is where it was said to be
        one, other = tracker.mouth_at(1.8 + after_s), straight.mouth_at(2.0 + after_s)
        assert one is not None
        assert other is not None
        np.testing.assert_allclose(one.coefficients_K, other.coefficients_K, atol=1e-4)


def test_a_jump_in_time_begins_anew(weights: Weights, speechlike: FloatArray) -> None:
    tracker = VoiceTracker(weights)
    tracker.push(chunk(speechlike[:16_000], 100.0))
    tracker.push(chunk(speechlike[:16_000], 20.0))
    assert tracker.num_restarts == 1
    assert tracker.heard_until_s == pytest.approx(21.0)


def test_another_rate_begins_anew(weights: Weights, speechlike: FloatArray) -> None:
    tracker = VoiceTracker(weights)
    tracker.push(chunk(speechlike[:16_000], 0.0, 16_000))
    tracker.push(chunk(speechlike, 1.0, 48_000))
    assert tracker.heard_until_s == pytest.approx(1.0 + 64_000 / 48_000)


def test_broken_samples_and_shapes_do_no_harm(weights: Weights) -> None:
    tracker = VoiceTracker(weights)
    tracker.push(chunk(np.full(8000, np.nan, np.float32), 0.0))
    tracker.push(chunk(np.full((1, 8000), 1e30, np.float32), 0.5))
    tracker.push(chunk(np.zeros(0, np.float32), 1.0))
    moment = tracker.mouth_at(0.9)
    assert moment is not None
    assert np.isfinite(moment.coefficients_K).all()


def test_an_absurd_rate_is_an_error_and_the_tracker_lives(
    weights: Weights, speechlike: FloatArray
) -> None:
    tracker = VoiceTracker(weights)
    with pytest.raises(AudioError):
        tracker.push(chunk(speechlike, 0.0, 7))
    tracker.push(chunk(speechlike, 0.0))
    assert tracker.mouth_at(1.0) is not None


def test_a_flood_is_taken_in_pieces_and_little_is_kept(weights: Weights) -> None:
    tracker = VoiceTracker(weights)
    tracker.push(chunk(np.zeros(16_000 * 30, np.float32), 0.0))
    assert len(tracker._moments) <= 200
    assert tracker.heard_until_s == pytest.approx(30.0)


def test_a_microphone_that_stalls_leaves_idle_life_and_comes_back(
    weights: Weights, speechlike: FloatArray
) -> None:
    tracker = VoiceTracker(weights)
    tracker.push(chunk(speechlike[:32_000], 0.0))
    tracker._last_speech_s = 1e9  # the untrained network does not know speech
    heard = [tracker.motion_at(0.04 * step) is not None for step in range(150)]  # to 6 s
    assert heard[40]
    assert not any(heard[80:])
    tracker.push(chunk(speechlike[:32_000], 6.0))
    tracker._last_speech_s = 1e9
    assert tracker.num_restarts == 1
    assert tracker.motion_at(7.0) is not None


def test_a_microphone_that_stalled_and_then_floods_is_heard_in_its_place(
    weights: Weights, speechlike: FloatArray
) -> None:
    late, steady = VoiceTracker(weights), VoiceTracker(weights)
    packets = pieces(speechlike, 3, 800)
    at_s = 0.0
    for index, piece in enumerate(packets):  # the stamps are right, only everything comes at once
        late.push(chunk(piece, at_s))
        steady.push(chunk(piece, at_s))
        if index % 5 == 0:
            steady.mouth_at(at_s)
        at_s += len(piece) / 16_000
    one, other = late.mouth_at(3.0), steady.mouth_at(3.0)
    assert one is not None
    assert other is not None
    np.testing.assert_array_equal(one.coefficients_K, other.coefficients_K)
    assert late.num_restarts == 0


def test_without_sound_there_is_no_mouth(weights: Weights, speechlike: FloatArray) -> None:
    tracker = VoiceTracker(weights)
    assert tracker.mouth_at(0.0) is None
    assert tracker.motion_at(0.0) is None
    tracker.push(chunk(speechlike, 0.0))
    assert tracker.mouth_at(10.0) is None
    tracker.reset()
    assert tracker.mouth_at(1.0) is None


def test_live_the_mouth_lags_by_an_even_amount_and_says_so(
    weights: Weights, speechlike: FloatArray
) -> None:
    tracker = VoiceTracker(weights)
    lags_s = []
    for step in range(80):  # packets of 20 ms; a picture every 40 ms
        tracker.push(chunk(speechlike[step * 320 : (step + 1) * 320], 0.02 * step))
        tracker._last_speech_s = 1e9  # the untrained network does not know speech
        if step % 2:
            assert tracker.motion_at(0.02 * (step + 1)) is not None or step < 8
            lags_s.append(tracker.lag_s)
    assert DELAY_S - 0.03 <= lags_s[-1] <= DELAY_S + 0.02
    assert np.ptp(lags_s[10:]) < 0.02


def test_offline_the_mouth_is_on_time(weights: Weights, speechlike: FloatArray) -> None:
    tracker = VoiceTracker(weights)
    tracker.push(chunk(speechlike, 0.0))
    tracker._last_speech_s = 1e9
    assert tracker.motion_at(1.0) is not None
    assert tracker.lag_s == 0.0


def test_silence_after_speech_leaves_the_mouth_to_idle_life(
    weights: Weights, speechlike: FloatArray
) -> None:
    tracker = VoiceTracker(weights)
    tracker.push(chunk(speechlike, 0.0))
    tracker._last_speech_s = 1.0
    assert tracker.motion_at(1.0 + IDLE_AFTER_S - 0.1) is not None
    assert tracker.motion_at(1.0 + IDLE_AFTER_S + 0.1) is None
