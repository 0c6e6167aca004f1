"""Rotations and soft limits."""

from __future__ import annotations

import numpy as np
import pytest

from avatar.motion.rotation import (
    blend_rotations,
    exp_rotation,
    from_yaw_pitch_roll,
    log_rotation,
    rotation_between,
    soft_limit,
    yaw_pitch_roll,
)


@pytest.mark.parametrize("angle", [0.0, 1e-5, 0.3, 2.5, np.pi - 1e-4, np.pi])
def test_log_inverts_exp(angle: float):
    axis = np.array([0.36, -0.48, 0.8], dtype=np.float32)
    rotation = exp_rotation(angle * axis)
    np.testing.assert_allclose(exp_rotation(log_rotation(rotation)), rotation, atol=2e-3)
    assert np.linalg.norm(log_rotation(rotation)) == pytest.approx(angle, abs=2e-3)


def test_positive_yaw_turns_the_nose_to_picture_right_and_pitch_down():
    nose = np.array([0.0, 0.0, -1.0])
    assert (from_yaw_pitch_roll(0.4, 0.0, 0.0) @ nose)[0] > 0.3
    assert (from_yaw_pitch_roll(0.0, 0.4, 0.0) @ nose)[1] > 0.3
    crown = from_yaw_pitch_roll(0.0, 0.0, 0.4) @ np.array([0.0, -1.0, 0.0])
    assert crown[0] > 0.3  # clockwise: the top of the head leans to picture right


def test_named_angles_round_trip():
    for angles in ((0.5, -0.3, 0.2), (-0.9, 0.4, -0.6), (0.0, 0.0, 0.0)):
        assert yaw_pitch_roll(from_yaw_pitch_roll(*angles)) == pytest.approx(angles, abs=1e-5)


def test_blend_is_half_way_in_angle():
    start, end = from_yaw_pitch_roll(0.2, 0, 0), from_yaw_pitch_roll(0.8, 0, 0)
    assert yaw_pitch_roll(blend_rotations(start, end, 0.5))[0] == pytest.approx(0.5, abs=1e-5)


def test_rotation_between_handles_equal_and_opposite_directions():
    a = np.array([0.0, 1.0, 0.0], dtype=np.float32)
    np.testing.assert_allclose(rotation_between(a, a), np.eye(3), atol=1e-6)
    np.testing.assert_allclose(rotation_between(a, -a) @ a, -a, atol=1e-6)


def test_soft_limit_keeps_small_values_and_never_reaches_the_limit():
    x = np.linspace(-5, 5, 1001, dtype=np.float32)
    y = soft_limit(x, 1.0, knee=0.6)
    np.testing.assert_allclose(y[np.abs(x) <= 0.6], x[np.abs(x) <= 0.6])
    assert np.abs(y).max() <= 1.0
    assert (np.diff(y) >= 0).all()
    slope = np.diff(y) / np.diff(x)
    assert np.abs(np.diff(slope)).max() < 0.06  # bends, has no corner
