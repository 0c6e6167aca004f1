"""Backgrounds behind people: gradients, soft lights, blurred shapes and rooms. sRGB 0..1."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar.data.noise import sheet_noise

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class BackgroundStyle:
    """A still background."""

    kind: str = "gradient"
    """gradient, bokeh, shapes, room, texture."""
    rgb: tuple[float, float, float] = (0.55, 0.60, 0.66)
    second_rgb: tuple[float, float, float] = (0.80, 0.82, 0.84)
    seed: int = 0


def paint_background(style: BackgroundStyle, size_hw: tuple[int, int]) -> Floats:
    """An (H, W, 3) picture in display sRGB, 0..1."""
    height, width = size_hw
    rng = np.random.default_rng(style.seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    u, v = x / width - 0.5, y / height - 0.5
    first, second = np.array(style.rgb, np.float32), np.array(style.second_rgb, np.float32)
    glow = np.exp(-((u / 0.52) ** 2) - ((v + 0.06) / 0.55) ** 2)[..., None]
    out = first * (1 - glow) + second * glow
    if style.kind in ("bokeh", "shapes"):
        layer = out.copy()
        for _ in range(26):
            c = (int(rng.uniform(0, width)), int(rng.uniform(0, height)))
            r = int(height * rng.uniform(0.02, 0.10))
            colour = (second * rng.uniform(0.7, 1.25) + rng.normal(0, 0.06, 3)).clip(0, 1)
            one = layer.copy()
            if style.kind == "bokeh":
                cv2.circle(one, c, r, colour.tolist(), -1, cv2.LINE_AA)
            else:
                w, h = int(r * rng.uniform(1, 4)), int(r * rng.uniform(1, 5))
                cv2.rectangle(one, (c[0] - w, c[1] - h), (c[0] + w, c[1] + h), colour.tolist(), -1)
            layer = layer * 0.62 + one * 0.38
        blur = height * (0.010 if style.kind == "bokeh" else 0.03)
        out = cv2.GaussianBlur(layer, (0, 0), blur)
    elif style.kind == "room":
        floor = 0.26 + 0.05 * rng.random()
        out = np.where((v > floor)[..., None], first * 0.72, out)
        for _ in range(5):
            x0, y0 = rng.uniform(-0.1, 0.9) * width, rng.uniform(0, 0.6) * height
            x1 = x0 + rng.uniform(0.08, 0.3) * width
            y1 = y0 + rng.uniform(0.15, 0.5) * height
            colour = (first * rng.uniform(0.6, 1.3) + rng.normal(0, 0.05, 3)).clip(0, 1)
            cv2.rectangle(out, (int(x0), int(y0)), (int(x1), int(y1)), colour.tolist(), -1)
        out = cv2.GaussianBlur(out, (0, 0), height * 0.022)
    elif style.kind == "texture":
        rough = cv2.resize(sheet_noise(rng, 512, 10, 4), (width, height))[..., None]
        out = out * (1 + 0.05 * rough)
    dither = rng.normal(0, 0.004, (height, width, 1))
    return np.clip(out + dither, 0, 1).astype(np.float32)
