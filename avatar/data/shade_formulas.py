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


_PALER = (np.linspace(0, 1, 2049) ** 0.6).astype(np.float32)


@kernel
def paler(albedo: float) -> float:
    """albedo ** 0.6 from a table."""
    return _PALER[int(min(max(albedo, 0.0), 1.0) * 2048 + 0.5)]


@kernel
def harmonics_at(sh: Floats, x: float, y: float, z: float) -> tuple[float, float, float]:
    """Value of order-2 harmonics in direction (x, y, z), three channels, never negative."""
    xy, yz, xz = x * y, y * z, x * z
    zz, xx = 3 * z * z - 1, x * x - y * y
    r = sh[0, 0] + sh[1, 0] * y + sh[2, 0] * z + sh[3, 0] * x
    g = sh[0, 1] + sh[1, 1] * y + sh[2, 1] * z + sh[3, 1] * x
    b = sh[0, 2] + sh[1, 2] * y + sh[2, 2] * z + sh[3, 2] * x
    r += sh[4, 0] * xy + sh[5, 0] * yz + sh[6, 0] * zz + sh[7, 0] * xz + sh[8, 0] * xx
    g += sh[4, 1] * xy + sh[5, 1] * yz + sh[6, 1] * zz + sh[7, 1] * xz + sh[8, 1] * xx
    b += sh[4, 2] * xy + sh[5, 2] * yz + sh[6, 2] * zz + sh[7, 2] * xz + sh[8, 2] * xx
    return max(r, 0.0), max(g, 0.0), max(b, 0.0)


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
    num = taps.shape[0]
    reach_c, reach_s = np.float32(spread * c), np.float32(spread * s)
    column, row, depth = np.float32(u), np.float32(v), np.float32(d)
    one, zero = np.float32(1.0), np.float32(0.0)
    lit = zero
    for k in range(num):
        tap = num - 1 - k  # from the rim inwards
        x = int(column + reach_c * taps[tap, 0] - reach_s * taps[tap, 1])
        y = int(row + reach_s * taps[tap, 0] + reach_c * taps[tap, 1])
        if 0 <= x < size and 0 <= y < size:
            cover = max(shadow[y, x] - depth, zero)
            if softness > 0.0:
                thick = np.float32(softness) * cover
                # exp(-thick) but cheaper
                lit += one / (one + thick + np.float32(0.5) * thick * thick)
            else:
                lit += one if cover == zero else zero
        else:
            lit += one
        # where the rim is all light or all dark, so is the middle: most places
        if k == 3 and num > 4 and softness == 0.0 and (lit == zero or lit == np.float32(4.0)):
            return float(lit) * 0.25
    return float(lit) / num


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
