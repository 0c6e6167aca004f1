"""Rectified flow: straight lines, whole ladders of steps."""

from __future__ import annotations

import numpy as np
import pytest

from avatar.errors import ConfigError
from avatar.model.schedule import ALLOWED_STEPS, add_noise, euler, timesteps


def test_steps_lead_from_noise_to_clean_without_gap() -> None:
    for count in ALLOWED_STEPS:
        ladder = timesteps(count)
        assert len(ladder) == count
        assert ladder[0][0] == 1.0
        assert ladder[-1][1] == 0.0
        assert all(a[1] == b[0] for a, b in zip(ladder, ladder[1:], strict=False))


def test_a_perfect_prediction_reaches_the_clean_latent_in_any_number_of_steps() -> None:
    random = np.random.default_rng(0)
    clean, noise = random.standard_normal((2, 4, 4))
    for count in ALLOWED_STEPS:
        latent = noise
        for timestep, following in timesteps(count):
            assert np.allclose(latent, add_noise(clean, noise, timestep))
            latent = euler(latent, clean, timestep, following)
        assert np.allclose(latent, clean)


def test_another_number_of_steps_is_refused() -> None:
    with pytest.raises(ConfigError, match="must be one of 1, 2, 4"):
        timesteps(3)
