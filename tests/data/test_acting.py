"""Acting: deterministic, within limits, with blinks and turns."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from avatar.data.acting import Acting, act
from avatar.data.head import head_model


def test_the_same_seed_acts_the_same_and_another_differently(assets: Path) -> None:
    one, two, other = act(5, 30), act(5, 30), act(6, 30)
    np.testing.assert_array_equal(one[20].expression_E, two[20].expression_E)
    assert np.abs(one[20].expression_E - other[20].expression_E).max() > 0.01


def test_weights_and_turns_stay_within_limits(assets: Path) -> None:
    poses = act(1, 400, Acting(liveliness=1.0))
    weights = np.array([p.expression_E for p in poses])
    turns = np.array([p.head_rotvec_3 for p in poses])
    assert weights.min() >= 0.0
    assert weights.max() <= 1.0
    assert np.abs(turns[:, 1]).max() <= np.pi / 3 + 1e-6
    assert np.abs(turns[:, 1]).max() > 0.2


def test_ten_seconds_hold_at_least_one_full_blink(assets: Path) -> None:
    blink = head_model().expression_index("eyeBlinkLeft")
    assert max(p.expression_E[blink] for p in act(2, 250)) > 0.6


def test_the_mouth_never_closes_further_than_the_jaw_is_open(assets: Path) -> None:
    model = head_model()
    close, jaw = model.expression_index("mouthClose"), model.expression_index("jawOpen")
    assert all(p.expression_E[close] <= p.expression_E[jaw] + 1e-6 for p in act(3, 100))
