"""The shader of `avatar.data.shade` for many samples at once, in plain torch on any device.

The same formulas in the same order; every sample is shaded by itself. Knows numbers, no scene.

Shape legend: M covered samples (all pictures of a batch in one row), B pictures, V vertices of all
pictures, P material parameters, L lights, S shadow texels, 2, 3, 4 components.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from avatar.data.scene import Kind

_TURNS = 256


@dataclass(slots=True)
class Surface:
    """What lies under each sample; rows of one length."""

    picture_M: Tensor
    row_M: Tensor
    column_M: Tensor
    kind_M: Tensor
    material_MP: Tensor
    point_M3: Tensor
    normal_M3: Tensor
    edge_M3: Tensor
    """First edge of the triangle: the way a strand runs."""
    view_M3: Tensor
    texel_M4: Tensor
    albedo_M3: Tensor
    occlusion_M1: Tensor
    is_behind_M: Tensor
    """Whether the triangle is seen from its back."""


@dataclass(slots=True)
class Lamps:
    """Lights and their shadow maps."""

    direction_L3: Tensor
    colour_L3: Tensor
    size_L: Tensor
    is_key_L: Tensor
    ambient_93: Tensor
    mirror_93: Tensor
    shadows_BLSS: Tensor
    to_shadow_BL34: Tensor
    texels_per_cm_B: Tensor
    has_map_L: Tensor
    taps_2: Tensor


def unit(v_M3: Tensor) -> Tensor:
    """Vectors of length one."""
    return v_M3 / (v_M3.norm(dim=-1, keepdim=True) + 1e-9)


def _dot(a_M3: Tensor, b_M3: Tensor) -> Tensor:
    return (a_M3 * b_M3).sum(-1, keepdim=True)


def harmonics(sh_93: Tensor, d_M3: Tensor) -> Tensor:
    """(M, 3) order-2 harmonics, never negative."""
    x, y, z = d_M3.unbind(-1)
    basis = [torch.ones_like(x), y, z, x, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y]
    return (torch.stack(basis, -1) @ sh_93).clamp(min=0)


def bilinear(sheet_HWC: Tensor, x_M: Tensor, y_M: Tensor) -> Tensor:
    """(M, C) values at texel coordinates (0 is the middle of the first texel)."""
    height, width = sheet_HWC.shape[:2]
    x0, y0 = x_M.floor(), y_M.floor()
    fx, fy = (x_M - x0)[:, None], (y_M - y0)[:, None]
    j, i = x0.long().clamp(0, width - 2), y0.long().clamp(0, height - 2)
    flat, at = sheet_HWC.reshape(height * width, -1), i * width + j
    top = flat[at] * (1 - fx) + flat[at + 1] * fx
    low = flat[at + width] * (1 - fx) + flat[at + width + 1] * fx
    return top * (1 - fy) + low * fy


def _ggx(n_l: Tensor, n_v: Tensor, n_h: Tensor, v_h: Tensor, rough: Tensor, f0: Tensor) -> Tensor:
    a = rough * rough
    a2, k = a * a, 0.5 * a
    d = n_h * n_h * (a2 - 1) + 1
    fresnel = f0 + (1 - f0) * (1 - v_h) ** 5
    below = 4 * (n_l * (1 - k) + k) * (n_v * (1 - k) + k) + 1e-4
    return a2 / (d * d + 1e-7) * fresnel / below * n_l


def _arriving(s: Surface, lamps: Lamps, light: int, at_M3: Tensor, softness_M1: Tensor) -> Tensor:
    """(M, 1) share of a light that arrives, by percentage-closer filtering."""
    maps_BSS = lamps.shadows_BLSS[:, light]
    matrix_M34 = lamps.to_shadow_BL34[s.picture_M, light]
    place = (matrix_M34[:, :, :3] @ at_M3[:, :, None])[..., 0] + matrix_M34[:, :, 3]
    grain = (0.06711056 * s.column_M.double() + 0.00583715 * s.row_M.double()) % 1.0
    turn = (((52.9829189 * grain) % 1.0) * _TURNS).floor() * (2 * torch.pi / _TURNS)
    spread = lamps.size_L[light] * lamps.texels_per_cm_B[s.picture_M]
    c, si = turn.cos().float() * spread, turn.sin().float() * spread
    size = maps_BSS.shape[-1]
    lit = torch.zeros_like(softness_M1)
    for tap in lamps.taps_2:
        # towards zero, as the other shader's int()
        x = (place[:, 0] + c * tap[0] - si * tap[1]).trunc().long()
        y = (place[:, 1] + si * tap[0] + c * tap[1]).trunc().long()
        inside = ((x >= 0) & (x < size) & (y >= 0) & (y < size))[:, None]
        near = maps_BSS[s.picture_M, y.clamp(0, size - 1), x.clamp(0, size - 1)][:, None]
        cover = (near - place[:, 2:]).clamp(min=0)
        thick = softness_M1 * cover
        through = 1 / (1 + thick + 0.5 * thick * thick)
        share = torch.where(softness_M1 > 0, through, (cover == 0).float())
        lit += torch.where(inside, share, torch.ones_like(share))
    return lit / len(lamps.taps_2)


def _mirror_normal(s: Surface) -> Tensor:
    """Where highlights are computed: the cornea bulges in front of the iris."""
    m, is_eye = s.material_MP, (s.kind_M == Kind.EYE)[:, None]
    g, axis, radius = s.point_M3 - m[:, 9:12], m[:, 12:15], m[:, 15:16]
    axial = _dot(g, axis)
    rho = (_dot(g, g) - axial * axial).clamp(min=0).sqrt()
    blend = ((0.66 * radius - rho) / (0.14 * radius)).clamp(0, 1)
    lift = ((0.6 * radius) ** 2 - rho * rho).clamp(min=0.01).sqrt()
    bulge = torch.where(
        rho < 0.52 * radius, g - axis * axial + axis * lift, g - axis * 0.5 * radius * blend
    )
    return torch.where(is_eye & (axial > 0), unit(bulge), s.normal_M3)


def shade_samples(s: Surface, lamps: Lamps) -> tuple[Tensor, Tensor]:
    """(light before albedo, mirrored light), both (M, 3)."""
    p = s.material_MP
    is_hair, is_eye = ((s.kind_M == k)[:, None] for k in (Kind.HAIR, Kind.EYE))
    is_skin = (s.kind_M == Kind.SKIN)[:, None]
    is_wet = is_skin | (s.kind_M == Kind.WET)[:, None]
    wrap, f0, rough = p[:, 1:4], p[:, 4:5], p[:, 5:6]
    sheen, env = p[:, 6:7], p[:, 8:9]
    gloss = s.texel_M4[:, 3:]
    rough = torch.where(is_wet, rough * (1.3 - 0.6 * gloss), rough)
    f0 = torch.where(is_wet, f0 * (0.4 + 1.2 * gloss), f0)
    n, v = s.normal_M3, s.view_M3
    turned = s.is_behind_M & ((s.kind_M == Kind.CLOTH) | (s.kind_M == Kind.HARD))
    n = torch.where(turned[:, None], -n, n)
    n_v = _dot(n, v).clamp(min=0.02)
    s.normal_M3 = n
    mirror_n = _mirror_normal(s)
    m_v = _dot(mirror_n, v).clamp(min=0.02)
    tint = s.albedo_M3.clamp(0, 1) ** 0.6
    strand = unit(s.edge_M3)
    offset = torch.where(is_hair, 0.05, torch.where(is_eye, 0.03, 0.12))
    softness = torch.where(is_hair, 0.9, 0.0)
    at = s.point_M3 + n * offset
    light, mirror = torch.zeros_like(n), torch.zeros_like(n)
    for k in range(len(lamps.direction_L3)):
        towards = lamps.direction_L3[k].expand_as(n)
        n_l = _dot(n, towards)
        lit = s.occlusion_M1 * s.occlusion_M1
        if bool(lamps.has_map_L[k]):
            lit = _arriving(s, lamps, k, at, softness)
        lit = torch.where(~is_hair & ~is_eye & (n_l < -0.6), torch.zeros_like(lit), lit)
        colour = lamps.colour_L3[k] * lit
        half = unit(towards + v)
        # hair
        sin_l = (1 - _dot(strand, towards) ** 2).clamp(min=0).sqrt()
        through = 0.55 * ((n_l + 0.35) / 1.35).clamp(min=0) + 0.35 * sin_l
        wrapped = ((n_l + wrap) / (1 + wrap) ** 2).clamp(min=0)
        if not bool(lamps.is_key_L[k]):
            through = 0.5 * through  # from all sides as much light as a surface gets
        light += colour * torch.where(is_hair, through, wrapped)
        if bool(lamps.is_key_L[k]):
            t_h = _dot(strand, half)
            side = ((n_l + 0.3) / 0.6).clamp(0, 1)
            first = (1 - (t_h + 0.07) ** 2).clamp(min=0) ** 70 * f0 * 0.4 * side
            second = (1 - (t_h - 0.10) ** 2).clamp(min=0) ** 14 * f0 * 1.5 * side
            back = (-_dot(v, towards)).clamp(min=0) ** 3 * 0.35
            of_hair = first + (second + back) * tint
            m_l = _dot(mirror_n, towards)
            n_h, v_h = _dot(mirror_n, half).clamp(min=0), _dot(v, half).clamp(min=0)
            g = _ggx(m_l, m_v, n_h, v_h, rough, f0)
            oily = 0.75 * g + 0.35 * _ggx(m_l, m_v, n_h, v_h, rough * 0.6, f0)
            edge = 0.035 + 0.02 * lamps.size_L[k]
            softbox = ((n_h - (1 - edge * 0.5)) / (edge * 0.22)).clamp(0, 1) * f0 * 9.0
            g = torch.where(is_eye, softbox, torch.where(is_skin, oily, g))
            g = torch.where((m_l > 0) & (f0 > 0), g, torch.zeros_like(g))
            mirror += colour * torch.where(is_hair, of_hair, g.expand_as(n))
        fuzz = sheen * (1 - n_v) ** 3 * (n_l + 0.3) / 1.3 * (0.25 + s.albedo_M3)
        mirror += torch.where(~is_hair & (n_l > -0.3), colour * fuzz, torch.zeros_like(n))
    bounce = torch.where(is_wet, s.occlusion_M1, torch.ones_like(s.occlusion_M1))
    redder = torch.cat([torch.ones_like(bounce), 0.82 + 0.18 * bounce, 0.76 + 0.24 * bounce], -1)
    light += harmonics(lamps.ambient_93, n) * s.occlusion_M1 * redder
    rim = (f0 + (1 - f0) * (1 - m_v) ** 5 * (1 - rough)) * env * s.occlusion_M1
    mirror += rim * harmonics(lamps.mirror_93, 2 * m_v * mirror_n - v)
    return light, mirror
