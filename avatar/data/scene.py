"""A scene as plain arrays: everything a rasteriser needs, nothing about how it was made.

How to build on this (bodies, clothes, props):
  1. make a `Part`: vertices in world centimetres (x subject's left, y up, z forward), triangles
     counter-clockwise from outside, and per vertex a colour multiplier, a place in a texture,
     ambient occlusion; one `Material` and one `Label` per triangle (or one for all);
  2. put textures on an `Atlas` (it returns the rectangle; `Atlas.place` maps 0..1 uv into it);
  3. `Scene.build(parts, atlas, materials)` concatenates; lights, background and camera are given
     to `avatar.data.render.render`.
Everything is float32 and linear light; a picture becomes sRGB only in the resolve.

Shape legend: V vertices, T triangles, M materials, P parameters, L lights, H, W texels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from avatar.data.mesh import vertex_normals

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Bytes = NDArray[np.uint8]


class Label(IntEnum):
    """What a pixel shows: the region mask of training and evaluation."""

    BACKGROUND = 0
    SKIN = 1
    LIPS = 2
    MOUTH_INTERIOR = 3
    TEETH = 4
    EYES = 5
    HAIR = 6
    BROWS = 7
    LASHES = 8
    CLOTHES = 9
    HANDS = 10
    GLASSES = 11
    HAT = 12
    BEARD = 13
    TONGUE = 14
    JEWELRY = 15


class Kind(IntEnum):
    """Which formula shades a material."""

    CLOTH = 0
    SKIN = 1
    HAIR = 2
    EYE = 3
    WET = 4
    HARD = 5


@dataclass(frozen=True, slots=True)
class Material:
    """How a surface answers light."""

    kind: Kind
    wrap_rgb: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """How far diffuse light reaches past the terminator per channel (0 none .. 1 all round)."""
    specular: float = 0.04
    roughness: float = 0.5
    sheen: float = 0.0
    """Fuzz seen at grazing angles (cloth, peach fuzz)."""
    bump: float = 0.0
    """Scale of the atlas heights (cm per unit)."""
    mirror: float = 0.0
    """Share of the environment that is mirrored."""
    eye_centre_3: tuple[float, float, float] = (0.0, 0.0, 0.0)
    eye_axis_3: tuple[float, float, float] = (0.0, 0.0, 1.0)
    eye_radius: float = 1.0

    def row(self) -> list[float]:
        """The parameters in the order the shaders read them."""
        return [
            float(self.kind),
            *self.wrap_rgb,
            self.specular,
            self.roughness,
            self.sheen,
            self.bump,
            self.mirror,
            *self.eye_centre_3,
            *self.eye_axis_3,
            self.eye_radius,
        ]


@dataclass(slots=True)
class Part:
    """One mesh of a scene before it is merged."""

    vertices_V3: Floats
    triangles_T3: Ints
    material: Ints | int
    """Index into the scene's materials, per triangle or for all."""
    label: Bytes | int
    uv_V2: Floats | None = None
    """Atlas texels / atlas size (0..1); None shows white."""
    colour_V3: Floats | None = None
    occlusion_V: Floats | None = None
    """Ambient light let through, 0..1."""
    normals_V3: Floats | None = None
    is_cut: bool = False
    """Whether the atlas' cover cuts the part's outline (soft edges of photographed hair)."""
    is_lens: bool = False
    """Glass: mirrors over the finished picture and is no surface of the scene itself."""


class Atlas:
    """One texture sheet: rectangles of linear colour + gloss, and of heights, on shelves."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.colour_HW4 = np.ones((size, size, 4), np.float32)
        self.colour_HW4[..., 3] = 0.4
        self.height_HW = np.zeros((size, size), np.float32)
        self.cover_HW: Bytes | None = None
        """Opacity of parts that are cut out; None while no sheet brings one."""
        self._shelf_y = 0
        self._shelf_height = 8
        self._x = 8  # the first 8x8 texels stay white: parts without a texture point there

    def add(
        self,
        colour_HW4: Floats,
        height_HW: Floats | None = None,
        cover_HW: Bytes | None = None,
    ) -> tuple[int, int, int, int]:
        """Copy a texture in; returns its rectangle (x, y, width, height) in texels."""
        height, width = colour_HW4.shape[:2]
        if self._x + width > self.size:
            self._shelf_y += self._shelf_height
            self._x, self._shelf_height = 0, 0
        if self._shelf_y + height > self.size or width > self.size:
            raise ValueError(f"atlas of {self.size} texels is full: no room for {width}x{height}")
        x, y = self._x, self._shelf_y
        self.colour_HW4[y : y + height, x : x + width] = colour_HW4
        if height_HW is not None:
            self.height_HW[y : y + height, x : x + width] = height_HW
        if cover_HW is not None:
            if self.cover_HW is None:
                self.cover_HW = np.full((self.size, self.size), 255, np.uint8)
            self.cover_HW[y : y + height, x : x + width] = cover_HW
        self._x += width
        self._shelf_height = max(self._shelf_height, height)
        return x, y, width, height

    def place(self, rectangle: tuple[int, int, int, int], uv_V2: Floats) -> Floats:
        """Texture uv (0..1, v UP as in the asset files) to atlas uv (0..1, v down)."""
        x, y, width, height = rectangle
        u = x + 0.5 + np.clip(uv_V2[:, 0], 0, 1) * (width - 1)
        v = y + 0.5 + (1 - np.clip(uv_V2[:, 1], 0, 1)) * (height - 1)
        return (np.stack([u, v], -1) / self.size).astype(np.float32)


@dataclass(slots=True)
class Lights:
    """Directional lights with soft shadows, and light from everywhere as spherical harmonics."""

    direction_L3: Floats
    """Unit, from the scene to the light, world axes."""
    colour_L3: Floats
    size_L: Floats
    """Radius of the shadow's blur (cm) and spread of highlights."""
    is_key_L: Bytes
    """1: mirrors in eyes and skin; 0: a sample of the surroundings, diffuse only."""
    has_shadow_L: Bytes
    """0: lets light through everything (weak lights from behind)."""
    ambient_93: Floats
    """Spherical harmonics (order 2) of the light not covered by the lights above."""
    mirror_93: Floats | None = None
    """What glossy surfaces mirror; `ambient_93` where None."""
    exposure: float = 1.0


@dataclass(slots=True)
class Scene:
    """Merged arrays; triangle order is part order."""

    vertices_V3: Floats
    normals_V3: Floats
    uv_V2: Floats
    colour_V3: Floats
    occlusion_V: Floats
    triangles_T3: Ints
    material_T: Ints
    label_T: Bytes
    materials_MP: Floats
    texture_HW4: Floats
    height_HW: Floats
    cover_HW: Bytes | None
    cut_T: list[tuple[int, int]]
    """Ranges of triangles that `cover_HW` cuts."""
    lens: Part | None = None
    """Spectacle lenses, which are laid over the picture (`avatar.data.lens`)."""
    part_vertex_start: list[int] = field(default_factory=list)
    part_triangle_start: list[int] = field(default_factory=list)

    @staticmethod
    def build(parts: Sequence[Part], atlas: Atlas, materials: Sequence[Material]) -> Scene:
        """Merge parts (at most one lens); normals are computed where a part brings none."""
        lens = next((part for part in parts if part.is_lens), None)
        parts = [part for part in parts if not part.is_lens]
        vertex_start, triangle_start = [0], [0]
        for part in parts:
            vertex_start.append(vertex_start[-1] + len(part.vertices_V3))
            triangle_start.append(triangle_start[-1] + len(part.triangles_T3))
        num_v, num_t = vertex_start[-1], triangle_start[-1]
        white = np.float32(4.0 / atlas.size)
        scene = Scene(
            np.empty((num_v, 3), np.float32),
            np.empty((num_v, 3), np.float32),
            np.full((num_v, 2), white, np.float32),
            np.ones((num_v, 3), np.float32),
            np.ones(num_v, np.float32),
            np.empty((num_t, 3), np.int32),
            np.empty(num_t, np.int32),
            np.empty(num_t, np.uint8),
            np.array([m.row() for m in materials], np.float32),
            atlas.colour_HW4,
            atlas.height_HW,
            atlas.cover_HW,
            [
                (triangle_start[k], triangle_start[k + 1])
                for k, part in enumerate(parts)
                if part.is_cut
            ],
            lens,
            vertex_start,
            triangle_start,
        )
        for k, part in enumerate(parts):
            v = slice(vertex_start[k], vertex_start[k + 1])
            t = slice(triangle_start[k], triangle_start[k + 1])
            scene.vertices_V3[v] = part.vertices_V3
            scene.normals_V3[v] = (
                vertex_normals(part.vertices_V3, part.triangles_T3)
                if part.normals_V3 is None
                else part.normals_V3
            )
            for target, value in (
                (scene.uv_V2, part.uv_V2),
                (scene.colour_V3, part.colour_V3),
                (scene.occlusion_V, part.occlusion_V),
            ):
                if value is not None:
                    target[v] = value
            scene.triangles_T3[t] = part.triangles_T3 + vertex_start[k]
            scene.material_T[t] = part.material
            scene.label_T[t] = part.label
        return scene
