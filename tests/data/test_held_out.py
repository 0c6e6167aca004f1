"""The held-out set is fixed, has every look, and shares no seed with training."""

from __future__ import annotations

import pytest

from avatar.data.clip import ClipPlan
from avatar.data.held_out import HELD_OUT_FROM, held_out_plan
from avatar.data.looks import Look


def test_eight_clips_show_every_look() -> None:
    looks = {held_out_plan(k, ClipPlan())[1].look for k in range(8)}
    assert looks == set(Look)


def test_its_seeds_lie_beyond_those_of_training() -> None:
    assert held_out_plan(0, ClipPlan())[0] == HELD_OUT_FROM
    with pytest.raises(ValueError, match="must be 0 or more"):
        held_out_plan(-1, ClipPlan())
