"""Hands roll against their forearms only as far as skin can, and matching colours match."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from avatar.data.mocap import MAX_ROLL, forearm_axes, spread_twist
from avatar.data.people import beside

Doubles = NDArray[np.float64]


def _angle(a: Doubles, b: Doubles) -> float:
    return float(np.linalg.norm(Rotation.from_matrix(a.T @ b).as_rotvec()))


def _rolled(degrees: float) -> dict[str, Doubles]:
    """An arm whose hand is rolled about the forearm of the rest pose."""
    upper = Rotation.from_euler("zx", [0.4, 0.2]).as_matrix()
    roll = Rotation.from_rotvec(np.radians(degrees) * forearm_axes()["L"]).as_matrix()
    return {"lowerarm01.L": upper, "wrist.L": upper @ roll, "finger1-1.L": upper @ roll}


@pytest.mark.parametrize("degrees", [-150.0, 100.0])
def test_a_far_roll_is_limited_and_shared_by_the_forearm(assets: Path, degrees: float) -> None:
    turns = _rolled(degrees)
    spread_twist(turns)
    assert _angle(turns["lowerarm01.L"], turns["wrist.L"]) == pytest.approx(MAX_ROLL, abs=1e-6)
    half = _angle(turns["lowerarm01.L"], turns["lowerarm02.L"])
    assert half == pytest.approx(MAX_ROLL / 2, abs=1e-6)
    assert _angle(turns["wrist.L"], turns["finger1-1.L"]) == pytest.approx(0, abs=1e-6)


def test_a_small_roll_stays(assets: Path) -> None:
    turns = _rolled(30.0)
    wrist = turns["wrist.L"].copy()
    spread_twist(turns)
    np.testing.assert_allclose(turns["wrist.L"], wrist, atol=1e-9)


def test_a_colour_that_is_led_keeps_its_brightness_and_takes_the_hue() -> None:
    led = np.array(beside((0.1, 0.2, 0.6), (0.3, 0.6, 0.2), 1.0))
    weights = np.array([0.30, 0.59, 0.11])
    assert led @ weights == pytest.approx(np.array([0.3, 0.6, 0.2]) @ weights, rel=0.35)
    assert led.argmax() == 2
