"""Streams in batches: latents denoised one after the other as the sliding window does, with B > 1.

The same rules as `avatar.stream.window`: one noise for the stream, keys and values kept from the
last denoise pass, a past of `num_history` latents. A test holds the two to the same numbers.
Shapes as in avatar.model.transformer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from contextlib import nullcontext

import torch
from torch import Tensor

from avatar.model.encoders import Condition
from avatar.model.presets import HIDDEN
from avatar.model.schedule import euler, timesteps
from avatar.model.transformer import DenoisingTransformer, History, ReferenceCache


def roll_out(
    transformer: DenoisingTransformer,
    condition: Condition,
    reference: ReferenceCache,
    noise_B1CHW: Tensor,
    *,
    num_denoise_steps: int,
    knows_step_size: bool = True,
    trained: Collection[int] | None = None,
) -> Tensor:
    """Clean latents (B, L, C, H, W) of a whole stream from its start.

    `trained`: latents whose last denoise step keeps its gradient (Self-Forcing, arXiv 2506.08009);
    the past never does. None keeps none. `knows_step_size` is False for a teacher, which has only
    learned infinitesimal steps.
    """
    count = condition.warped_BLCHW.shape[1]
    past: deque[Tensor] = deque(maxlen=transformer.preset.num_history)
    steps = timesteps(num_denoise_steps)
    results = []
    for index in range(count):
        here = Condition(*(part[:, index : index + 1] for part in condition))
        history = _history(transformer, past, noise_B1CHW)
        latent, kept = noise_B1CHW, None
        for number, (timestep, following) in enumerate(steps):
            is_trained = trained is not None and index in trained and number == len(steps) - 1
            with nullcontext() if is_trained else torch.no_grad():
                time = noise_B1CHW.new_full(noise_B1CHW.shape[:2], timestep)
                size = time * 0.0 + (timestep - following if knows_step_size else 0.0)
                clean, kept = transformer(latent, time, size, here, reference, history)
                latent = euler(latent, clean, timestep, following)
        assert kept is not None
        past.append(kept.detach())
        results.append(latent)
    return torch.cat(results, 1)


def _history(transformer: DenoisingTransformer, past: deque[Tensor], like: Tensor) -> History:
    """The past in order of age; missing latents are hidden zeros."""
    net = transformer.preset
    slots, missing = net.num_history, net.num_history - len(past)
    num_tokens = (like.shape[-2] // net.patch_cells) * (like.shape[-1] // net.patch_cells)
    shape = (net.depth, 2, like.shape[0], net.num_heads, missing * num_tokens, net.head_size)
    bias = like.new_zeros(like.shape[0], slots)
    bias[:, :missing] = HIDDEN
    return History(
        torch.cat([like.new_zeros(shape), *past], 4),
        torch.arange(slots, device=like.device, dtype=torch.float32),
        bias,
    )
