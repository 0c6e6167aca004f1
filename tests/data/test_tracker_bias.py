"""The tracker's bias follows the head's turn and the face's traits, and its error is kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from avatar.data.face_traits import NUM_TRAITS, face_traits
from avatar.data.facial_hair import BeardStyle
from avatar.data.head import expression, identity_shape
from avatar.data.light import LightStyle
from avatar.data.tracker_bias import (
    TrackedPose,
    bias_at,
    fit_bias,
    held_out_errors,
    tracker_bias,
    write_bias,
)
from avatar.errors import AssetError


def _turn(yaw: float, roll: float = 0.0) -> NDArray[np.float32]:
    c, s, d, t = np.cos(yaw), np.sin(yaw), np.cos(roll), np.sin(roll)
    about_y = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    about_z = np.array([[d, -t, 0], [t, d, 0], [0, 0, 1]])
    return (about_z @ about_y).astype(np.float32)


def _samples(num: int, *, slope: float) -> list[TrackedPose]:
    rng = np.random.default_rng(3)
    samples = []
    for k in range(num):
        yaw, roll, scale = rng.uniform(-0.8, 0.8), rng.uniform(-0.5, 0.5), rng.uniform(30, 90)
        table = rng.uniform(0, 256, (478, 2))
        upright = np.tile([slope * yaw * yaw, -slope * yaw], (478, 1))
        turn = _turn(0.0, roll)[:2, :2]
        found = table + scale * upright @ turn.T + rng.normal(0, 0.01 * scale, (478, 2))
        samples.append(
            TrackedPose(k // 4, _turn(yaw, roll), scale, table.astype(np.float32),
                        found.astype(np.float32), np.zeros(NUM_TRAITS, np.float32))
        )  # fmt: skip
    return samples


def test_a_bias_that_follows_yaw_is_found_again_on_people_not_in_the_fit() -> None:
    samples = _samples(80, slope=0.1)
    before = np.mean([np.linalg.norm(s.found_N2 - s.table_N2, axis=1) / s.scale_px
                      for s in samples])  # fmt: skip
    assert held_out_errors(samples).mean() < 0.4 * before
    table = fit_bias(samples)
    at = bias_at(_turn(0.6), 50.0, bias=table).mean(0)
    np.testing.assert_allclose(at, 50 * np.array([0.036, -0.06]), atol=0.5)


def test_the_bias_turns_with_the_picture_and_grows_with_the_face() -> None:
    upright, tilted = bias_at(_turn(0.5), 40.0), bias_at(_turn(0.5, 0.7), 40.0)
    np.testing.assert_allclose(tilted, upright @ _turn(0.0, 0.7)[:2, :2].T, atol=1e-3)
    np.testing.assert_allclose(bias_at(_turn(0.5), 80.0), 2 * upright, atol=1e-3)


def test_beyond_the_turns_of_the_fit_the_bias_stays() -> None:
    np.testing.assert_array_equal(bias_at(_turn(1.1), 50.0), bias_at(_turn(1.4), 50.0))


def test_the_kept_error_is_that_of_held_out_people() -> None:
    table = tracker_bias()
    assert table.directions_RN2.shape[1:] == (478, 2)
    assert 0.01 < table.error_N.mean() < 0.04


def test_a_kept_table_reads_back_as_it_was_fitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted = fit_bias(_samples(40, slope=0.1))
    monkeypatch.setattr("avatar.data.tracker_bias.BIAS_PATH", tmp_path / "bias.npz")
    write_bias(fitted, tmp_path / "bias.npz")
    kept = tracker_bias.__wrapped__()
    turn = _turn(0.3, 0.2)
    np.testing.assert_allclose(
        bias_at(turn, 60.0, bias=kept), bias_at(turn, 60.0, bias=fitted), atol=0.05
    )
    (tmp_path / "bias.npz").write_bytes(b"cut off")
    with pytest.raises(AssetError, match="bias.npz"):
        tracker_bias.__wrapped__()


def test_noise_alone_is_not_learned() -> None:
    table = fit_bias(_samples(80, slope=0.0))
    assert np.linalg.norm(bias_at(_turn(0.4), 1.0, bias=table), axis=1).mean() < 0.005


@pytest.mark.parametrize("yaw", [-0.4, 0.0, 0.4])
def test_the_bias_is_small_beside_a_face(yaw: float) -> None:
    assert np.linalg.norm(bias_at(_turn(yaw), 1.0), axis=1).mean() < 0.06


def test_a_trait_that_moves_landmarks_is_found_again_on_people_not_in_the_fit() -> None:
    rng, samples = np.random.default_rng(5), []
    for k, plain in enumerate(_samples(200, slope=0.0)):
        traits = np.zeros(NUM_TRAITS, np.float32)
        traits[1] = (k // 4) % 2
        found = plain.found_N2 + plain.scale_px * np.float32(0.05 * traits[1])
        samples.append(replace(plain, found_N2=found, traits_T=traits))
    left = held_out_errors(samples)
    bearded_left = left[[s.traits_T[1] == 1 for s in samples]].mean()
    assert bearded_left < 0.03  # 0.07 unlearned, 0.013 of it noise
    bearded = np.eye(NUM_TRAITS, dtype=np.float32)[1]
    table, turn = fit_bias(samples), _turn(float(rng.uniform(-0.3, 0.3)), 0.0)
    moved = bias_at(turn, 100.0, bearded, table) - bias_at(turn, 100.0, bias=table)
    assert 2.0 < moved.mean() < 5.0


def test_traits_measure_identity_expression_and_beard_of_a_shape(assets: Path) -> None:
    weights = np.zeros(60, np.float32)
    weights[:2] = 1.5, -1.0
    beard = BeardStyle(where="goatee", length=0.7)
    traits = face_traits(identity_shape(weights), expression(jawOpen=0.4), beard, 0.075)
    shape = traits[5:65]
    np.testing.assert_allclose(shape[:2], weights[:2], atol=0.1)
    assert np.abs(shape[2:10]).max() < 0.1
    np.testing.assert_allclose(traits[:5], [0, 0, 1, 0, 0.7], atol=1e-6)
    assert traits[65:].sum() == pytest.approx(0.4)
    left = face_traits(identity_shape(weights), expression(), None, 0.075, LightStyle(key_yaw=60))
    right = face_traits(identity_shape(weights), expression(), None, 0.075, LightStyle(key_yaw=-60))
    assert left[116] > 0.2
    assert left[116] == pytest.approx(-right[116])
    average = face_traits(identity_shape(weights * 0), expression(), None, 0.075)
    np.testing.assert_allclose(average, 0, atol=1e-4)
