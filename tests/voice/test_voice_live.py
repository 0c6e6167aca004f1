"""What a recorded session says: known delays are found, what was not said is not made up."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from avatar.evaluation.voice_live import make_sound, measure, measure_every
from avatar.evaluation.voice_mouth import heard_mouth
from avatar.frames import FloatArray

Curve = NDArray[np.float64]
FPS, LEVELS_HZ = 25, 400


@pytest.fixture(scope="module")
def said() -> tuple[FloatArray, int]:
    return make_sound()


def _curves(
    said: tuple[FloatArray, int], *, voice_s: float, lips_s: float, rounds: int = 2
) -> dict[str, Curve]:
    """A session whose voice and lips come this much after the microphone."""
    samples_T, rate_hz = said
    length_s = len(samples_T) / rate_hz
    end_s = 2.0 + rounds * length_s
    times_s = np.arange(0.0, end_s, 1.0 / LEVELS_HZ)
    edges = (np.arange(int(length_s * LEVELS_HZ)) * rate_hz) // LEVELS_HZ
    level_M = np.sqrt(np.add.reduceat(np.square(samples_T.astype(np.float64)), edges) / 55)
    level_s = (np.arange(len(level_M)) + 0.5) / LEVELS_HZ
    mouth = heard_mouth(samples_T, rate_hz, None)
    lips_at_s = np.arange(0.0, end_s, 1.0 / FPS) + 0.007

    def again(at_s: Curve, curve_s: Curve, curve: Curve) -> Curve:
        since_s = at_s - 1.0
        values = np.interp(since_s % length_s, curve_s, curve)
        return np.where((since_s >= 0) & (since_s < rounds * length_s), values, curve[-1])

    # A picture says little of how wide, has its own scale, and some noise.
    lips = 40.0 * np.tanh(
        8.0
        * again(
            lips_at_s - lips_s, mouth.times_s.astype(np.float64), mouth.opening_M.astype(np.float64)
        )
    )
    return {
        "microphone_s": times_s,
        "microphone": again(times_s, level_s, level_M),
        "voice_s": times_s,
        "voice": 0.7 * again(times_s - voice_s, level_s, level_M),
        "lips_s": lips_at_s,
        "lips": lips + np.random.default_rng(1).normal(0.0, 0.5, len(lips)) - 9.0,
        "loudspeaker_wait_s": np.array([0.03]),
        "screen_wait_s": np.array([0.006, 0.009, 0.02]),
    }


def test_known_delays_are_found(said: tuple[FloatArray, int]) -> None:
    report = measure(_curves(said, voice_s=0.11, lips_s=0.14), *said)
    assert report.num_found > 15
    assert report.voice_s.p50 == pytest.approx(0.11, abs=0.003)
    assert report.picture_s.p50 == pytest.approx(0.14, abs=0.008)
    assert report.skew_median_s == pytest.approx(-0.03, abs=0.008)
    assert report.heard_skew_median_s == pytest.approx(-0.009, abs=0.009)
    assert report.fps == pytest.approx(FPS, abs=0.1)


def test_an_application_has_no_microphone_and_its_skew_is_found(
    said: tuple[FloatArray, int],
) -> None:
    curves = _curves(said, voice_s=0.2, lips_s=0.15)
    curves["microphone"] = curves["microphone_s"] = np.zeros(0)
    curves["loudspeaker_wait_s"] = np.zeros(0)
    report = measure(curves, *said)
    assert report.picture_s.p50 is None
    assert report.heard_skew_s.p50 is None
    assert report.skew_median_s == pytest.approx(0.05, abs=0.008)


def test_words_that_are_not_heard_are_missed_and_not_measured(
    said: tuple[FloatArray, int],
) -> None:
    curves = _curves(said, voice_s=0.1, lips_s=0.1)
    whole = measure(curves, *said)
    curves["voice"] = np.where(curves["voice_s"] > 15.0, 1e-5, curves["voice"])
    torn = measure(curves, *said)
    assert torn.num_words == whole.num_words
    assert torn.num_found < whole.num_found - 3
    assert torn.skew_median_s == pytest.approx(0.0, abs=0.008)


def test_a_skew_that_grows_is_seen_stretch_by_stretch(said: tuple[FloatArray, int]) -> None:
    early, late = (_curves(said, voice_s=0.1 + by_s, lips_s=0.1) for by_s in (0.0, 0.06))
    turn_s = early["voice_s"][len(early["voice_s"]) // 2]
    curves = {**early, "voice": np.where(early["voice_s"] < turn_s, early["voice"], late["voice"])}
    skews_s = [report.skew_median_s for report in measure_every(curves, *said, float(turn_s))]
    assert skews_s == pytest.approx([0.0, 0.06], abs=0.01)
