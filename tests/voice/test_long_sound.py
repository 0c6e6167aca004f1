"""A long sound: nothing drifts, nothing is missed; half an hour of it under the marker `soak`."""

from __future__ import annotations

import numpy as np
import pytest

from avatar.evaluation.voice_soak import _opening_s, soak


def test_the_mouth_opens_for_the_last_marker_as_for_the_first() -> None:
    result = soak(1.0)
    assert result.num_markers == 10
    assert result.num_missed == 0
    assert result.num_restarts == 0
    assert abs(result.last_offset_s - result.first_offset_s) < 0.02
    assert abs(result.last_offset_s) < 0.08


@pytest.mark.soak
def test_half_an_hour_neither_drifts_nor_grows() -> None:
    result = soak(30.0)
    assert result.num_missed == 0
    assert abs(result.last_offset_s - result.first_offset_s) < 0.01
    assert result.memory_growth_mb is None or result.memory_growth_mb < 8.0


def test_an_opening_is_found_between_frames() -> None:
    times_s = 12.0 + 0.04 * np.arange(150)
    gaps = np.clip((times_s - 12.50) / 0.4, 0.0, 1.0) * 0.2
    assert _opening_s(times_s, gaps) == pytest.approx(0.5 + 0.3 * 0.4, abs=1e-6)
    assert _opening_s(times_s, 0.0 * gaps) is None
