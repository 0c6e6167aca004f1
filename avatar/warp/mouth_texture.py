"""Teeth, gums and tongue painted once: the atlas that the mouth interior is textured with.

Knows dental proportions in millimetres; does not know where a mouth is. The widths of the teeth are
rounded averages of adult dentition.

Legend: H, W pixels of a strip.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from avatar.frames import ByteArray, FloatArray

ARCH_MM = 84.0
"""Length of the drawn dental arch along its curve, both sides."""
TOOTH_MM = 10.0
"""Height of the tallest crown."""
GUM_MM = 5.0
STRIP_MM = TOOTH_MM + GUM_MM
PAINTED_PER_MM = 10

# From the midline outwards: width, crown height relative to the central incisor.
UPPER_TEETH_MM = ((8.5, 1.0), (6.7, 0.88), (7.7, 0.98), (7.0, 0.84), (6.8, 0.78), (5.3, 0.7))
LOWER_TEETH_MM = ((5.3, 0.86), (5.9, 0.86), (6.8, 0.94), (7.0, 0.84), (7.1, 0.78), (9.9, 0.7))

TOOTH_RGB = np.array([236.0, 226.0, 208.0], np.float32)
CONTACT_RGB = np.array([150.0, 132.0, 112.0], np.float32)
GUM_RGB = np.array([168.0, 84.0, 86.0], np.float32)
TONGUE_RGB = np.array([196.0, 104.0, 102.0], np.float32)


def teeth_strip(pixels_per_mm: float, *, is_upper: bool) -> ByteArray:
    """One dental arch unrolled to a strip (H, W, 4); crowns hang down for the upper arch.

    Alpha ends at the free edges. At most `PAINTED_PER_MM` pixels per millimetre are painted.
    """
    painted = _painted_strip(is_upper)
    size = (round(ARCH_MM * pixels_per_mm), round(STRIP_MM * pixels_per_mm))
    return np.asarray(cv2.resize(painted, size, interpolation=cv2.INTER_AREA), np.uint8)


@cache
def _painted_strip(is_upper: bool) -> ByteArray:
    """The strip at full resolution; averaging it down keeps the gaps between teeth soft."""
    height, width = round(STRIP_MM * PAINTED_PER_MM), round(ARCH_MM * PAINTED_PER_MM)
    y_mm, x_mm = np.mgrid[0:height, 0:width].astype(np.float32) / np.float32(PAINTED_PER_MM)
    x_mm -= ARCH_MM / 2
    strip = np.empty((height, width, 4), np.float32)
    strip[..., :3] = GUM_RGB * (0.75 + 0.25 * np.clip(y_mm / GUM_MM, 0, 1))[..., None]
    # Crowns touch: between them is shaded enamel, not the dark of the mouth.
    below_gum = np.clip((y_mm - GUM_MM - 1.2) / 0.6, 0, 1)[..., None]
    strip[..., :3] += (CONTACT_RGB - strip[..., :3]) * below_gum
    strip[..., 3] = 255.0 * np.clip((GUM_MM + 0.68 * TOOTH_MM - y_mm) / 1.0, 0, 1)
    left_mm = 0.0
    for number, (tooth_mm, crown) in enumerate(UPPER_TEETH_MM if is_upper else LOWER_TEETH_MM):
        for side in (-1.0, 1.0):
            _paint_tooth(
                strip,
                side * x_mm - left_mm,
                y_mm,
                width_mm=tooth_mm,
                top_mm=GUM_MM - 0.6 + (1.0 - crown) * 1.5,
                height_mm=TOOTH_MM * crown - 0.4,
                # Teeth further back are in the shade of the cheeks.
                shade=float(np.exp(-((left_mm / 24.0) ** 2))) * 0.55 + 0.45,
                is_pointed=number == 2,
            )
        left_mm += tooth_mm
    if not is_upper:
        strip = strip[::-1]
    painted = np.clip(strip, 0, 255).astype(np.uint8)
    painted.flags.writeable = False
    return painted


def _paint_tooth(
    strip: FloatArray,
    x_mm: FloatArray,
    y_mm: FloatArray,
    *,
    width_mm: float,
    top_mm: float,
    height_mm: float,
    shade: float,
    is_pointed: bool,
) -> None:
    """Blend one crown into the strip; `x_mm` runs from its near edge (0) to its far one."""
    u = x_mm / width_mm * 2.0 - 1.0
    v = (y_mm - top_mm) / height_mm
    # Crowns narrow towards the gum; the free edge is rounded, pointed on canines.
    half = 1.01 - 0.13 * (1.0 - np.clip(v, 0, 1)) ** 2
    edge = 1.0 - 0.08 * np.abs(u) ** 3 - (0.12 * np.abs(u) if is_pointed else 0.0)
    inside_mm = np.minimum((half - np.abs(u)) * width_mm / 2, (edge - v) * height_mm)
    gum_line = 0.10 * (1 - u**2)
    inside_mm = np.minimum(inside_mm, (v + gum_line) * height_mm)
    coverage = np.clip(inside_mm / 0.35 + 0.5, 0, 1)
    # A rounded front: darker towards the neighbours, a little translucent at the free edge.
    shading = shade * (0.80 + 0.20 * np.sqrt(np.clip(1 - u**2, 0, 1))) * (1.02 - 0.10 * (1 - v))
    colour = TOOTH_RGB * shading[..., None]
    colour = colour + (np.array([-8.0, -4.0, 4.0]) * np.clip(v - 0.75, 0, 1)[..., None] * 4)
    strip[..., :3] += (colour - strip[..., :3]) * coverage[..., None]
    strip[..., 3] = np.maximum(strip[..., 3], coverage * 255.0)


def tongue_patch(size: int = 64) -> ByteArray:
    """Paint the tongue's upper surface (size, size, 3): tip at the bottom, groove in the middle."""
    v, u = np.mgrid[0:size, 0:size].astype(np.float32) / (size - 1)
    across = u * 2 - 1
    shading = 0.36 + 0.64 * v**0.9
    shading *= 1 - 0.22 * np.exp(-((across / 0.14) ** 2)) * (1 - 0.6 * v)
    shading *= 0.78 + 0.22 * np.sqrt(np.clip(1 - across**2, 0, 1))
    grain = cv2.GaussianBlur(
        np.random.default_rng(7).normal(0, 1, (size, size)).astype(np.float32), (0, 0), 1.2
    )
    shading *= 1 + 0.05 * grain
    return np.clip(TONGUE_RGB * shading[..., None], 0, 255).astype(np.uint8)
