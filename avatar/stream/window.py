"""The sliding window: latents are denoised one after the other, each seeing a fixed past.

Knows which slot of the ring is how old, which noise a latent starts from, and the order of denoise
steps; does not know the network (any `Denoiser` will do), pictures or time in seconds.

The past is a ring of `num_history` slots that the denoiser owns. A slot is overwritten when it is
the oldest; its place on the window's time axis is `num_history - age`, so nothing grows however
long the stream lives: every chunk costs the same, and the current latent always stands at
`num_history`. Kept are the keys and values of the last denoise pass (no extra clean pass: training
rolls out the same way). The reference is remembered apart from the ring and never leaves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from avatar.frames import FloatArray
from avatar.model.presets import HIDDEN
from avatar.model.runtime import Denoiser
from avatar.model.schedule import euler, timesteps

Array = Any


class SlidingWindow:
    """Denoises a stream of latents, one per `push`."""

    def __init__(
        self,
        denoiser: Denoiser,
        *,
        num_denoise_steps: int = 2,
        noise_persistence: float = 1.0,
        seed: int = 0,
    ) -> None:
        """`noise_persistence` a: noise_i = a * noise_(i-1) + sqrt(1 - a^2) * fresh noise.

        1 keeps one noise for the whole stream, the calmest picture with few steps.
        """
        if not 0.0 <= noise_persistence <= 1.0:
            raise ValueError(f"noise_persistence {noise_persistence}: must be between 0 and 1")
        self._denoiser = denoiser
        self._steps = timesteps(num_denoise_steps)
        self._persistence = noise_persistence
        self._seed = seed
        self._slots = denoiser.num_history
        self._position_W: FloatArray = np.zeros(self._slots, np.float32)
        self._bias_1W: FloatArray = np.full((1, self._slots), HIDDEN, np.float32)
        self.reset()

    @property
    def num_seen(self) -> int:
        """Past latents that the next one will see."""
        return int((self._bias_1W == 0.0).sum())

    def set_denoise_steps(self, num_denoise_steps: int) -> None:
        """Spend more or fewer steps from the next latent on (a slower machine takes fewer)."""
        self._steps = timesteps(num_denoise_steps)

    def reset(self) -> None:
        """Forget the past and begin the noise anew: the stream repeats itself exactly."""
        self._bias_1W[:] = HIDDEN
        self._next_slot = 0
        self._random = np.random.default_rng(self._seed)
        self._noise = self._fresh_noise()
        self._noise_array: Array = self._denoiser.array(self._noise)
        self._is_first = True

    def push(self, condition: Sequence[Array]) -> Array:
        """The clean latent for a condition, given all that was pushed since the last reset."""
        if not self._denoiser.uses_noise:
            return self._denoiser.denoise(
                None, 1.0, 1.0, condition, self._position_W, self._bias_1W
            )
        latent = self._next_noise()
        for timestep, next_timestep in self._steps:
            clean = self._denoiser.denoise(
                latent,
                timestep,
                timestep - next_timestep,
                condition,
                self._position_W,
                self._bias_1W,
            )
            latent = euler(latent, clean, timestep, next_timestep)
        self._keep()
        return latent

    def _keep(self) -> None:
        slot = self._next_slot
        self._denoiser.remember(slot)
        self._bias_1W[0, slot] = 0.0
        self._next_slot = (slot + 1) % self._slots
        # Ages as the next latent will see them: the slot just written is 1 old.
        age_W = (slot - np.arange(self._slots)) % self._slots + 1
        self._position_W[:] = self._slots - age_W

    def _next_noise(self) -> Array:
        if not self._is_first and self._persistence < 1.0:
            share = self._persistence
            self._noise = share * self._noise + np.sqrt(1.0 - share**2) * self._fresh_noise()
            self._noise = self._noise.astype(np.float32)
            self._noise_array = self._denoiser.array(self._noise)
        self._is_first = False
        return self._noise_array

    def _fresh_noise(self) -> FloatArray:
        return self._random.standard_normal(self._denoiser.latent_shape).astype(np.float32)
