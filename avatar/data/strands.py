"""Hair as strands: roots on the head, points that follow the face, ribbons that face the camera.

Knows curves and ribbons; how hair is combed is in `avatar.data.hair` and `avatar.data.facial_hair`.
A strand thinner than a sample is drawn one sample wide, and strands are left out in proportion
(always the same ones), so that thin hair stays soft and does not flicker.

Shape legend: S strands, K points per strand, V vertices, T triangles.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from avatar.data.camera import Camera
from avatar.data.head import head_model
from avatar.data.mesh import vertex_normals
from avatar.data.scene import Part
from avatar.jit import kernel

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]


@dataclass(slots=True)
class Roots:
    """Places on the head mesh."""

    triangle_S: Ints
    """Index into `head_model().triangles_T3`."""
    weights_S3: Floats

    def on(self, vertices_V3: Floats) -> Floats:
        """Root positions on a (posed) head."""
        corners = vertices_V3[head_model().triangles_T3[self.triangle_S]]
        return np.einsum("sk,skc->sc", self.weights_S3, corners).astype(np.float32)

    def normals_on(self, vertices_V3: Floats) -> Floats:
        """Smooth unit normals at the roots."""
        triangles = head_model().triangles_T3
        normals = vertex_normals(vertices_V3, triangles)
        out = np.einsum("sk,skc->sc", self.weights_S3, normals[triangles[self.triangle_S]])
        return (out / (np.linalg.norm(out, axis=1, keepdims=True) + 1e-9)).astype(np.float32)


def sample_roots(
    rng: np.random.Generator, vertices_V3: Floats, density_V: Floats, num: int
) -> Roots:
    """`num` random places with probability ~ area x density (per model vertex)."""
    triangles = head_model().triangles_T3
    density = density_V[triangles].mean(1)
    chosen = np.flatnonzero(density > 1e-4)
    p = vertices_V3[triangles[chosen]]
    area = np.linalg.norm(np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]), axis=1)
    weight = np.cumsum(area * density[chosen])
    # stratified: even coverage without holes
    at = (np.arange(num) + rng.random(num)) / num * weight[-1]
    triangle = chosen[np.minimum(np.searchsorted(weight, at), len(chosen) - 1)]
    r1, r2 = np.sqrt(rng.random(num)), rng.random(num)
    bary = np.stack([1 - r1, r1 * (1 - r2), r1 * r2], -1)
    order = rng.permutation(num)
    return Roots(triangle[order].astype(np.int32), bary[order].astype(np.float32))


@dataclass(slots=True)
class Strands:
    """Hair in the head's rest space (neutral expression, head straight)."""

    points_SK3: Floats
    width_S: Floats
    """Diameter at the root (cm)."""
    colour_S3: Floats
    normals_SK3: Floats
    """The hair body's normal: light falls on the volume, not on each strand."""
    occlusion_SK: Floats
    material: int
    label: int
    roots: Roots | None = None
    """Where strands follow the face; None for those fixed to the skull."""
    rest_roots_S3: Floats | None = None
    tip_tint: float = 1.0
    """Colour at the tip / colour at the root."""
    taper: float = 0.75
    """How much thinner the tip is."""
    _painted: tuple[Floats, Floats] | None = field(default=None, repr=False)

    def painted(self) -> tuple[Floats, Floats]:
        """(colour, occlusion) of the ribbons' vertices: worked out once."""
        if self._painted is None:
            along = np.linspace(0, 1, self.points_SK3.shape[1], dtype=np.float32)
            tint = 1 + (self.tip_tint - 1) * along**1.5
            colour = self.colour_S3[:, None, :] * tint[None, :, None]
            self._painted = (
                np.repeat(colour.reshape(-1, 3), 2, 0).astype(np.float32),
                np.repeat(self.occlusion_SK.reshape(-1), 2).astype(np.float32),
            )
        return self._painted


@kernel
def _ribbons(
    points: Floats,
    normals: Floats,
    width: Floats,
    eye: Floats,
    min_width_per_cm: float,
    taper: float,
    vertices: Floats,
    ribbon_normals: Floats,
    triangles: Ints,
) -> int:
    """Fill two vertices per point and the triangles of strands that are kept; returns how many."""
    num, k_points = points.shape[0], points.shape[1]
    t = 0
    for s in range(num):
        chance = (s * 0.6180339887) % 1.0
        for k in range(k_points):
            a, b = max(k - 1, 0), min(k + 1, k_points - 1)
            tx = points[s, b, 0] - points[s, a, 0]
            ty = points[s, b, 1] - points[s, a, 1]
            tz = points[s, b, 2] - points[s, a, 2]
            vx = eye[0] - points[s, k, 0]
            vy = eye[1] - points[s, k, 1]
            vz = eye[2] - points[s, k, 2]
            far = np.sqrt(vx * vx + vy * vy + vz * vz)
            sx, sy, sz = ty * vz - tz * vy, tz * vx - tx * vz, tx * vy - ty * vx
            length = np.sqrt(sx * sx + sy * sy + sz * sz) + 1e-9
            along = k / (k_points - 1.0)
            want = width[s] * (1.0 - taper * along * along)
            least = min_width_per_cm * far
            half = 0.5 * max(want, least) / length
            v = (s * k_points + k) * 2
            vertices[v, 0] = points[s, k, 0] + sx * half
            vertices[v, 1] = points[s, k, 1] + sy * half
            vertices[v, 2] = points[s, k, 2] + sz * half
            vertices[v + 1, 0] = points[s, k, 0] - sx * half
            vertices[v + 1, 1] = points[s, k, 1] - sy * half
            vertices[v + 1, 2] = points[s, k, 2] - sz * half
            for c in range(3):
                ribbon_normals[v, c] = normals[s, k, c]
                ribbon_normals[v + 1, c] = normals[s, k, c]
            if k > 0 and want > least * chance:
                triangles[t, 0], triangles[t, 1], triangles[t, 2] = v - 2, v, v - 1
                triangles[t + 1, 0], triangles[t + 1, 1], triangles[t + 1, 2] = v - 1, v + 1, v
                t += 2
    return t


def strand_part(strands: Strands, points_SK3: Floats, normals_SK3: Floats, camera: Camera) -> Part:
    """Ribbons for one camera (in SAMPLES: `camera.scaled(samples)`)."""
    num, k_points = points_SK3.shape[:2]
    vertices = np.empty((num * k_points * 2, 3), np.float32)
    normals = np.empty_like(vertices)
    triangles = np.empty((num * (k_points - 1) * 2, 3), np.int32)
    used = _ribbons(
        np.ascontiguousarray(points_SK3, np.float32),
        np.ascontiguousarray(normals_SK3, np.float32),
        strands.width_S,
        camera.position_3,
        1.0 / camera.focal_px,
        strands.taper,
        vertices,
        normals,
        triangles,
    )
    colour, occlusion = strands.painted()
    return Part(
        vertices,
        triangles[:used],
        strands.material,
        strands.label,
        colour_V3=colour,
        occlusion_V=occlusion,
        normals_V3=normals,
    )
