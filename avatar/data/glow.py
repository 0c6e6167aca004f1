"""Light that travels under skin: a screen-space spread, red farthest (d'Eon 2007, one Gaussian).

Knows light per sample and which samples show skin; knows no lamps. A cell is one pixel (2 x 2
samples) where smooth surfaces are shaded once per pixel, else one sample.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from avatar.data.scene import Kind
from avatar.jit import kernel

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Bytes = NDArray[np.uint8]

SKIN_REACH_CM = 0.75
"""Three standard deviations of red light under skin."""
_SKIN = int(Kind.SKIN)


@kernel
def _spread(
    light: Floats, skin: Bytes, near: Floats, reach: float, dx: int, dy: int,
    taps: int, weights: Floats, out: Floats,
) -> None:  # fmt: skip
    """One direction of the spread under skin; red travels farthest (d'Eon 2007, one Gaussian)."""
    height, width = skin.shape
    for y in range(height):
        for x in range(width):
            if skin[y, x] == 0:
                for k in range(3):
                    out[y, x, k] = light[y, x, k]
                continue
            w0 = near[y, x]
            radius = reach * w0  # samples that three red standard deviations cover here
            step = radius / taps
            s0, s1, s2 = 1.0, 1.0, 1.0
            a0, a1, a2 = light[y, x, 0] * 1.0, light[y, x, 1] * 1.0, light[y, x, 2] * 1.0
            if step > 0.35:
                for k in range(-taps, taps + 1):
                    if k == 0:
                        continue
                    d = step * k
                    i, j = y + dy * int(np.rint(d)), x + dx * int(np.rint(d))
                    if i < 0 or j < 0 or i >= height or j >= width or skin[i, j] == 0:
                        continue
                    if abs(near[i, j] / w0 - 1.0) > 0.02:
                        continue
                    g0, g1, g2 = weights[abs(k), 0], weights[abs(k), 1], weights[abs(k), 2]
                    s0 += g0
                    s1 += g1
                    s2 += g2
                    a0 += g0 * light[i, j, 0]
                    a1 += g1 * light[i, j, 1]
                    a2 += g2 * light[i, j, 2]
            out[y, x, 0] = a0 / s0
            out[y, x, 1] = a1 / s1
            out[y, x, 2] = a2 / s2


@kernel
def _gather_into(
    index: Ints, near: Floats, is_skin_T: Bytes, light: Floats, smooth: Bytes, cell: int,
    skin_out: Bytes, mean_out: Floats, near_out: Floats,
) -> None:  # fmt: skip
    """Whether skin shows in a cell, its mean light and its nearness."""
    for i in range(skin_out.shape[0]):
        for j in range(skin_out.shape[1]):
            num = 0
            is_one = i < smooth.shape[0] and j < smooth.shape[1] and smooth[i, j] == 1
            size = 1 if is_one else cell
            for y in range(i * cell, min(i * cell + size, index.shape[0])):
                for x in range(j * cell, min(j * cell + size, index.shape[1])):
                    t = index[y, x]
                    if t >= 0 and is_skin_T[t] == 1:
                        num += 1
                        near_out[i, j] += near[y, x]
                        for k in range(3):
                            mean_out[i, j, k] += light[y, x, k]
            if num > 0:
                skin_out[i, j] = 1
                near_out[i, j] /= num
                for k in range(3):
                    mean_out[i, j, k] /= num


@kernel
def _add_into(
    index: Ints, is_skin_T: Bytes, skin: Bytes, spread: Floats, mean: Floats, cell: int,
    light: Floats,
) -> None:  # fmt: skip
    for i in range(skin.shape[0]):
        for j in range(skin.shape[1]):
            if skin[i, j] == 0:
                continue
            for y in range(i * cell, min((i + 1) * cell, index.shape[0])):
                for x in range(j * cell, min((j + 1) * cell, index.shape[1])):
                    t = index[y, x]
                    if t >= 0 and is_skin_T[t] == 1:
                        for k in range(3):
                            gain = spread[i, j, k] - mean[i, j, k]
                            light[y, x, k] = max(light[y, x, k] + gain, 0.0)


def add_glow(
    index_HW: Ints, near_HW: Floats, material_T: Ints, materials_MP: Floats, smooth_IJ: Bytes,
    cell: int, reach_px_cm: float, taps: int, light_HW3: Floats,
) -> None:  # fmt: skip
    """Spread the light on skin in place; `reach_px_cm` is the focal length in samples.

    `smooth` marks cells whose samples hold the same light (0 x 0 where none does).
    """
    height, width = index_HW.shape
    shape = (-(-height // cell), -(-width // cell))
    is_skin = (materials_MP[:, 0].astype(np.int64) == _SKIN).astype(np.uint8)[material_T]
    skin, near = np.zeros(shape, np.uint8), np.zeros(shape, np.float32)
    mean = np.zeros((*shape, 3), np.float32)
    _gather_into(index_HW, near_HW, is_skin, light_HW3, smooth_IJ, cell, skin, mean, near)
    reach = SKIN_REACH_CM * reach_px_cm / cell
    sigmas = 3.0 * np.arange(taps + 1)[:, None] / taps
    weights = np.exp(-0.5 * (sigmas / np.array([1.0, 0.42, 0.25])) ** 2).astype(np.float32)
    across, both = np.empty_like(mean), np.empty_like(mean)
    _spread(mean, skin, near, reach, 1, 0, taps, weights, across)
    _spread(across, skin, near, reach, 0, 1, taps, weights, both)
    _add_into(index_HW, is_skin, skin, both, mean, cell, light_HW3)
