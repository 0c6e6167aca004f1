"""Looks beyond the realistic one: clay, toon with outlines, painted.

Clay changes the scene before it is lit, toon changes how light is answered, painted lays strokes
over the finished picture. Knows pictures and arrays, not people.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar.data.render import Shaded
from avatar.data.scene import Kind, Label, Scene

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]


class Look(StrEnum):
    """How a person is drawn."""

    REALISTIC = "realistic"
    CLAY = "clay"
    TOON = "toon"
    PAINTED = "painted"


def clay_scene(scene: Scene, seed: int) -> None:
    """Make every surface clay, in place: even colours, no gloss, thumb marks, no fine strands."""
    flat = np.ones_like(scene.texture_HW4)
    # keep large colour areas (lips, iris, cloth) but lose every fine mark
    small = cv2.resize(scene.texture_HW4, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    small = cv2.medianBlur(small[..., :3].astype(np.float32), 5)
    flat[..., :3] = cv2.resize(small, scene.texture_HW4.shape[1::-1])
    eyes = np.isin(scene.materials_MP[:, 0], (Kind.EYE,))
    eye_vertices = np.unique(scene.triangles_T3[eyes[scene.material_T]])
    if len(eye_vertices):
        low = (scene.uv_V2[eye_vertices].min(0) * flat.shape[0]).astype(int)
        high = (scene.uv_V2[eye_vertices].max(0) * flat.shape[0]).astype(int) + 1
        flat[low[1] : high[1], low[0] : high[0]] = scene.texture_HW4[
            low[1] : high[1], low[0] : high[0]
        ]
    flat[..., 3] = 0.2
    scene.texture_HW4 = flat
    rng = np.random.default_rng(seed)
    marks = rng.standard_normal((70, 70)).astype(np.float32)
    scene.height_HW = cv2.resize(marks, flat.shape[1::-1], interpolation=cv2.INTER_CUBIC) * 0.03
    table = scene.materials_MP
    matte = np.isin(table[:, 0], (Kind.SKIN, Kind.CLOTH, Kind.HARD))
    table[matte, 4], table[matte, 5], table[matte, 6], table[matte, 8] = 0.02, 0.6, 0.02, 0.1
    table[matte, 7] = 1.0
    hair = table[:, 0] == Kind.HAIR
    table[hair, 4] = 0.02


def toon_picture(
    shaded: Shaded, scene: Scene, samples: int, exposure: float, background_HW3: Floats
) -> tuple[Bytes, Bytes]:
    """(rgb, alpha): light in three steps, even colours, dark outlines."""
    v = shaded.visible
    luminance = shaded.light_HW3.mean(-1) * exposure
    inside = v.index_HW >= 0
    if inside.any():
        blur = luminance.shape[0] / 110
        soft = cv2.GaussianBlur(luminance * inside, (0, 0), blur) / (
            cv2.GaussianBlur(inside.astype(np.float32), (0, 0), blur) + 1e-4
        )
    else:
        soft = luminance
    middle = float(np.median(soft[inside])) if inside.any() else 1.0

    def step(at: float, width: float) -> Floats:
        t = np.clip((soft / middle - at) / width + 0.5, 0, 1)
        return (t * t * (3 - 2 * t)).astype(np.float32)

    bands = 0.66 + 0.22 * step(0.55, 0.10) + 0.16 * step(1.32, 0.10)
    albedo = shaded.albedo_HW3
    even = albedo.copy()
    for _ in range(2):
        even = cv2.bilateralFilter(even, 9, 0.10, 3.0 * samples).astype(np.float32)
    label = np.where(inside, scene.label_T[v.index_HW], 0)
    keep = np.isin(label, (Label.EYES, Label.LASHES, Label.BROWS))[..., None]
    even = np.where(keep, albedo, even)
    warm = np.array([0.90, 0.94, 1.06], np.float32)
    shade_tint = warm ** (1 - bands[..., None])
    colour = even * bands[..., None] * shade_tint * 1.25
    shine = shaded.mirror_HW3.mean(-1) * exposure
    colour += (0.55 * (shine > 0.30) * np.isin(label, (Label.EYES, Label.HAIR, Label.LIPS)))[
        ..., None
    ]
    srgb = np.clip(colour, 0, 1) ** (1 / 2.2)
    hsv = cv2.cvtColor(srgb.astype(np.float32), cv2.COLOR_RGB2HSV)
    hsv[..., 1] = np.clip(hsv[..., 1] * 1.18, 0, 1)
    srgb = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    lines = _outlines(v.near_HW, label, v.camera.focal_px)
    ink = np.array([0.10, 0.07, 0.08], np.float32)
    srgb = srgb * (1 - lines[..., None]) + ink * lines[..., None]
    alpha = np.maximum(shaded.alpha_HW, lines)
    both = np.concatenate([srgb * alpha[..., None], alpha[..., None]], -1)
    height, width = background_HW3.shape[:2]
    small = cv2.resize(both, (width, height), interpolation=cv2.INTER_AREA)
    rgb = small[..., :3] + background_HW3 * (1 - small[..., 3:])
    return (
        np.clip(rgb * 255 + 0.5, 0, 255).astype(np.uint8),
        np.clip(small[..., 3] * 255 + 0.5, 0, 255).astype(np.uint8),
    )


INK_CM = 0.14
"""Width of an outline on the person; never thinner than a faint line."""
_FINEST_CM = 0.9
"""Shapes narrower than this (strands) get no outline of their own: they would drown in ink."""


def _outlines(near: Floats, label: NDArray[np.integer[Any]], focal: float) -> Floats:
    """Ink where depth jumps or one thing ends and another begins; `focal` in samples."""
    depth = np.where(near > 0, 1.0 / np.maximum(near, 1e-6), 1e3).astype(np.float32)
    three = np.ones((3, 3), np.uint8)
    jump = cv2.morphologyEx(depth, cv2.MORPH_GRADIENT, three) > 1.1
    group = np.zeros(32, np.uint8)
    for k, labels in enumerate(
        ((Label.BACKGROUND,), (Label.SKIN,), (Label.HAIR, Label.BEARD), (Label.CLOTHES,),
         (Label.GLASSES,), (Label.HAT,), (Label.HANDS,))
    ):  # fmt: skip
        for one in labels:
            group[one] = k
    for one in (Label.LIPS, Label.EYES, Label.BROWS, Label.LASHES, Label.TEETH,
                Label.MOUTH_INTERIOR, Label.TONGUE, Label.JEWELRY):  # fmt: skip
        group[one] = group[Label.SKIN]
    seen = near[near > 0]
    per_cm = focal * float(np.median(seen)) if len(seen) else 1.0
    size = int(np.clip(_FINEST_CM * per_cm, 3, 63)) | 1
    kind = cv2.medianBlur(group[label].astype(np.uint8), size)
    edge = cv2.morphologyEx(kind, cv2.MORPH_GRADIENT, three) > 0
    by_hair = cv2.dilate((group[label] == group[Label.HAIR]).astype(np.uint8), three) > 0
    inked = edge | (jump & ~by_hair)
    width = INK_CM * per_cm
    # an edge is two samples wide by itself; thinner lines are fainter ones
    away = cv2.distanceTransform((~inked).astype(np.uint8), cv2.DIST_L2, 3)
    lines = np.clip(max(width / 2 - 1, 0) + 1 - away, 0, 1)
    lines = cv2.GaussianBlur(lines.astype(np.float32), (0, 0), 0.7)
    return np.asarray(np.clip(lines * 1.2, 0, 1) * min(max(width / 2, 0.4), 1.0), np.float32)


def paint(rgb_HW3: Bytes, focus_HW: Floats, seed: int) -> Bytes:
    """Brush strokes from coarse to fine; `focus` 0..1 asks for finer strokes (faces)."""
    rng = np.random.default_rng(seed)
    height, width = rgb_HW3.shape[:2]
    unit = height / 1024.0
    source = rgb_HW3.astype(np.float32)
    canvas = cv2.GaussianBlur(source, (0, 0), 14 * unit)
    grey = cv2.GaussianBlur(cv2.cvtColor(rgb_HW3, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0),
                            2.5 * unit)  # fmt: skip
    gx, gy = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    blur = 5 * unit
    xx, yy, xy = (cv2.GaussianBlur(g, (0, 0), blur) for g in (gx * gx, gy * gy, gx * gy))
    along = 0.5 * np.arctan2(2 * xy, xx - yy) + np.pi / 2
    for radius, spacing, least in ((15, 9.0, 0.0), (8, 5.5, 0.0), (4.5, 3.6, 0.0),
                                   (2.4, 2.2, 0.35), (1.3, 1.5, 0.6)):  # fmt: skip
        smooth = cv2.GaussianBlur(source, (0, 0), max(radius * 0.45 * unit, 0.3))
        num = int(width * height / (spacing * unit) ** 2)
        xs, ys = rng.integers(0, width, num), rng.integers(0, height, num)
        wanted = np.abs(smooth[ys, xs] - canvas[ys, xs]).sum(1) > 14
        wanted |= rng.random(num) < 0.25
        wanted &= focus_HW[ys, xs] >= least
        layer = canvas.copy()
        for x, y in zip(xs[wanted], ys[wanted], strict=True):
            colour = smooth[y, x] + rng.normal(0, 3.0, 3)
            angle = float(np.degrees(along[y, x]) + rng.normal(0, 9))
            long = int(radius * unit * 2.6 * 8) + 4
            cv2.ellipse(layer, (int(x) * 8, int(y) * 8), (long, int(radius * unit * 0.8 * 8) + 3),
                        angle, 0, 360, colour.tolist(), -1, cv2.LINE_AA, 3)  # fmt: skip
        canvas = canvas * 0.12 + layer * 0.88
    return np.clip(canvas, 0, 255).astype(np.uint8)
