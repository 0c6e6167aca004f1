"""Triangle meshes: normals and small geometry questions. Knows no faces and no pictures.

Shape legend: V vertices, T triangles, 3 components.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from avatar.jit import kernel

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]


@kernel
def _accumulate_normals(vertices: Floats, triangles: Ints, out: Floats) -> None:
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ux = vertices[b, 0] - vertices[a, 0]
        uy = vertices[b, 1] - vertices[a, 1]
        uz = vertices[b, 2] - vertices[a, 2]
        vx = vertices[c, 0] - vertices[a, 0]
        vy = vertices[c, 1] - vertices[a, 1]
        vz = vertices[c, 2] - vertices[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for k in range(3):
            v = triangles[t, k]
            out[v, 0] += nx
            out[v, 1] += ny
            out[v, 2] += nz
    for v in range(out.shape[0]):
        length = np.sqrt(out[v, 0] ** 2 + out[v, 1] ** 2 + out[v, 2] ** 2) + 1e-12
        out[v, 0] /= length
        out[v, 1] /= length
        out[v, 2] /= length


def vertex_normals(vertices_V3: Floats, triangles_T3: Ints) -> Floats:
    """Area-weighted unit normals of a counter-clockwise mesh."""
    out = np.zeros_like(vertices_V3)
    _accumulate_normals(vertices_V3, triangles_T3, out)
    return out


@kernel
def _bounds_into(
    points: Floats, screen: Floats, height: int, width: int, low: Floats, high: Floats
) -> None:
    for i in range(points.shape[0]):
        x, y = screen[i, 0], screen[i, 1]
        if screen[i, 2] > 0 and 0 <= x < width and 0 <= y < height:
            for k in range(3):
                low[k] = min(low[k], points[i, k])
                high[k] = max(high[k], points[i, k])


def visible_bounds(
    points_V3: Floats, screen_V3: Floats, size_hw: tuple[int, int]
) -> tuple[Floats, Floats]:
    """Smallest and largest coordinates of the points that lie within a picture."""
    low, high = np.full(3, np.inf, np.float32), np.full(3, -np.inf, np.float32)
    _bounds_into(points_V3, screen_V3, size_hw[0], size_hw[1], low, high)
    if not np.isfinite(low).all():
        return points_V3[0] - 1, points_V3[0] + 1
    return low, high


@kernel
def map_into(points: Floats, matrix_34: Floats, out: Floats) -> None:
    """Affine map of every point."""
    for i in range(points.shape[0]):
        x, y, z = points[i, 0], points[i, 1], points[i, 2]
        for k in range(3):
            out[i, k] = (
                matrix_34[k, 0] * x + matrix_34[k, 1] * y + matrix_34[k, 2] * z + matrix_34[k, 3]
            )


def compact(triangles_T3: Ints, num_vertices: int) -> tuple[Ints, Ints]:
    """Keep only used vertices: (old index of each kept vertex, triangles in new indices)."""
    used = np.zeros(num_vertices, bool)
    used[triangles_T3.ravel()] = True
    kept = np.flatnonzero(used).astype(np.int32)
    new = np.full(num_vertices, -1, np.int32)
    new[kept] = np.arange(len(kept), dtype=np.int32)
    return kept, new[triangles_T3]
