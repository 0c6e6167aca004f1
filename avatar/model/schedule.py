"""Rectified flow as pure functions: noise in, Euler steps out.

x_t = (1 - t) x_0 + t noise, t from 1 (noise) to 0 (clean); Liu et al. 2022 (arXiv 2209.03003). The
network predicts x_0 (small networks manage that, arXiv 2511.13720); velocity follows from it. Works
on torch tensors and numpy arrays alike, so that the stream runs without torch.
"""

from __future__ import annotations

from typing import TypeVar

from avatar.errors import ConfigError

Array = TypeVar("Array")

MIN_TIMESTEP = 0.05
"""Smallest divisor of a velocity: the x_0 error of an almost clean latent is not blown up."""
ALLOWED_STEPS = (1, 2, 4, 8, 16, 32)


def add_noise(clean: Array, noise: Array, timestep: Array | float) -> Array:
    """x_t between clean and noise."""
    return (1.0 - timestep) * clean + timestep * noise  # type: ignore[operator,return-value]


def euler(noised: Array, clean: Array, timestep: float, next_timestep: float) -> Array:
    """One step along the straight line through x_t and the predicted x_0."""
    share = next_timestep / timestep
    return clean + share * (noised - clean)  # type: ignore[operator]


def timesteps(num_denoise_steps: int) -> tuple[tuple[float, float], ...]:
    """(timestep, next timestep) of each denoise step; powers of two, as the shortcut is trained.

    Raises ConfigError for another number of steps.
    """
    if num_denoise_steps not in ALLOWED_STEPS:
        raise ConfigError(
            f"num_denoise_steps = {num_denoise_steps}: must be one of "
            f"{', '.join(map(str, ALLOWED_STEPS))}."
        )
    step = 1.0 / num_denoise_steps
    return tuple((1.0 - k * step, 1.0 - (k + 1) * step) for k in range(num_denoise_steps))
