"""Who wins a clip: better in PSNR and SSIM than the best of the others there."""

from __future__ import annotations

import pytest

from avatar.evaluation.comparison import clip_wins, compare, gain_over
from avatar.evaluation.report import Row


def _rows(*pairs: tuple[float, float] | None) -> list[Row]:
    """(PSNR, SSIM) per clip; None where no face was found."""
    return [
        {"clip": "a", "error": "no face"} if pair is None else {"psnr": pair[0], "ssim": pair[1]}
        for pair in pairs
    ]


MODEL = _rows((25.0, 0.9), (25.0, 0.9), (25.0, 0.9), None)
WARP = _rows((24.0, 0.8), (24.0, 0.95), (20.0, 0.1), None)
NO_MOUTH = _rows((24.5, 0.7), (20.0, 0.1), (25.5, 0.2), None)


def test_a_clip_is_won_in_both_measures_against_every_other() -> None:
    assert clip_wins(MODEL, [WARP]) == pytest.approx(2 / 3)
    assert clip_wins(MODEL, [WARP, NO_MOUTH]) == pytest.approx(1 / 3)


def test_the_gain_is_over_the_best_other_in_each_clip() -> None:
    assert gain_over(MODEL, [WARP, NO_MOUTH], "psnr") == pytest.approx((0.5 + 1.0 - 0.5) / 3)


def test_without_a_common_clip_there_is_no_answer() -> None:
    assert clip_wins(_rows(None), [_rows((1.0, 1.0))]) is None
    assert gain_over(_rows(None), [_rows((1.0, 1.0))], "psnr") is None


def test_nobody_is_compared_with_himself() -> None:
    rows = compare({"warp": WARP, "neural": MODEL}, ["warp"])
    assert "clip_wins" not in rows[0]
    assert rows[1]["clip_wins"] == pytest.approx(2 / 3)
    assert rows[1]["psnr"] == pytest.approx(25.0)
