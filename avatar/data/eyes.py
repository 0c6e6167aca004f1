"""Procedural eyes: one planar sheet per eye with iris, pupil, limbal ring, sclera and veins.

The sheet is a view along the optical axis; `eye_uv` says where a vertex of the eyeball lies on
it. Knows no light: highlights come from the shader, lid shadow from occlusion.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar.data.head import head_model
from avatar.data.noise import sheet_noise

Floats = NDArray[np.float32]

SHEET_RADIUS_CM = 1.62
IRIS_RADIUS_CM = 0.66


@dataclass(frozen=True, slots=True, kw_only=True)
class EyeStyle:
    """Colours are linear."""

    iris_rgb: tuple[float, float, float] = (0.10, 0.055, 0.025)
    inner_rgb: tuple[float, float, float] = (0.20, 0.11, 0.04)
    pupil: float = 0.38
    """Pupil radius / iris radius."""
    veins: float = 0.3
    yellow: float = 0.1
    seed: int = 0


def eye_uv(side: int) -> Floats:
    """(vertices of that eyeball, 2) in 0..1, v up, on the sheet."""
    model = head_model()
    v = model.eyeball_vertices[side]
    axis = model.eye_axis_23[side]
    q = model.neutral_V3[v] - model.eye_centre_23[side]
    right = np.cross([0.0, 1.0, 0.0], axis)
    right /= np.linalg.norm(right)
    up = np.cross(axis, right)
    planar = np.stack([q @ right, q @ up], -1) / SHEET_RADIUS_CM
    # the far half of the ball is never seen: it may share the rim
    return (0.5 + 0.5 * planar).astype(np.float32)


def bake_eye(style: EyeStyle, size: int) -> Floats:
    """colour_HW4 of one eye; gloss in the last channel."""
    rng = np.random.default_rng(style.seed)
    axis = (np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1
    x, y = np.meshgrid(axis, -axis)
    radius = np.hypot(x, y) * SHEET_RADIUS_CM
    angle = np.arctan2(y, x)
    r = radius / IRIS_RADIUS_CM

    def ramp(v: Floats, low: float, high: float) -> Floats:
        t = np.clip((v - low) / (high - low), 0, 1)
        return (t * t * (3 - 2 * t)).astype(np.float32)

    sclera = np.array([0.80, 0.765, 0.74], np.float32) * (
        1 - style.yellow * np.array([0, 0.06, 0.25])
    )
    edge = ramp(radius, 0.75, 1.5)[..., None]
    white = sclera * (1 - edge * np.array([0.22, 0.42, 0.42]))
    veins = np.zeros((size, size), np.float32)
    for _ in range(int(46 * style.veins) + 4):
        a = rng.uniform(0, 2 * np.pi)
        reach = rng.uniform(0.75, 1.15)
        points = []
        for s in np.linspace(1.6, reach, 14):
            a += rng.normal(0, 0.045)
            points.append((np.cos(a) * s, -np.sin(a) * s))
        p = (np.array(points) / SHEET_RADIUS_CM * 0.5 + 0.5) * size
        cv2.polylines(veins, [(p * 8).astype(np.int32)], False, (float(rng.uniform(0.2, 0.6)),),
                      1, cv2.LINE_AA, 3)  # fmt: skip
    veins = cv2.GaussianBlur(veins, (0, 0), size / 700).astype(np.float32)
    white = white * (1 - np.clip(veins, 0, 1)[..., None] * np.array([0.12, 0.5, 0.5]))
    # iris: radial fibres, a lighter ring round the pupil, a dark rim
    grid = rng.standard_normal((10, 160)).astype(np.float32)
    fibres = cv2.resize(np.concatenate([grid, grid[:, :1]], 1), (1024, 128),
                        interpolation=cv2.INTER_CUBIC)  # fmt: skip
    column = ((angle / (2 * np.pi) + 0.5) * 1023).astype(np.float32)
    row = np.clip(r * 120, 0, 127).astype(np.float32)
    fibre = cv2.remap(fibres, column, row, cv2.INTER_LINEAR)
    coarse = cv2.remap(cv2.GaussianBlur(fibres, (0, 0), 5) * 3, column, row, cv2.INTER_LINEAR)
    inner = 1 - ramp(r + 0.05 * coarse, style.pupil + 0.05, style.pupil + 0.32)
    iris = (
        np.array(style.iris_rgb, np.float32) * (1 - inner[..., None])
        + np.array(style.inner_rgb, np.float32) * inner[..., None]
    )
    iris = iris * np.clip(1 + 0.34 * fibre + 0.22 * coarse, 0.25, 2.2)[..., None]
    rim = ramp(r, 0.74, 1.0)[..., None]
    iris = iris * (1 - 0.82 * rim)
    pupil = ramp(r, style.pupil + 0.035, style.pupil - 0.035)[..., None]
    iris = iris * (1 - pupil) + 0.003 * pupil
    k = ramp(r, 1.06, 0.93)[..., None]
    colour = white * (1 - k) + iris * k
    colour *= 1 + 0.015 * sheet_noise(rng, size, 24)[..., None]
    return np.concatenate([np.clip(colour, 0.002, 1), np.ones((size, size, 1))], -1).astype(
        np.float32
    )
