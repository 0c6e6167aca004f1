"""One transformer block: Self Attn over reference, past and present, Ref Attn, Face Attn, MLP.

The reference branch shares the block's weights and is one-way: reference tokens look only at their
own view, never at noise, so that their keys and values are computed once per character.

Shapes: G independent latents (batch x latents), N tokens, D width, K heads, E head size,
S reference tokens (views x N), P past tokens (num_history x N), T face tokens.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avatar.model.layers import Mlp, RmsNorm, plain_layer_norm, zero_init
from avatar.model.presets import TransformerPreset
from avatar.model.rope import rotate

NUM_MODULATIONS = 6


class Seen(NamedTuple):
    """Keys and values from outside the current latent, turned to their place, and their mask."""

    keys_GKSE: Tensor
    values_GKSE: Tensor
    bias_GS: Tensor
    """Added to the scores: 0 seen, strongly negative not seen."""


def attend(query: Tensor, keys: Tensor, values: Tensor, bias_GS: Tensor | None = None) -> Tensor:
    """Attention (G, K, N, E) to (G, N, K * E)."""
    mask = None if bias_GS is None else bias_GS[:, None, None].to(query.dtype)
    result = F.scaled_dot_product_attention(query, keys, values, attn_mask=mask)
    return result.transpose(1, 2).flatten(2)


class CrossAttention(nn.Module):
    """Queries from the latent's tokens, keys and values from elsewhere; silent until trained."""

    def __init__(self, width: int, source_width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads, self.head_size = num_heads, width // num_heads
        self.query = nn.Linear(width, width)
        self.source = nn.Linear(source_width, 2 * width)
        self.query_norm = RmsNorm(self.head_size)
        self.key_norm = RmsNorm(self.head_size)
        self.out = zero_init(nn.Linear(width, width))

    def keys_values(self, source_GSD: Tensor) -> tuple[Tensor, Tensor]:
        """(keys, values), each (G, K, S, E)."""
        keys, values = self._heads(self.source(source_GSD)).chunk(2, 1)
        return self.key_norm(keys), values

    def queries(self, x_GND: Tensor) -> Tensor:
        """(G, K, N, E)."""
        return self.query_norm(self._heads(self.query(x_GND)))

    def _heads(self, x_GND: Tensor) -> Tensor:
        return x_GND.reshape(*x_GND.shape[:-1], -1, self.head_size).transpose(1, 2)


class Block(nn.Module):
    """One layer of the denoising transformer."""

    def __init__(self, preset: TransformerPreset, *, has_reference: bool) -> None:
        super().__init__()
        width = preset.width
        self.head_size = preset.head_size
        self.table = nn.Parameter(torch.zeros(NUM_MODULATIONS, width))
        self.qkv = nn.Linear(width, 3 * width)
        self.query_norm = RmsNorm(preset.head_size)
        self.key_norm = RmsNorm(preset.head_size)
        self.out = nn.Linear(width, width)
        self.reference = CrossAttention(width, width, preset.num_heads) if has_reference else None
        self.face = CrossAttention(width, preset.face_width, preset.num_heads)
        self.mlp = Mlp(width, preset.mlp_ratio * width)

    def project(self, x_GND: Tensor, modulation_G6D: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Un-rotated (query, key, value) of Self Attn, each (G, K, N, E)."""
        shift, scale = self._modulation(modulation_G6D, 0), self._modulation(modulation_G6D, 1)
        normed = plain_layer_norm(x_GND) * (1.0 + scale) + shift
        joined = self.qkv(normed)
        heads = joined.reshape(*joined.shape[:-1], -1, self.head_size).transpose(1, 2)
        query, key, value = heads.chunk(3, 1)
        return self.query_norm(query), self.key_norm(key), value

    def finish(
        self,
        x_GND: Tensor,
        modulation_G6D: Tensor,
        attended_GND: Tensor,
        face_GTD: Tensor,
        angle_NE: Tensor,
        reference: Seen | None,
    ) -> Tensor:
        """Everything after Self Attn's look; `reference` is None in the reference branch itself."""
        x = x_GND + self._modulation(modulation_G6D, 2) * self.out(attended_GND)
        if self.reference is not None and reference is not None:
            query = rotate(self.reference.queries(plain_layer_norm(x)), angle_NE)
            looked = attend(query, reference.keys_GKSE, reference.values_GKSE, reference.bias_GS)
            # With every view masked (the ablation) softmax would still average something.
            is_seen = (reference.bias_GS.amax(-1) > -1.0).to(x.dtype)[:, None, None]
            x = x + is_seen * self.reference.out(looked)
        keys, values = self.face.keys_values(face_GTD)
        x = x + self.face.out(attend(self.face.queries(plain_layer_norm(x)), keys, values))
        shift, scale = self._modulation(modulation_G6D, 3), self._modulation(modulation_G6D, 4)
        hidden = plain_layer_norm(x) * (1.0 + scale) + shift
        return x + self._modulation(modulation_G6D, 5) * self.mlp(hidden)

    def reference_keys_values(self, x_GND: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of Ref Attn, from the reference branch's hidden state."""
        assert self.reference is not None
        return self.reference.keys_values(plain_layer_norm(x_GND))

    def _modulation(self, modulation_G6D: Tensor, index: int) -> Tensor:
        # Adding 1 to gates is left to the table, which starts at zero: a block begins silent.
        return (modulation_G6D[:, index] + self.table[index])[:, None]
