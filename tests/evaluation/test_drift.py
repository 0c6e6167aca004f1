"""Drift over loops: a stream that stays is flat, one that darkens or slows is told so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from avatar.evaluation import self_suite
from avatar.evaluation.drift import FPS, evaluate_drift
from avatar.evaluation.self_suite import SelfClip
from avatar.evaluation.suites import DRIFT_NUMBERS
from avatar.frames import ByteArray, DrivingFrame, RenderedFrame, Stamp
from avatar.stream.echo import EchoAnimator

NUM_FRAMES, LOOP = 6, 10


class _Darkening(EchoAnimator):
    """The driving picture, darker by a level every `every` pushes."""

    def __init__(self, every: int) -> None:
        super().__init__()
        self._every, self._num = every, 0

    def push(self, driving: DrivingFrame) -> list[RenderedFrame]:
        self._num += 1
        assert driving.rgb_HW3 is not None
        darker = driving.rgb_HW3.astype(int) - self._num // self._every
        return super().push(replace(driving, rgb_HW3=np.clip(darker, 0, 255).astype(np.uint8)))


@pytest.fixture
def clip(monkeypatch: pytest.MonkeyPatch) -> SelfClip:
    picture: ByteArray = np.full((256, 256, 3), 128, np.uint8)

    class _Character:
        canvas_hw = (256, 256)
        views: Any = [type("View", (), {"geometry": None, "rgb_HW3": picture})]

    def frames(max_frames: int, stride: int) -> Iterator[DrivingFrame]:
        for index in range(NUM_FRAMES)[:max_frames]:
            yield DrivingFrame(Stamp(index, Fraction(1, 25), 0.0), picture)

    monkeypatch.setattr(self_suite, "neutral_of", lambda picture, geometry: None)
    return SelfClip("grey", _Character(), frames, 0)  # type: ignore[arg-type]


def _drift(clip: SelfClip, animator: EchoAnimator, num_loops: int) -> dict[str, Any]:
    duration_s = num_loops * LOOP / FPS
    row, _ = evaluate_drift(clip, animator, duration_s=duration_s, max_frames=99, stride=1)
    return row


def test_a_stream_that_stays_is_flat(clip: SelfClip) -> None:
    row = _drift(clip, EchoAnimator(), 6)
    assert row["num_loops"] == 5, "the first is warm-up"
    assert row.keys() == {"clip", "error", *DRIFT_NUMBERS}
    assert row["psnr_db_per_minute"] == pytest.approx(0.0, abs=1e-6)
    assert row["colour_levels_per_minute"] == pytest.approx(0.0, abs=1e-6)
    assert row["push_first_s"] > 0


def test_one_that_darkens_is_told_so(clip: SelfClip) -> None:
    row = _drift(clip, _Darkening(every=LOOP), 6)
    assert row["colour_levels_per_minute"] == pytest.approx(-FPS * 60 / LOOP)
    assert row["psnr_db_per_minute"] < -1
    assert row["psnr_last"] < row["psnr_first"]


def test_too_short_a_stream_says_nothing(clip: SelfClip) -> None:
    row = _drift(clip, EchoAnimator(), 2)
    assert row["num_loops"] == 1
    assert row.get("psnr_db_per_minute") is None
