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
from avatar.data.scene import Lights, Scene
from avatar.data.shade import shade_into
from avatar.data.shade_formulas import shadow_taps
from avatar.jit import kernel

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """How much work a picture is worth."""

    samples: int = 2
    """Samples per pixel and direction (2 = 4 per pixel)."""
    shadow_texels: int = 320
    shadow_taps: int = 4
    glow_taps: int = 3
    """Half-width of the light's spread under skin, in taps; 0 turns it off."""
    is_shaded_once: bool = True
    """Shade smooth surfaces once per pixel (of 2 x 2 samples) instead of once per sample."""


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


def _gather_skin(
    visible: Visible, material_T: Ints, kinds_M: Bytes, light_HW3: Floats, once: int
) -> tuple[Bytes, Floats, Floats]:
    """(whether skin shows, its mean light, its nearness) per cell of `once` x `once` samples."""
    height, width = visible.index_HW.shape
    shape = (-(-height // once), -(-width // once))
    skin, near = np.zeros(shape, np.uint8), np.zeros(shape, np.float32)
    mean = np.zeros((*shape, 3), np.float32)
    _gather_into(
        visible.index_HW, visible.near_HW, material_T, kinds_M, light_HW3, once, skin, mean, near
    )
    return skin, mean, near


@kernel
def _gather_into(
    index: Ints, near: Floats, material: Ints, kinds: Bytes, light: Floats, once: int,
    skin_out: Bytes, mean_out: Floats, near_out: Floats,
) -> None:  # fmt: skip
    for i in range(skin_out.shape[0]):
        for j in range(skin_out.shape[1]):
            num = 0
            for y in range(i * once, min((i + 1) * once, index.shape[0])):
                for x in range(j * once, min((j + 1) * once, index.shape[1])):
                    t = index[y, x]
                    if t >= 0 and kinds[material[t]] == 1:
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
def _add_glow(
    index: Ints, material: Ints, kinds: Bytes, gain: Floats, once: int, light: Floats
) -> None:
    for y in range(index.shape[0]):
        for x in range(index.shape[1]):
            t = index[y, x]
            if t >= 0 and kinds[material[t]] == 1:
                for k in range(3):
                    light[y, x, k] = max(light[y, x, k] + gain[y // once, x // once, k], 0.0)


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
        texels_per_cm, shadow_taps(quality.shadow_taps), shadow_taps(4), shadow_taps(12),
        visible.near_HW,
        2 if quality.samples == 2 and quality.is_shaded_once else 1, light, albedo, mirror,
    )  # fmt: skip
    covered = visible.index_HW >= 0
    if quality.glow_taps:
        kinds = scene.materials_MP[:, 0].astype(np.uint8)
        once = quality.samples if quality.is_shaded_once else 1
        skin, mean, near = _gather_skin(visible, scene.material_T, kinds, light, once)
        reach = SKIN_REACH_CM * visible.camera.focal_px / once
        sigmas = 3.0 * np.arange(quality.glow_taps + 1)[:, None] / quality.glow_taps
        weights = np.exp(-0.5 * (sigmas / np.array([1.0, 0.42, 0.25])) ** 2).astype(np.float32)
        across, both = np.empty_like(mean), np.empty_like(mean)
        _spread(mean, skin, near, reach, 1, 0, quality.glow_taps, weights, across)
        _spread(across, skin, near, reach, 0, 1, quality.glow_taps, weights, both)
        _add_glow(visible.index_HW, scene.material_T, kinds, both - mean, once, light)
    return Shaded(light, albedo, mirror, covered.astype(np.float32), visible)


_SRGB_STEPS = 4095
_SRGB = np.linspace(0, 1, _SRGB_STEPS + 1, dtype=np.float32)
_SRGB = np.where(
    _SRGB <= 0.0031308, 12.92 * _SRGB, 1.055 * np.maximum(_SRGB, 1e-9) ** (1 / 2.4) - 0.055
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
    _tone_into(linear_HW3, exposure, _SRGB, out)
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
    curve: Floats, back: Floats, out: Bytes,
) -> None:  # fmt: skip
    """Tone every covered sample, average samples into pixels, lay them over a background."""
    share = 1.0 / (samples * samples)
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            r, g, b, a = 0.0, 0.0, 0.0, 0.0
            for j in range(y * samples, (y + 1) * samples):
                for i in range(x * samples, (x + 1) * samples):
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
        _SRGB, background_HW3, out,
    )  # fmt: skip
    return np.ascontiguousarray(out[..., :3]), np.ascontiguousarray(out[..., 3])
