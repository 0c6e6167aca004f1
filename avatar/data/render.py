"""From scene, lights and camera to linear light: shadows, visibility, shading, skin glow.

Knows the order of the passes; formulas are in `shade` and `glow`, geometry in `raster`. Linear
light becomes pixels in `avatar.data.resolve`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avatar.data.camera import Camera
from avatar.data.glow import add_glow
from avatar.data.lens import add_lenses
from avatar.data.mesh import map_into, visible_bounds
from avatar.data.raster import raster, raster_cut_into, raster_into
from avatar.data.scene import Lights, Scene
from avatar.data.shade import shade_into, smooth_blocks_into
from avatar.data.shade_formulas import shadow_taps

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


def shadow_frame(
    scene: Scene, lights: Lights, texels: int, screen_V3: Floats, size_hw: tuple[int, int]
) -> tuple[Floats, float]:
    """(world to shadow map per light L34, zero for lights without one; texels per cm)."""
    low, high = visible_bounds(scene.vertices_V3, screen_V3, size_hw)
    middle = (low + high) / 2
    scale = texels / float(np.linalg.norm(high - low))
    to_map = np.zeros((len(lights.direction_L3), 3, 4), np.float32)
    for k, direction in enumerate(lights.direction_L3):
        if not lights.has_shadow_L[k]:
            continue
        helper = np.array([0.0, 1.0, 0.0]) if abs(direction[1]) < 0.9 else np.array([1.0, 0, 0])
        across = np.cross(helper, direction)
        across /= np.linalg.norm(across)
        up = np.cross(direction, across)
        rows = np.stack([across * scale, up * scale, direction])
        shift = np.array([texels / 2, texels / 2, 400.0]) - rows @ middle
        to_map[k] = np.concatenate([rows, shift[:, None]], 1)
    return to_map, scale


def cast_shadows(
    scene: Scene, lights: Lights, texels: int, visible: Visible
) -> tuple[Floats, Floats, float]:
    """(maps LSS of nearness in cm, world-to-map L34, texels per cm) around what a view shows."""
    size = visible.camera.size_hw
    to_map, scale = shadow_frame(scene, lights, texels, visible.screen_V3, size)
    # a light that casts no shadow has an empty map: nothing is nearer to it
    maps = np.zeros((len(to_map), texels, texels), np.float32)
    index = np.empty((texels, texels), np.int32)
    screen = np.empty_like(scene.vertices_V3)
    for k in range(len(to_map)):
        if lights.has_shadow_L[k]:
            map_into(scene.vertices_V3, to_map[k], screen)
            index.fill(-1)
            raster_into(screen, scene.triangles_T3, 0, len(scene.triangles_T3), index, maps[k])
    return maps, to_map, scale


@dataclass(slots=True)
class Shaded:
    """Linear light per sample, and coverage."""

    light_HW3: Floats
    albedo_HW3: Floats
    mirror_HW3: Floats
    alpha_HW: Floats
    smooth_IJ: Bytes
    """1 where 2 x 2 samples were shaded once; 0 x 0 where each sample was."""
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
    is_once = quality.samples == 2 and quality.is_shaded_once
    smooth = np.zeros((shape[0] // 2, shape[1] // 2) if is_once else (0, 0), np.uint8)
    if is_once:
        smooth_blocks_into(
            visible.index_HW, visible.near_HW, scene.material_T, scene.materials_MP, smooth
        )
    shade_into(
        visible.index_HW, visible.screen_V3, scene.vertices_V3, scene.normals_V3, scene.uv_V2,
        scene.colour_V3, scene.occlusion_V, scene.triangles_T3, scene.material_T,
        scene.materials_MP, scene.texture_HW4, scene.height_HW, visible.camera.position_3,
        lights.direction_L3, lights.colour_L3, lights.size_L, lights.is_key_L, lights.ambient_93,
        lights.ambient_93 if lights.mirror_93 is None else lights.mirror_93, maps, to_map,
        texels_per_cm, shadow_taps(quality.shadow_taps),
        shadow_taps(max(quality.shadow_taps // 2, 4)), shadow_taps(12), smooth, light,
        albedo, mirror,
    )  # fmt: skip
    if quality.glow_taps:
        add_glow(
            visible.index_HW, visible.near_HW, scene.material_T, scene.materials_MP, smooth,
            quality.samples if quality.is_shaded_once else 1, visible.camera.focal_px,
            quality.glow_taps, light,
        )  # fmt: skip
    if scene.lens is not None and scene.lens.normals_V3 is not None:
        add_lenses(
            scene.lens.vertices_V3, scene.lens.normals_V3, scene.lens.triangles_T3, lights,
            visible.camera, visible.near_HW, light, mirror,
        )  # fmt: skip
    alpha = (visible.index_HW >= 0).astype(np.float32)
    return Shaded(light, albedo, mirror, alpha, smooth, visible)
