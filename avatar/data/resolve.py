"""From linear light per sample to sRGB pixels over a background: tone curve, averaging, matte.

Knows light values; no scene and no lamps.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from avatar.data.render import Shaded
from avatar.jit import kernel

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

_SRGB_STEPS = 4095
SRGB_CURVE = np.linspace(0, 1, _SRGB_STEPS + 1, dtype=np.float32)
SRGB_CURVE = np.where(
    SRGB_CURVE <= 0.0031308,
    12.92 * SRGB_CURVE,
    1.055 * np.maximum(SRGB_CURVE, 1e-9) ** (1 / 2.4) - 0.055,
).astype(np.float32)


@kernel
def _shown(linear: float, exposure: float, curve: Floats) -> float:
    """A gentle shoulder (extended Reinhard, per channel), then the sRGB curve from a table."""
    v = max(linear * exposure, 0.0)
    v = v * (1.0 + v / (2.6 * 2.6)) / (1.0 + 0.72 * v) * 1.18
    at = min(v, 1.0) * (curve.shape[0] - 1)
    low = min(int(at), curve.shape[0] - 2)
    return curve[low] + (curve[low + 1] - curve[low]) * (at - low)


@kernel
def _tone_into(linear: Floats, exposure: float, curve: Floats, out: Floats) -> None:
    for y in range(linear.shape[0]):
        for x in range(linear.shape[1]):
            for k in range(3):
                out[y, x, k] = _shown(linear[y, x, k], exposure, curve)


def tone(linear_HW3: Floats, exposure: float) -> Floats:
    """Linear light to display sRGB in 0..1."""
    out = np.empty_like(linear_HW3)
    _tone_into(linear_HW3, exposure, SRGB_CURVE, out)
    return out


def inverse_tone(srgb_HW3: Floats) -> Floats:
    """Linear light that `tone` at exposure 1 turns into display sRGB 0..1."""
    steps = np.linspace(0, 2.2, 4096, dtype=np.float32)
    shown = tone(np.repeat(steps[None, :, None], 3, 2), 1.0)[0, :, 0]
    top = int(np.argmax(shown >= 0.9999)) + 1  # the curve is flat from here on
    return np.interp(srgb_HW3, shown[:top], steps[:top]).astype(np.float32)


@kernel
def _resolve_into(
    light: Floats, albedo: Floats, mirror: Floats, alpha: Floats, exposure: float, samples: int,
    curve: Floats, back: Floats, smooth: Bytes, out: Bytes,
) -> None:  # fmt: skip
    """Tone every covered sample, average samples into pixels, lay them over a background."""
    share = 1.0 / (samples * samples)
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            r, g, b, a = 0.0, 0.0, 0.0, 0.0
            # four samples of one colour are toned once
            is_one = y < smooth.shape[0] and x < smooth.shape[1] and smooth[y, x] == 1
            num = 1 if is_one else samples
            for j in range(y * samples, y * samples + num):
                for i in range(x * samples, x * samples + num):
                    w = alpha[j, i]
                    if w <= 0.0:
                        continue
                    r += w * _shown(light[j, i, 0] * albedo[j, i, 0] + mirror[j, i, 0],
                                    exposure, curve)  # fmt: skip
                    g += w * _shown(light[j, i, 1] * albedo[j, i, 1] + mirror[j, i, 1],
                                    exposure, curve)  # fmt: skip
                    b += w * _shown(light[j, i, 2] * albedo[j, i, 2] + mirror[j, i, 2],
                                    exposure, curve)  # fmt: skip
                    a += w
            if is_one:
                r, g, b, a = r * 4.0, g * 4.0, b * 4.0, a * 4.0
            a *= share
            for k, v in enumerate((r, g, b)):
                v = (v * share + back[y, x, k] * (1.0 - a)) * 255.0 + 0.5
                out[y, x, k] = np.uint8(min(max(v, 0.0), 255.0))
            out[y, x, 3] = np.uint8(min(a * 255.0 + 0.5, 255.0))


def picture(
    shaded: Shaded, samples: int, exposure: float, background_HW3: Floats
) -> tuple[Bytes, Bytes]:
    """(sRGB bytes over a background, coverage bytes) at pixel resolution."""
    out = np.empty((*background_HW3.shape[:2], 4), np.uint8)
    _resolve_into(
        shaded.light_HW3, shaded.albedo_HW3, shaded.mirror_HW3, shaded.alpha_HW, exposure, samples,
        SRGB_CURVE, background_HW3, shaded.smooth_IJ, out,
    )  # fmt: skip
    return np.ascontiguousarray(out[..., :3]), np.ascontiguousarray(out[..., 3])
