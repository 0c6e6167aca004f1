"""Formulas of the shader: light from everywhere, texture look-ups, soft shadows, highlights.

Knows numbers at one point; what is shaded with which is `avatar.data.shade`'s.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from avatar.jit import kernel

Floats = NDArray[np.float32]

_K = np.arange(32) + 0.5
SHADOW_TAPS = np.stack(
    [np.sqrt(_K / 32) * np.cos(_K * 2.3999632), np.sqrt(_K / 32) * np.sin(_K * 2.3999632)], -1
).astype(np.float32)
"""A sunflower disc; any stride through it is again a disc."""


def shadow_taps(num: int) -> Floats:
    """`num` (<= 32) taps on the unit disc."""
    return np.ascontiguousarray(SHADOW_TAPS[:: 32 // num][:num])


@kernel
def harmonics_at(sh: Floats, x: float, y: float, z: float, channel: int) -> float:
    """Irradiance-like value of order-2 harmonics in direction (x, y, z)."""
    return (
        sh[0, channel]
        + sh[1, channel] * y
        + sh[2, channel] * z
        + sh[3, channel] * x
        + sh[4, channel] * x * y
        + sh[5, channel] * y * z
        + sh[6, channel] * (3 * z * z - 1)
        + sh[7, channel] * x * z
        + sh[8, channel] * (x * x - y * y)
    )


@kernel
def texel_at(texture: Floats, u: float, v: float, out: Floats) -> None:
    """Bilinear colour and gloss at a place 0..1 of a sheet."""
    height, width = texture.shape[0], texture.shape[1]
    x, y = u * width - 0.5, v * height - 0.5
    x0, y0 = int(np.floor(x)), int(np.floor(y))
    fx, fy = x - x0, y - y0
    x0 = min(max(x0, 0), width - 2)
    y0 = min(max(y0, 0), height - 2)
    for k in range(4):
        top = texture[y0, x0, k] * (1 - fx) + texture[y0, x0 + 1, k] * fx
        low = texture[y0 + 1, x0, k] * (1 - fx) + texture[y0 + 1, x0 + 1, k] * fx
        out[k] = top * (1 - fy) + low * fy


@kernel
def height_at(heights: Floats, x: float, y: float) -> float:
    """Bilinear height at texel coordinates."""
    x0, y0 = int(np.floor(x)), int(np.floor(y))
    fx, fy = x - x0, y - y0
    x0 = min(max(x0, 0), heights.shape[1] - 2)
    y0 = min(max(y0, 0), heights.shape[0] - 2)
    top = heights[y0, x0] * (1 - fx) + heights[y0, x0 + 1] * fx
    low = heights[y0 + 1, x0] * (1 - fx) + heights[y0 + 1, x0 + 1] * fx
    return top * (1 - fy) + low * fy


@kernel
def light_arriving(
    shadow: Floats,
    to_shadow: Floats,
    px: float,
    py: float,
    pz: float,
    spread: float,
    softness: float,
    taps: Floats,
    c: float,
    s: float,
) -> float:
    """Share of a light that arrives: 1 lit, 0 shadowed; `softness` lets hair pass light (1/cm)."""
    u = to_shadow[0, 0] * px + to_shadow[0, 1] * py + to_shadow[0, 2] * pz + to_shadow[0, 3]
    v = to_shadow[1, 0] * px + to_shadow[1, 1] * py + to_shadow[1, 2] * pz + to_shadow[1, 3]
    d = to_shadow[2, 0] * px + to_shadow[2, 1] * py + to_shadow[2, 2] * pz + to_shadow[2, 3]
    size = shadow.shape[0]
    lit = 0.0
    for k in range(taps.shape[0]):
        x = int(u + spread * (c * taps[k, 0] - s * taps[k, 1]))
        y = int(v + spread * (s * taps[k, 0] + c * taps[k, 1]))
        if 0 <= x < size and 0 <= y < size:
            cover = shadow[y, x] - d
            if cover <= 0.0:
                lit += 1.0
            elif softness > 0.0:
                thick = softness * cover
                lit += 1.0 / (1.0 + thick + 0.5 * thick * thick)  # exp(-thick) but cheaper
        else:
            lit += 1.0
    return lit / taps.shape[0]


@kernel
def ggx(n_l: float, n_v: float, n_h: float, v_h: float, roughness: float, f0: float) -> float:
    """Microfacet highlight times the cosine to the light."""
    a = roughness * roughness
    a2 = a * a
    d = n_h * n_h * (a2 - 1.0) + 1.0
    k = 0.5 * a
    fresnel = f0 + (1.0 - f0) * (1.0 - v_h) ** 5
    return (
        a2
        / (d * d + 1e-7)
        * fresnel
        / (4.0 * (n_l * (1 - k) + k) * (n_v * (1 - k) + k) + 1e-4)
        * n_l
    )
