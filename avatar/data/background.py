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


def move_background(
    style: BackgroundStyle, size_hw: tuple[int, int], num_frames: int, rng: np.random.Generator
) -> list[Floats]:
    """The same kind of picture in motion: a hand-held or panning camera, people or cars passing."""
    height, width = size_hw
    margin = 1.35
    wide = paint_background(style, (round(height * margin), round(width * margin)))
    t = np.arange(num_frames) / 25.0
    pan = rng.normal(0, 0.06, 2) * width * (rng.random() < 0.6)
    shake = rng.uniform(0, 0.006) * width
    walk = np.cumsum(rng.normal(0, 1, (num_frames, 2)), 0) * 0.5 + rng.normal(0, 1, (num_frames, 2))
    free = np.array([wide.shape[1] - width, wide.shape[0] - height]) / 2
    passers = [
        (
            rng.uniform(-0.2, 1.2), rng.uniform(0.25, 0.9), rng.normal(0, 0.35),
            rng.uniform(0.05, 0.2), rng.uniform(0.15, 0.5), rng.uniform(0.05, 0.8, 3),
        )
        for _ in range(int(rng.integers(0, 4)))
    ]  # fmt: skip
    frames = []
    for k in range(num_frames):
        picture = wide.copy()
        for x, y, speed, w, h, rgb in passers:
            centre = (int((x + speed * t[k]) * wide.shape[1]), int(y * wide.shape[0]))
            cv2.ellipse(picture, centre, (int(w * width / 2), int(h * height / 2)), 0, 0, 360,
                        rgb.tolist(), -1, cv2.LINE_AA)  # fmt: skip
        if passers:
            picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), height * 0.02), np.float32)
        at = np.clip(free + pan * t[k] + shake * walk[k], 0, 2 * free)
        to_wide = np.array([[1, 0, at[0]], [0, 1, at[1]]])
        frames.append(
            np.asarray(
                cv2.warpAffine(picture, to_wide, (width, height),
                               flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP),
                np.float32,
            )
        )  # fmt: skip
    return frames
