"""Light on visible surfaces: the numba shader. Knows formulas, not objects; light is linear.

Per sample it writes diffuse light (before albedo), albedo, and mirrored light separately, so that
light can be spread under the skin before the three are joined (`avatar.data.render`).

Formulas: wrapped Lambert with a tinted terminator for skin (Green, GPU Gems 16); GGX (Walter 2007)
with Smith-Schlick visibility; hair after Kajiya-Kay with two shifted lobes (Scheuermann 2004);
shadows by percentage-closer filtering (Reeves 1987); ambient by order-2 spherical harmonics
(Ramamoorthi 2001). Shape legend: see avatar.data.scene.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from avatar.data.shade_formulas import (
    ggx,
    harmonics_at,
    height_at,
    light_arriving,
    paler,
    texel_at,
)
from avatar.jit import kernel

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Bytes = NDArray[np.uint8]

_TURNS = 256
_TURN_2 = np.stack(
    [
        np.cos(2 * np.pi * np.arange(_TURNS) / _TURNS),
        np.sin(2 * np.pi * np.arange(_TURNS) / _TURNS),
    ],
    -1,
).astype(np.float32)
"""Cosine and sine of the turns that the discs of shadow taps take from pixel to pixel."""


@kernel
def smooth_blocks_into(
    index_HW: Ints, near_HW: Floats, material_T: Ints, materials_MP: Floats, smooth_IJ: Bytes
) -> None:
    """1 where 2 x 2 samples show one material without a step in depth (never hair or eyes)."""
    height, width = index_HW.shape
    for i in range(height // 2):
        y = 2 * i
        for j in range(width // 2):
            x = 2 * j
            a, b = index_HW[y, x], index_HW[y, x + 1]
            c, d = index_HW[y + 1, x], index_HW[y + 1, x + 1]
            if a < 0 or b < 0 or c < 0 or d < 0:
                continue
            m = material_T[a]
            kind = int(materials_MP[m, 0])
            if kind == 2 or kind == 3:
                continue
            if material_T[b] != m or material_T[c] != m or material_T[d] != m:
                continue
            w = near_HW[y, x]
            reach = np.float32(0.01) * w
            if (
                abs(near_HW[y, x + 1] - w) < reach
                and abs(near_HW[y + 1, x] - w) < reach
                and abs(near_HW[y + 1, x + 1] - w) < reach
            ):
                smooth_IJ[i, j] = 1


@kernel
def shade_into(
    index_HW: Ints,
    screen_V3: Floats,
    vertices_V3: Floats,
    normals_V3: Floats,
    uv_V2: Floats,
    colour_V3: Floats,
    occlusion_V: Floats,
    triangles_T3: Ints,
    material_T: Ints,
    materials_MP: Floats,
    texture_HW4: Floats,
    height_HW: Floats,
    eye_3: Floats,
    light_dir_L3: Floats,
    light_col_L3: Floats,
    light_size_L: Floats,
    is_key_L: Bytes,
    ambient_93: Floats,
    mirror_93: Floats,
    shadows_LSS: Floats,
    to_shadow_L34: Floats,
    shadow_texels_per_cm: float,
    taps: Floats,
    soft_taps: Floats,
    block_taps: Floats,
    smooth_IJ: Bytes,
    light_HW3: Floats,
    albedo_HW3: Floats,
    mirror_HW3: Floats,
) -> None:
    """Shade every sample of a visibility buffer; writes light, albedo and mirrored light.

    Blocks of 2 x 2 samples that `smooth` marks are shaded once, in their middle (as multisampling
    does), the others sample by sample; an empty `smooth` (0 x 0) marks none.
    """
    height, width = index_HW.shape
    num_lights = light_dir_L3.shape[0]
    texel = np.empty(4, np.float32)
    n = np.empty(3, np.float32)
    size = texture_HW4.shape[0]
    for y in range(height):
        for x in range(width):
            t = index_HW[y, x]
            if t < 0:
                continue
            middle, is_block = np.float32(0.5), False
            if y // 2 < smooth_IJ.shape[0] and x // 2 < smooth_IJ.shape[1]:
                is_block = smooth_IJ[y // 2, x // 2] == 1
                if is_block:
                    if y % 2 == 1 or x % 2 == 1:
                        continue
                    middle = np.float32(1.0)
            m = material_T[t]
            kind = int(materials_MP[m, 0])
            ia, ib, ic = triangles_T3[t, 0], triangles_T3[t, 1], triangles_T3[t, 2]
            ax, ay, aw = screen_V3[ia, 0], screen_V3[ia, 1], screen_V3[ia, 2]
            bx, by, bw = screen_V3[ib, 0] - ax, screen_V3[ib, 1] - ay, screen_V3[ib, 2]
            cx, cy, cw = screen_V3[ic, 0] - ax, screen_V3[ic, 1] - ay, screen_V3[ic, 2]
            qx, qy = np.float32(x) + middle - ax, np.float32(y) + middle - ay
            inverse = np.float32(1.0) / (bx * cy - by * cx)
            kb = (qx * cy - qy * cx) * inverse
            kc = (bx * qy - by * qx) * inverse
            # the middle of a block may lie beside a small triangle: not far beside it
            kb = min(max(kb, np.float32(-0.5)), np.float32(1.5))
            kc = min(max(kc, np.float32(-0.5)), np.float32(1.5))
            ka = (np.float32(1.0) - kb - kc) * aw
            kb *= bw
            kc *= cw
            total = np.float32(1.0) / (ka + kb + kc)
            ka *= total
            kb *= total
            kc *= total
            px = ka * vertices_V3[ia, 0] + kb * vertices_V3[ib, 0] + kc * vertices_V3[ic, 0]
            py = ka * vertices_V3[ia, 1] + kb * vertices_V3[ib, 1] + kc * vertices_V3[ic, 1]
            pz = ka * vertices_V3[ia, 2] + kb * vertices_V3[ib, 2] + kc * vertices_V3[ic, 2]
            for k in range(3):
                n[k] = ka * normals_V3[ia, k] + kb * normals_V3[ib, k] + kc * normals_V3[ic, k]
            u = ka * uv_V2[ia, 0] + kb * uv_V2[ib, 0] + kc * uv_V2[ic, 0]
            v = ka * uv_V2[ia, 1] + kb * uv_V2[ib, 1] + kc * uv_V2[ic, 1]
            occlusion = ka * occlusion_V[ia] + kb * occlusion_V[ib] + kc * occlusion_V[ic]
            if kind == 2 and uv_V2[ia, 0] == uv_V2[ib, 0] and uv_V2[ia, 1] == uv_V2[ib, 1]:
                # strands without a sheet have one texel
                for k in range(4):
                    texel[k] = texture_HW4[int(v * size), int(u * size), k]
            else:
                texel_at(texture_HW4, u, v, texel)
            f0, roughness = materials_MP[m, 4], materials_MP[m, 5]
            sheen, bump, env = materials_MP[m, 6], materials_MP[m, 7], materials_MP[m, 8]
            gloss = texel[3]
            if kind == 1 or kind == 4:
                roughness *= 1.3 - 0.6 * gloss
                f0 *= 0.4 + 1.2 * gloss
            length = 1.0 / (np.sqrt(n[0] * n[0] + n[1] * n[1] + n[2] * n[2]) + 1e-9)
            nx, ny, nz = n[0] * length, n[1] * length, n[2] * length
            vx, vy, vz = eye_3[0] - px, eye_3[1] - py, eye_3[2] - pz
            length = 1.0 / np.sqrt(vx * vx + vy * vy + vz * vz)
            vx *= length
            vy *= length
            vz *= length
            e1x = vertices_V3[ib, 0] - vertices_V3[ia, 0]
            e1y = vertices_V3[ib, 1] - vertices_V3[ia, 1]
            e1z = vertices_V3[ib, 2] - vertices_V3[ia, 2]
            if bump > 0.0:
                e2x = vertices_V3[ic, 0] - vertices_V3[ia, 0]
                e2y = vertices_V3[ic, 1] - vertices_V3[ia, 1]
                e2z = vertices_V3[ic, 2] - vertices_V3[ia, 2]
                du1, dv1 = (
                    (uv_V2[ib, 0] - uv_V2[ia, 0]) * size,
                    (uv_V2[ib, 1] - uv_V2[ia, 1]) * size,
                )
                du2, dv2 = (
                    (uv_V2[ic, 0] - uv_V2[ia, 0]) * size,
                    (uv_V2[ic, 1] - uv_V2[ia, 1]) * size,
                )
                det = du1 * dv2 - du2 * dv1
                if det != 0.0:
                    tx, ty, tz = e1x * dv2 - e2x * dv1, e1y * dv2 - e2y * dv1, e1z * dv2 - e2z * dv1
                    sx, sy, sz = e2x * du1 - e1x * du2, e2y * du1 - e1y * du2, e2z * du1 - e1z * du2
                    hx, hy = u * size - 0.5, v * size - 0.5
                    hu = height_at(height_HW, hx + 0.7, hy) - height_at(height_HW, hx - 0.7, hy)
                    hv = height_at(height_HW, hx, hy + 0.7) - height_at(height_HW, hx, hy - 0.7)
                    ku = bump * hu / 1.4 * det / (tx * tx + ty * ty + tz * tz + 1e-12)
                    kv = bump * hv / 1.4 * det / (sx * sx + sy * sy + sz * sz + 1e-12)
                    nx -= ku * tx + kv * sx
                    ny -= ku * ty + kv * sy
                    nz -= ku * tz + kv * sz
                    length = 1.0 / np.sqrt(nx * nx + ny * ny + nz * nz)
                    nx *= length
                    ny *= length
                    nz *= length
            n_v = nx * vx + ny * vy + nz * vz
            # seen from behind (counter-clockwise triangles have negative area on rows that run
            # down): cloth and frames are lit on that side too
            if inverse > 0.0 and (kind == 0 or kind == 5):
                nx, ny, nz, n_v = -nx, -ny, -nz, -n_v
            n_v = max(n_v, np.float32(0.02))
            column, row = (x // 2, y // 2) if is_block else (x, y)
            grain = (0.06711056 * column + 0.00583715 * row) % 1.0
            turn = int(((52.9829189 * grain) % 1.0) * _TURNS)
            turn_c, turn_s = _TURN_2[turn, 0], _TURN_2[turn, 1]
            albedo_HW3[y, x, 0] = texel[0] * (
                ka * colour_V3[ia, 0] + kb * colour_V3[ib, 0] + kc * colour_V3[ic, 0]
            )
            albedo_HW3[y, x, 1] = texel[1] * (
                ka * colour_V3[ia, 1] + kb * colour_V3[ib, 1] + kc * colour_V3[ic, 1]
            )
            albedo_HW3[y, x, 2] = texel[2] * (
                ka * colour_V3[ia, 2] + kb * colour_V3[ib, 2] + kc * colour_V3[ic, 2]
            )
            r0, r1, r2 = np.float32(0.0), np.float32(0.0), np.float32(0.0)
            s0, s1, s2 = 0.0, 0.0, 0.0
            offset = 0.12
            softness = 0.0
            # direction whose highlight is computed: the cornea bulges in front of the iris
            mx, my, mz = nx, ny, nz
            tint_0, tint_1, tint_2 = 0.0, 0.0, 0.0
            if kind == 2:
                # light that passes through hair is paler than hair
                tint_0 = paler(albedo_HW3[y, x, 0])
                tint_1 = paler(albedo_HW3[y, x, 1])
                tint_2 = paler(albedo_HW3[y, x, 2])
                softness = 0.9
                offset = 0.05
                length = 1.0 / (np.sqrt(e1x * e1x + e1y * e1y + e1z * e1z) + 1e-9)
                e1x *= length
                e1y *= length
                e1z *= length
            elif kind == 3:
                offset = 0.03
                gx = px - materials_MP[m, 9]
                gy = py - materials_MP[m, 10]
                gz = pz - materials_MP[m, 11]
                ox, oy, oz = materials_MP[m, 12], materials_MP[m, 13], materials_MP[m, 14]
                radius = materials_MP[m, 15]
                axial = gx * ox + gy * oy + gz * oz
                rho = np.sqrt(max(gx * gx + gy * gy + gz * gz - axial * axial, 0.0))
                if axial > 0.0:
                    # centre of the cornea's smaller sphere lies half a radius in front
                    blend = min(max((0.66 * radius - rho) / (0.14 * radius), 0.0), 1.0)
                    mx = gx - ox * 0.5 * radius * blend
                    my = gy - oy * 0.5 * radius * blend
                    mz = gz - oz * 0.5 * radius * blend
                    if rho < 0.52 * radius:
                        # the iris disc lies deeper: lift the point onto the cornea's sphere
                        lift = np.sqrt(max((0.6 * radius) ** 2 - rho * rho, 0.01))
                        mx = gx - ox * axial + ox * lift
                        my = gy - oy * axial + oy * lift
                        mz = gz - oz * axial + oz * lift
                    length = 1.0 / np.sqrt(mx * mx + my * my + mz * mz)
                    mx *= length
                    my *= length
                    mz *= length
            m_v = max(mx * vx + my * vy + mz * vz, np.float32(0.02))
            wx = px + nx * offset
            wy = py + ny * offset
            wz = pz + nz * offset
            for light in range(num_lights):
                lx, ly, lz = light_dir_L3[light, 0], light_dir_L3[light, 1], light_dir_L3[light, 2]
                n_l = nx * lx + ny * ly + nz * lz
                is_key = is_key_L[light] == 1
                if kind != 2 and n_l < -0.6 and (kind != 3):
                    continue
                if to_shadow_L34[light, 2, 3] == 0.0:
                    lit = occlusion * occlusion  # no map: only hollows are in the shade
                else:
                    lit = light_arriving(
                        shadows_LSS[light],
                        to_shadow_L34[light],
                        wx,
                        wy,
                        wz,
                        light_size_L[light] * shadow_texels_per_cm,
                        softness,
                        block_taps if is_block else taps if is_key else soft_taps,
                        turn_c,
                        turn_s,
                    )
                if lit <= 0.0:
                    continue
                c0, c1, c2 = (
                    light_col_L3[light, 0] * lit,
                    light_col_L3[light, 1] * lit,
                    light_col_L3[light, 2] * lit,
                )
                if kind == 2:
                    t_l = e1x * lx + e1y * ly + e1z * lz
                    sin_l = np.sqrt(max(1.0 - t_l * t_l, 0.0))
                    d = 0.55 * max((n_l + 0.35) / 1.35, 0.0) + 0.35 * sin_l
                    if not is_key:
                        d *= 0.5  # from all sides as much light as a surface gets
                    r0 += c0 * d
                    r1 += c1 * d
                    r2 += c2 * d
                    if is_key:
                        hx, hy, hz = lx + vx, ly + vy, lz + vz
                        length = 1.0 / (np.sqrt(hx * hx + hy * hy + hz * hz) + 1e-6)
                        t_h = (e1x * hx + e1y * hy + e1z * hz) * length
                        side = max(min((n_l + 0.3) / 0.6, 1.0), 0.0)
                        a1 = max(1.0 - (t_h + 0.07) ** 2, 0.0)
                        a1 = a1**70 * f0 * 0.4 * side
                        a2 = max(1.0 - (t_h - 0.10) ** 2, 0.0)
                        a2 = a2**14 * f0 * 1.5 * side
                        back = max(-(vx * lx + vy * ly + vz * lz), 0.0) ** 3 * 0.35
                        s0 += c0 * (a1 + (a2 + back) * tint_0)
                        s1 += c1 * (a1 + (a2 + back) * tint_1)
                        s2 += c2 * (a1 + (a2 + back) * tint_2)
                    continue
                w = materials_MP[m, 1]
                r0 += c0 * max((n_l + w) / ((1.0 + w) * (1.0 + w)), 0.0)
                w = materials_MP[m, 2]
                r1 += c1 * max((n_l + w) / ((1.0 + w) * (1.0 + w)), 0.0)
                w = materials_MP[m, 3]
                r2 += c2 * max((n_l + w) / ((1.0 + w) * (1.0 + w)), 0.0)
                if is_key:
                    hx, hy, hz = lx + vx, ly + vy, lz + vz
                    length = 1.0 / (np.sqrt(hx * hx + hy * hy + hz * hz) + 1e-6)
                    hx *= length
                    hy *= length
                    hz *= length
                    m_l = mx * lx + my * ly + mz * lz
                    if m_l > 0.0 and f0 > 0.0:
                        n_h = max(mx * hx + my * hy + mz * hz, 0.0)
                        v_h = max(vx * hx + vy * hy + vz * hz, 0.0)
                        if kind == 3:
                            # a softbox mirrored in the wet eye: bright, with a clear edge
                            edge = 0.035 + 0.02 * light_size_L[light]
                            bright = min(max((n_h - (1.0 - edge * 0.5)) / (edge * 0.22), 0.0), 1.0)
                            g = bright * f0 * 9.0
                        else:
                            g = ggx(m_l, m_v, n_h, v_h, roughness, f0)
                            if kind == 1:
                                g = 0.75 * g + 0.35 * ggx(m_l, m_v, n_h, v_h, roughness * 0.6, f0)
                        s0 += c0 * g
                        s1 += c1 * g
                        s2 += c2 * g
                if sheen > 0.0 and n_l > -0.3:
                    g = sheen * (1.0 - n_v) ** 3 * (n_l + 0.3) / 1.3
                    s0 += c0 * g * (0.25 + albedo_HW3[y, x, 0])
                    s1 += c1 * g * (0.25 + albedo_HW3[y, x, 1])
                    s2 += c2 * g * (0.25 + albedo_HW3[y, x, 2])
            # light that bounces inside skin or a mouth leaves it redder
            tint = occlusion if (kind == 1 or kind == 4) else np.float32(1.0)
            k0, k1, k2 = harmonics_at(ambient_93, nx, ny, nz)
            light_HW3[y, x, 0] = r0 + k0 * occlusion
            light_HW3[y, x, 1] = r1 + k1 * occlusion * (0.82 + 0.18 * tint)
            light_HW3[y, x, 2] = r2 + k2 * occlusion * (0.76 + 0.24 * tint)
            if env > 0.0:
                rim = f0 + (1.0 - f0) * (1.0 - m_v) ** 5 * (1.0 - roughness)
                rim = rim * env * occlusion
                rx, ry, rz = 2 * m_v * mx - vx, 2 * m_v * my - vy, 2 * m_v * mz - vz
                k0, k1, k2 = harmonics_at(mirror_93, rx, ry, rz)
                s0 += rim * k0
                s1 += rim * k1
                s2 += rim * k2
            mirror_HW3[y, x, 0] = s0
            mirror_HW3[y, x, 1] = s1
            mirror_HW3[y, x, 2] = s2
            if is_block:
                for k in range(3):
                    for j in range(1, 4):
                        light_HW3[y + j // 2, x + j % 2, k] = light_HW3[y, x, k]
                        albedo_HW3[y + j // 2, x + j % 2, k] = albedo_HW3[y, x, k]
                        mirror_HW3[y + j // 2, x + j % 2, k] = mirror_HW3[y, x, k]
