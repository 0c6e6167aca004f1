"""From scene, lights and camera to a picture: shadows, visibility, shading, skin glow, resolve.

Knows the order of the passes; formulas are in `shade`, geometry in `raster`. Pictures come out
as sRGB bytes with a coverage matte; the background is put in by `avatar.data.background`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avatar.data.camera import Camera
from avatar.data.mesh import visible_bounds
from avatar.data.raster import raster, raster_cut_into, raster_into
from avatar.data.scene import Kind, Lights, Scene
from avatar.data.shade import shade_into, shadow_taps
from avatar.jit import kernel

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """How much work a picture is worth."""

    samples: int = 2
    """Samples per pixel and direction (2 = 4 per pixel)."""
    shadow_texels: int = 320
    shadow_taps: int = 4
    glow_taps: int = 3
    """Half-width of the light's spread under skin, in taps; 0 turns it off."""


@dataclass(slots=True)
class Visible:
    """What each sample of a view shows; enough to work out every label."""

    camera: Camera
    """In samples, not pixels."""
    screen_V3: Floats
    index_HW: Ints
    near_HW: Floats


def raster_scene(scene: Scene, screen_V3: Floats, size_hw: tuple[int, int]) -> tuple[Ints, Floats]:
    """Visibility of a whole scene, cut-out parts included."""
    if not scene.cut_T:
        return raster(screen_V3, scene.triangles_T3, size_hw)
    assert scene.cover_HW is not None, "a part that is cut brings a cover"
    index, near = np.full(size_hw, -1, np.int32), np.zeros(size_hw, np.float32)
    first = 0
    for start, end in scene.cut_T:
        raster_into(screen_V3, scene.triangles_T3, first, start, index, near)
        raster_cut_into(
            screen_V3, scene.triangles_T3, start, end, scene.uv_V2, scene.cover_HW, index, near
        )
        first = end
    raster_into(screen_V3, scene.triangles_T3, first, len(scene.triangles_T3), index, near)
    return index, near


def look_through(scene: Scene, camera: Camera, samples: int) -> Visible:
    """Rasterise a scene at `samples` per pixel and direction."""
    fine = camera.scaled(samples)
    screen = fine.project(scene.vertices_V3)
    index, near = raster_scene(scene, screen, fine.size_hw)
    return Visible(fine, screen, index, near)


def cast_shadows(
    scene: Scene, lights: Lights, texels: int, visible: Visible
) -> tuple[Floats, Floats, float]:
    """(maps LSS of nearness in cm, world-to-map L34, texels per cm) around what a view shows."""
    low, high = visible_bounds(scene.vertices_V3, visible.screen_V3, visible.camera.size_hw)
    middle = (low + high) / 2
    radius = float(np.linalg.norm(high - low)) / 2
    scale = texels / (2 * radius)
    num = len(lights.direction_L3)
    # a light that casts no shadow has an empty map: nothing is nearer to it
    maps = np.zeros((num, texels, texels), np.float32)
    to_map = np.zeros((num, 3, 4), np.float32)
    index = np.empty((texels, texels), np.int32)
    for k, direction in enumerate(lights.direction_L3):
        helper = np.array([0.0, 1.0, 0.0]) if abs(direction[1]) < 0.9 else np.array([1.0, 0, 0])
        across = np.cross(helper, direction)
        across /= np.linalg.norm(across)
        up = np.cross(direction, across)
        if not lights.has_shadow_L[k]:
            continue
        rows = np.stack([across * scale, up * scale, direction])
        shift = np.array([texels / 2, texels / 2, 400.0]) - rows @ middle
        to_map[k] = np.concatenate([rows, shift[:, None]], 1)
        screen = (scene.vertices_V3 @ to_map[k, :, :3].T + to_map[k, :, 3]).astype(np.float32)
        index.fill(-1)
        raster_into(screen, scene.triangles_T3, 0, len(scene.triangles_T3), index, maps[k])
    return maps, to_map, scale


@kernel
def _spread(
    light: Floats, skin: NDArray[np.uint8], near: Floats, reach: float, dx: int, dy: int,
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


SKIN_REACH_CM = 0.75
"""Three standard deviations of red light under skin."""


@dataclass(slots=True)
class Shaded:
    """Linear light per sample, and coverage."""

    light_HW3: Floats
    albedo_HW3: Floats
    mirror_HW3: Floats
    alpha_HW: Floats
    visible: Visible

    @property
    def linear_HW3(self) -> Floats:
        """The picture in linear light."""
        return self.light_HW3 * self.albedo_HW3 + self.mirror_HW3


def shade(scene: Scene, lights: Lights, camera: Camera, quality: Quality) -> Shaded:
    """All passes up to linear light at sample resolution (black where nothing is)."""
    visible = look_through(scene, camera, quality.samples)
    maps, to_map, texels_per_cm = cast_shadows(scene, lights, quality.shadow_texels, visible)
    shape = visible.index_HW.shape
    light, albedo, mirror = (np.zeros((*shape, 3), np.float32) for _ in range(3))
    shade_into(
        visible.index_HW, visible.screen_V3, scene.vertices_V3, scene.normals_V3, scene.uv_V2,
        scene.colour_V3, scene.occlusion_V, scene.along_V, scene.triangles_T3, scene.material_T,
        scene.materials_MP, scene.texture_HW4, scene.height_HW, visible.camera.position_3,
        lights.direction_L3, lights.colour_L3, lights.size_L, lights.is_key_L, lights.ambient_93,
        lights.ambient_93 if lights.mirror_93 is None else lights.mirror_93, maps, to_map,
        texels_per_cm, shadow_taps(quality.shadow_taps), shadow_taps(4),
        np.zeros((1, 1), np.float32), light, albedo, mirror,
    )  # fmt: skip
    covered = visible.index_HW >= 0
    if quality.glow_taps:
        kinds = scene.materials_MP[scene.material_T, 0].astype(np.uint8)
        is_skin = np.where(covered, kinds[visible.index_HW] == Kind.SKIN, False).astype(np.uint8)
        reach = SKIN_REACH_CM * visible.camera.focal_px
        other = np.empty_like(light)
        sigmas = 3.0 * np.arange(quality.glow_taps + 1)[:, None] / quality.glow_taps
        weights = np.exp(-0.5 * (sigmas / np.array([1.0, 0.42, 0.25])) ** 2).astype(np.float32)
        _spread(light, is_skin, visible.near_HW, reach, 1, 0, quality.glow_taps, weights, other)
        _spread(other, is_skin, visible.near_HW, reach, 0, 1, quality.glow_taps, weights, light)
    return Shaded(light, albedo, mirror, covered.astype(np.float32), visible)


_SRGB_STEPS = 4095
_SRGB = np.linspace(0, 1, _SRGB_STEPS + 1, dtype=np.float32)
_SRGB = np.where(
    _SRGB <= 0.0031308, 12.92 * _SRGB, 1.055 * np.maximum(_SRGB, 1e-9) ** (1 / 2.4) - 0.055
).astype(np.float32)


@kernel
def _tone_into(linear: Floats, exposure: float, curve: Floats, out: Floats) -> None:
    """A gentle shoulder (extended Reinhard, per channel), then the sRGB curve from a table."""
    steps = curve.shape[0] - 1
    for y in range(linear.shape[0]):
        for x in range(linear.shape[1]):
            for k in range(3):
                v = max(linear[y, x, k] * exposure, 0.0)
                v = v * (1.0 + v / (2.6 * 2.6)) / (1.0 + 0.72 * v) * 1.18
                at = min(v, 1.0) * steps
                low = min(int(at), steps - 1)
                out[y, x, k] = curve[low] + (curve[low + 1] - curve[low]) * (at - low)


def tone(linear_HW3: Floats, exposure: float) -> Floats:
    """Linear light to display sRGB in 0..1."""
    out = np.empty_like(linear_HW3)
    _tone_into(linear_HW3, exposure, _SRGB, out)
    return out


def inverse_tone(srgb_HW3: Floats) -> Floats:
    """Linear light that `tone` at exposure 1 turns into display sRGB 0..1."""
    steps = np.linspace(0, 2.2, 4096, dtype=np.float32)
    shown = tone(np.repeat(steps[None, :, None], 3, 2), 1.0)[0, :, 0]
    top = int(np.argmax(shown >= 0.9999)) + 1  # the curve is flat from here on
    return np.interp(srgb_HW3, shown[:top], steps[:top]).astype(np.float32)


@kernel
def _resolve_into(colour: Floats, alpha: Floats, samples: int, back: Floats, out: Floats) -> None:
    """Average samples into pixels and lay them over a background; out = red, green, blue, alpha."""
    share = 1.0 / (samples * samples)
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            r, g, b, a = 0.0, 0.0, 0.0, 0.0
            for j in range(samples):
                for i in range(samples):
                    w = alpha[y * samples + j, x * samples + i]
                    r += colour[y * samples + j, x * samples + i, 0] * w
                    g += colour[y * samples + j, x * samples + i, 1] * w
                    b += colour[y * samples + j, x * samples + i, 2] * w
                    a += w
            a *= share
            out[y, x, 0] = r * share + back[y, x, 0] * (1.0 - a)
            out[y, x, 1] = g * share + back[y, x, 1] * (1.0 - a)
            out[y, x, 2] = b * share + back[y, x, 2] * (1.0 - a)
            out[y, x, 3] = a


def picture(
    shaded: Shaded, samples: int, exposure: float, background_HW3: Floats
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """(sRGB bytes over a background, coverage bytes) at pixel resolution."""
    out = np.empty((*background_HW3.shape[:2], 4), np.float32)
    colour = tone(shaded.linear_HW3, exposure)
    _resolve_into(colour, shaded.alpha_HW, samples, background_HW3, out)
    both = np.clip(out * 255 + 0.5, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(both[..., :3]), np.ascontiguousarray(both[..., 3])
