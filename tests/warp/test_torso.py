from __future__ import annotations

from dataclasses import replace

import numpy as np

from avatar.warp.torso import torso_displacement
from tests.warp.conftest import SIDE, Painted


def shoulders(centre_y: float, roll_px: float = 0.0, shift_y: float = 0.0) -> np.ndarray:
    joints = np.zeros((33, 3), np.float32)
    joints[11] = [188, centre_y + roll_px + shift_y, 0]
    joints[12] = [68, centre_y - roll_px + shift_y, 0]
    return joints


def displacement(painted: Painted, points: np.ndarray, **changes: float) -> np.ndarray:
    seen = np.zeros(33, np.float32)
    seen[11:13] = 1.0
    reference = replace(painted.reference, joints_J3=shoulders(200.0), visibility_J=seen)
    motion = replace(painted.motion(), joints_J3=shoulders(200.0, **changes), visibility_J=seen)
    return torso_displacement(points.astype(np.float32), reference, motion)


def test_shoulders_move_rigidly_with_the_drivers(painted: Painted) -> None:
    moved = displacement(painted, np.array([[188.0, 200.0], [68.0, 200.0]]), roll_px=6.0)
    np.testing.assert_allclose(moved[:, 1], [6.0, -6.0], atol=0.5)


def test_the_cut_edge_never_rises_into_the_picture(painted: Painted) -> None:
    bottom = np.array([[128.0, float(SIDE)]])
    assert displacement(painted, bottom, shift_y=-30.0)[0, 1] >= 0.0
    assert displacement(painted, bottom, shift_y=30.0)[0, 1] > 0.0


def test_unseen_shoulders_follow_the_head_a_little(painted: Painted) -> None:
    moved = torso_displacement(
        np.array([[128.0, 190.0]], np.float32), painted.reference, painted.motion(shift=(20.0, 0.0))
    )
    assert 2.0 < moved[0, 0] < 12.0
