"""Light set-ups: keys, rims and surroundings. Knows directions and colours, not surfaces.

`soft_studio` turns the surroundings into many shadow-casting lights (true soft shadows, for
pictures that are looked at); `quick` keeps them as harmonics (for training data).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avatar.data.scene import Lights

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class LightStyle:
    """A set-up around a subject that looks along +z; angles in degrees."""

    key_yaw: float = 35.0
    """> 0: from the subject's left."""
    key_pitch: float = 35.0
    key_rgb: tuple[float, float, float] = (1.0, 0.96, 0.90)
    key: float = 1.6
    key_size: float = 1.2
    """Blur of its shadow (cm)."""
    fill: float = 0.35
    fill_rgb: tuple[float, float, float] = (0.92, 0.96, 1.0)
    rim: float = 0.6
    rim_yaw: float = -140.0
    rim_rgb: tuple[float, float, float] = (1.0, 1.0, 1.0)
    sky_rgb: tuple[float, float, float] = (0.62, 0.66, 0.72)
    ground_rgb: tuple[float, float, float] = (0.34, 0.31, 0.28)
    ambient: float = 0.75
    exposure: float = 1.0


def direction(yaw_deg: float, pitch_deg: float) -> Floats:
    """Unit vector towards a light."""
    yaw, pitch = np.radians(yaw_deg), np.radians(pitch_deg)
    return np.array(
        [np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)], np.float32
    )


def _surroundings(style: LightStyle, d_N3: Floats) -> Floats:
    """Radiance from directions: sky over ground, a bright window on the key's side."""
    up = np.clip(d_N3[:, 1:2] * 0.5 + 0.5, 0, 1)
    sky, ground = np.array(style.sky_rgb), np.array(style.ground_rgb)
    base = ground * (1 - up) + sky * up
    side = np.clip(d_N3 @ direction(style.key_yaw, style.key_pitch * 0.5), 0, 1)[:, None] ** 2
    other = np.clip(d_N3 @ direction(-style.key_yaw * 1.2, 5.0), 0, 1)[:, None] ** 2
    return (
        style.ambient * (base + 0.7 * side * np.array(style.key_rgb))
        + style.fill * 1.2 * other * np.array(style.fill_rgb)
    ).astype(np.float32)


def _sphere(num: int) -> Floats:
    k = np.arange(num) + 0.5
    y = 1 - 2 * k / num
    a = np.pi * (1 + 5**0.5) * k
    r = np.sqrt(1 - y * y)
    return np.stack([np.sin(a) * r, y, np.cos(a) * r], -1).astype(np.float32)


def harmonics(style: LightStyle, *, convolved: bool) -> Floats:
    """(9, 3) coefficients in the shader's basis: irradiance / pi where convolved, else radiance."""
    d = _sphere(2000)
    x, y, z = d.T
    basis = np.stack(
        [np.ones_like(x), y, z, x, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y], 0
    )
    norm = 1 / (basis**2).mean(1)
    coefficients = (basis @ _surroundings(style, d)) / len(d) * norm[:, None]
    if convolved:
        # cosine lobe / pi in order 0, 1, 2
        coefficients *= np.array([1, 2 / 3, 2 / 3, 2 / 3, *[0.25] * 5])[:, None]
    return coefficients.astype(np.float32)


def _keys(style: LightStyle) -> tuple[list[Floats], list[Floats], list[float]]:
    directions = [direction(style.key_yaw, style.key_pitch)]
    colours = [style.key * np.array(style.key_rgb, np.float32)]
    sizes = [style.key_size]
    if style.rim > 0:
        directions.append(direction(style.rim_yaw, 25.0))
        colours.append(style.rim * np.array(style.rim_rgb, np.float32))
        sizes.append(0.8)
    return directions, colours, sizes


def quick(style: LightStyle) -> Lights:
    """Key and rim with shadows, surroundings as harmonics."""
    directions, colours, sizes = _keys(style)
    return Lights(
        np.array(directions, np.float32), np.array(colours, np.float32),
        np.array(sizes, np.float32), np.ones(len(sizes), np.uint8),
        np.array([1] + [0] * (len(sizes) - 1), np.uint8),
        harmonics(style, convolved=True), harmonics(style, convolved=False), style.exposure,
    )  # fmt: skip


def soft_studio(style: LightStyle, num: int = 48) -> Lights:
    """Key and rim, and `num` shadow-casting lights for the surroundings."""
    directions, colours, sizes = _keys(style)
    around = _sphere(num)
    radiance = _surroundings(style, around)
    # wrapped Lambert sums to 1 over the sphere when each sample carries 4 / num
    colour = radiance * (4.0 / num)
    bounce = 0.10 * harmonics(style, convolved=True)
    return Lights(
        np.concatenate([np.array(directions), around]).astype(np.float32),
        np.concatenate([np.array(colours), colour * 0.92]).astype(np.float32),
        np.array([*sizes, *[1.6] * num], np.float32),
        np.array([1] * len(sizes) + [0] * num, np.uint8),
        np.ones(len(sizes) + num, np.uint8),
        bounce, harmonics(style, convolved=False), style.exposure,
    )  # fmt: skip
