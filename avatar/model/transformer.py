"""The denoising transformer: a noised latent and what drives it become the clean latent.

One set of weights serves two uses that give the same numbers:
    a clip     all latents at once; each sees the `num_history` latents before it (training)
    a stream   one latent; the past is a ring of remembered keys and values (`History`)
Timesteps belong to latents, so that a clip may hold any pattern of noise.

Shapes: B batch, L latents, G = B * L, C channels, H, W latent cells, N tokens per latent, D width,
K heads, E head size, W history slots, S = views * N reference tokens, 2 = (keys, values).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avatar.model.attention import NUM_MODULATIONS, Block, Seen, attend
from avatar.model.autoencoder import NUM_VALIDITY
from avatar.model.encoders import Condition
from avatar.model.layers import plain_layer_norm, zero_init
from avatar.model.presets import HIDDEN, ModelPreset
from avatar.model.rope import REFERENCE_STRIDE, REFERENCE_TIME, angles, rotate

TIME_FEATURES = 128


class ReferenceCache(NamedTuple):
    """The reference branch's keys and values, computed once; keys are already turned."""

    self_depth2BKSE: Tensor
    cross_depth2BKSE: Tensor
    bias_BS: Tensor


class History(NamedTuple):
    """Past latents of a stream: un-rotated keys and values, their place, and what is filled."""

    depth2BKPE: Tensor
    """P = num_history * N tokens, slot by slot."""
    position_W: Tensor
    """Window-relative time of each slot: num_history - age."""
    bias_BW: Tensor


class DenoisingTransformer(nn.Module):
    """adaLN-single transformer on patches of latent cells (DiT, Peebles & Xie 2023; PixArt-alpha
    2023 for the shared modulation)."""

    def __init__(self, preset: ModelPreset) -> None:
        super().__init__()
        net, ae = preset.transformer, preset.autoencoder
        self.preset = net
        self.latent_channels = ae.latent_channels
        patch = net.patch_cells**2
        channels = 2 * ae.latent_channels + net.pose_channels + NUM_VALIDITY * ae.frames_per_latent
        self.embed = nn.Linear(channels * patch, net.width)
        self.view = nn.Parameter(0.02 * torch.randn(net.max_references, net.width))
        self.time = nn.Sequential(
            nn.Linear(TIME_FEATURES, net.width), nn.SiLU(), nn.Linear(net.width, net.width)
        )
        self.step = nn.Sequential(
            nn.Linear(TIME_FEATURES, net.width),
            nn.SiLU(),
            zero_init(nn.Linear(net.width, net.width)),
        )
        self.modulate = zero_init(nn.Linear(net.width, NUM_MODULATIONS * net.width))
        self.blocks = nn.ModuleList(
            Block(net, has_reference=k % net.reference_every == 0) for k in range(net.depth)
        )
        self.last_modulate = zero_init(nn.Linear(net.width, 2 * net.width))
        self.last = zero_init(nn.Linear(net.width, ae.latent_channels * patch))

    # -- the reference branch

    def remember_view(self, condition: Condition, view_R: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of one view of the reference (a condition of one latent, L = 1).

        `view_R` says which view it is: 1 at its place, 0 elsewhere (so that one graph serves all).
        The view's own latent stands where noise and warp stand in the stream. Returns (self, cross)
        as (depth or number of Ref Attns, 2, B, K, N, E) each.
        """
        own = condition.warped_BLCHW
        grid = self._grid(own)
        x = self._tokens(own, condition).flatten(0, 1) + view_R @ self.view
        modulation, _ = self._time(own.new_zeros(x.shape[0]), own.new_zeros(x.shape[0]))
        number = view_R @ torch.arange(view_R.shape[0], device=own.device, dtype=view_R.dtype)
        place = REFERENCE_TIME - REFERENCE_STRIDE * number
        angle = angles(place[None], grid, self.preset.rope_sizes)
        face = condition.face_BLTD.flatten(0, 1)
        for_self, for_cross = [], []
        for block in self._each():
            if block.reference is not None:
                keys, values = block.reference_keys_values(x)
                for_cross.append(torch.stack([rotate(keys, angle), values]))
            query, key, value = block.project(x, modulation)
            key = rotate(key, angle)
            for_self.append(torch.stack([key, value]))
            attended = attend(rotate(query, angle), key, value)
            x = block.finish(x, modulation, attended, face, angle, None)
        return torch.stack(for_self), torch.stack(for_cross)

    def reference_cache(
        self, views: list[Condition], is_seen_BR: Tensor | None = None
    ) -> ReferenceCache:
        """All views together; `is_seen_BR` (B, R) hides views per example (training)."""
        which = torch.eye(self.preset.max_references, device=views[0].warped_BLCHW.device)
        remembered = [self.remember_view(condition, which[k]) for k, condition in enumerate(views)]
        num_tokens = remembered[0][0].shape[4]
        batch = views[0].warped_BLCHW.shape[0]
        like = views[0].warped_BLCHW
        if is_seen_BR is None:
            is_seen_BR = like.new_ones(batch, len(views), dtype=torch.bool)
        bias_BR = torch.where(is_seen_BR, 0.0, HIDDEN).to(like.dtype)
        return ReferenceCache(
            torch.cat([for_self for for_self, _ in remembered], 4),
            torch.cat([for_cross for _, for_cross in remembered], 4),
            bias_BR.repeat_interleave(num_tokens, 1),
        )

    # -- denoising

    def forward(
        self,
        noised_BLCHW: Tensor,
        timestep_BL: Tensor,
        step_size_BL: Tensor,
        condition: Condition,
        reference: ReferenceCache,
        history: History | None = None,
        is_past_seen_BLW: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return (clean_BLCHW, keys and values of these latents (depth, 2, G, K, N, E)).

        With `history`, L is 1 and the past comes from the ring; without, from the latents before
        it in the clip, of which `is_past_seen_BLW` may hide some (history dropout).
        """
        batch, num_latents = noised_BLCHW.shape[:2]
        assert history is None or num_latents == 1, "a stream advances latent by latent"
        grid = self._grid(noised_BLCHW)
        num_tokens, slots = grid[0] * grid[1], self.preset.num_history
        x = self._tokens(noised_BLCHW, condition).flatten(0, 1)
        modulation, embedded = self._time(timestep_BL.flatten(), step_size_BL.flatten())
        face = condition.face_BLTD.flatten(0, 1)

        sizes = self.preset.rope_sizes
        now = angles(noised_BLCHW.new_tensor([float(slots)]), grid, sizes)
        if history is None:
            steps = torch.arange(slots, device=x.device, dtype=torch.float32)
            bias_GW = self._past_bias(batch, num_latents, is_past_seen_BLW, x)
        else:
            steps, bias_GW = history.position_W, history.bias_BW
        past = angles(steps, grid, sizes)
        reference_bias = reference.bias_BS.repeat_interleave(num_latents, 0)
        bias_GS = torch.cat(
            [
                reference_bias,
                bias_GW.repeat_interleave(num_tokens, 1),
                x.new_zeros(x.shape[0], num_tokens),
            ],
            1,
        )
        remembered, cross_index = [], 0
        for index, block in enumerate(self._each()):
            query, key, value = block.project(x, modulation)
            remembered.append(torch.stack([key, value]))
            if history is None:
                past_key = _windows(key, batch, num_latents, slots)
                past_value = _windows(value, batch, num_latents, slots)
            else:
                past_key, past_value = history.depth2BKPE[index]
            own = reference.self_depth2BKSE[index]
            keys = torch.cat(
                [_spread(own[0], num_latents), rotate(past_key, past), rotate(key, now)], 2
            )
            values = torch.cat([_spread(own[1], num_latents), past_value, value], 2)
            attended = attend(rotate(query, now), keys, values, bias_GS)
            seen = None
            if block.reference is not None:
                cross = reference.cross_depth2BKSE[cross_index]
                seen = Seen(
                    _spread(cross[0], num_latents), _spread(cross[1], num_latents), reference_bias
                )
                cross_index += 1
            x = block.finish(x, modulation, attended, face, now, seen)
        shift, scale = self.last_modulate(embedded)[:, None].chunk(2, -1)
        out = self.last(plain_layer_norm(x) * (1.0 + scale) + shift)
        correction = self._unpatch(out, grid).reshape(noised_BLCHW.shape)
        return condition.warped_BLCHW + correction, torch.stack(remembered)

    # -- pieces

    def _each(self) -> list[Block]:
        return [block for block in self.blocks if isinstance(block, Block)]

    def _grid(self, latents_BLCHW: Tensor) -> tuple[int, int]:
        patch = self.preset.patch_cells
        return latents_BLCHW.shape[-2] // patch, latents_BLCHW.shape[-1] // patch

    def _tokens(self, noised_BLCHW: Tensor, condition: Condition) -> Tensor:
        joined = torch.cat(
            [
                noised_BLCHW,
                condition.warped_BLCHW,
                condition.pose_BLCHW,
                condition.validity_BLCHW,
            ],
            2,
        )
        folded = F.pixel_unshuffle(joined.flatten(0, 1), self.preset.patch_cells)
        tokens = self.embed(folded.flatten(2).transpose(1, 2))
        return tokens.reshape(*noised_BLCHW.shape[:2], *tokens.shape[1:])

    def _unpatch(self, tokens_GND: Tensor, grid: tuple[int, int]) -> Tensor:
        folded = tokens_GND.transpose(1, 2).reshape(tokens_GND.shape[0], -1, *grid)
        return F.pixel_shuffle(folded, self.preset.patch_cells)

    def _time(self, timestep_G: Tensor, step_size_G: Tensor) -> tuple[Tensor, Tensor]:
        """Modulations (G, 6, D) shared by all blocks, and the embedding they come from (G, D)."""
        dtype = self.embed.weight.dtype
        embedded = F.silu(
            self.time(_waves(timestep_G).to(dtype)) + self.step(_waves(step_size_G).to(dtype))
        )
        return self.modulate(embedded).reshape(embedded.shape[0], NUM_MODULATIONS, -1), embedded

    def _past_bias(
        self, batch: int, num_latents: int, is_seen_BLW: Tensor | None, like: Tensor
    ) -> Tensor:
        """(G, W): hide what lies before the clip, and what dropout takes."""
        slots = self.preset.num_history
        row = torch.arange(num_latents, device=like.device)[:, None]
        exists = row - slots + torch.arange(slots, device=like.device) >= 0
        is_seen = exists.expand(batch, -1, -1)
        if is_seen_BLW is not None:
            is_seen = is_seen & is_seen_BLW
        return torch.where(is_seen, 0.0, HIDDEN).to(like.dtype).flatten(0, 1)


def _windows(x_GKNE: Tensor, batch: int, num_latents: int, slots: int) -> Tensor:
    """For each latent of a clip the `slots` latents before it: (G, K, slots * N, E)."""
    x = x_GKNE.reshape(batch, num_latents, *x_GKNE.shape[1:])
    padded = torch.cat([x.new_zeros(batch, slots, *x.shape[2:]), x], 1)
    windows = padded.unfold(1, slots, 1)[:, :num_latents]  # (B, L, K, N, E, slots)
    return windows.permute(0, 1, 2, 5, 3, 4).flatten(0, 1).flatten(2, 3)


def _spread(x_BKSE: Tensor, num_latents: int) -> Tensor:
    """The same for each latent of a clip: (G, K, S, E)."""
    if num_latents == 1:
        return x_BKSE
    return x_BKSE.repeat_interleave(num_latents, 0)


def _waves(value_G: Tensor) -> Tensor:
    """Sines and cosines of a number in [0, 1]."""
    half = TIME_FEATURES // 2
    exponent = torch.arange(half, dtype=torch.float32, device=value_G.device) / half
    phase = value_G.float()[:, None] * 1000.0 * torch.exp(-math.log(10000.0) * exponent)
    return torch.cat([phase.cos(), phase.sin()], -1)
