"""The recording's own arithmetic: when sound was there, and which cells of the picture are lips."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from client.lips_probe import _levels, _mouth_cells
from client.probe import ProbeError

GRID = 128


def _picture(opening: float, *, noise: NDArray[np.float64]) -> dict[str, object]:
    grid = np.full((GRID, GRID), 120.0) + noise
    grid[80:86, 58:70] -= 60.0 * opening  # a dark gap between lips
    return {"value": base64.b64encode(grid.astype(np.uint8).tobytes()).decode()}


def test_the_lips_are_found_where_the_picture_moves_and_open_is_positive() -> None:
    rng = np.random.default_rng(0)
    openings = np.clip(np.sin(np.arange(120) / 3.0), 0.0, 1.0) * (np.arange(120) % 60 < 25)
    pictures = [_picture(value, noise=rng.normal(0, 1, (GRID, GRID))) for value in openings]
    cells, weights = _mouth_cells(pictures)
    rows, columns = np.array(cells) // GRID, np.array(cells) % GRID
    lips = (rows >= 80) & (rows < 86) & (columns >= 58) & (columns < 70)
    assert lips.sum() == 72
    assert np.square(np.array(weights)[lips]).sum() > 0.9
    shown = [np.frombuffer(base64.b64decode(str(p["value"])), np.uint8)[cells] for p in pictures]
    values = np.array(shown, np.float64) @ np.array(weights)
    assert np.corrcoef(values, openings)[0, 1] > 0.99


def test_a_picture_in_which_nothing_moves_is_said_to_be_so() -> None:
    still = [_picture(0.0, noise=np.zeros((GRID, GRID)))] * 50
    with pytest.raises(ProbeError, match="Nothing moves"):
        _mouth_cells(still)


def test_a_busy_page_does_not_move_the_sound() -> None:
    """Pieces that were read late are put where those before them say."""
    late_ms = np.where(np.arange(200) % 7 == 3, 35.0, 0.0)
    pieces: list[dict[str, Any]] = [
        {
            "at_ms": 1000.0 + 10.0 * (i + 1) + late_ms[i],
            "end": 480 * (i + 1),
            "rate_hz": 48_000,
            "levels": [0.1, 0.2, 0.3, 0.4],
        }
        for i in range(200)
    ]
    spoken = _levels("microphone", pieces, is_end=True)
    np.testing.assert_allclose(np.diff(spoken["microphone_s"]), 0.0025, atol=1e-6)
    assert spoken["microphone_s"][-1] == pytest.approx(1.0 + 2.0 - 0.00125, abs=1e-6)
    heard = _levels("voice", pieces, is_end=False)
    assert heard["voice_s"][0] == pytest.approx(1.01 + 0.00125, abs=1e-6)
    assert len(_levels("voice", [], is_end=False)["voice"]) == 0


def test_sound_that_was_lost_and_calls_that_began_anew_are_put_right() -> None:
    pieces: list[dict[str, Any]] = [
        {"at_ms": 10.0 * (i + 1), "end": 480 * (i + 1)} for i in range(300)
    ]
    for piece in pieces[150:]:
        piece["at_ms"] += 80.0  # the microphone lost 80 ms
    pieces += [{"at_ms": 9000.0 + 10.0 * i, "end": 480 * (i + 1)} for i in range(100)]
    for piece in pieces:
        piece.update({"rate_hz": 48_000, "levels": [1.0] * 4})
    times_s = _levels("microphone", pieces, is_end=True)["microphone_s"]
    assert times_s[4 * 149 + 3] == pytest.approx(1.5 - 0.00125, abs=1e-6)
    assert times_s[4 * 150 + 3] == pytest.approx(1.59 - 0.00125, abs=1e-6)
    assert times_s[4 * 300] == pytest.approx(9.0 - 0.00875, abs=1e-6)
