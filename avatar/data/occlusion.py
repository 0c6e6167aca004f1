"""Ambient occlusion of the resting head: how much of the surroundings each vertex sees.

Baked once per process on the model's neutral face by looking at it from many directions; moving
jaws and lids are left to shadow-casting lights and to the depth of the mouth.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from avatar.data.head import head_model
from avatar.data.mesh import vertex_normals
from avatar.data.raster import raster_into

Floats = NDArray[np.float32]

_TEXELS = 320
_NUM_DIRECTIONS = 96


@cache
def head_occlusion() -> Floats:
    """(model vertices,) share of a cosine-weighted sky that is not blocked, 0.08..1."""
    model = head_model()
    points = model.neutral_V3
    normals = vertex_normals(points, model.triangles_T3)
    k = np.arange(_NUM_DIRECTIONS) + 0.5
    y = 1 - 2 * k / _NUM_DIRECTIONS
    a = np.pi * (1 + 5**0.5) * k
    r = np.sqrt(1 - y * y)
    directions = np.stack([np.sin(a) * r, y, np.cos(a) * r], -1).astype(np.float32)
    middle = (points.min(0) + points.max(0)) / 2
    radius = float(np.linalg.norm(points.max(0) - points.min(0))) / 2
    scale = _TEXELS / (2 * radius)
    seen = np.zeros(len(points), np.float32)
    total = np.full(len(points), 1e-6, np.float32)
    index = np.empty((_TEXELS, _TEXELS), np.int32)
    lifted = points + 0.10 * normals
    for d in directions:
        helper = np.array([0.0, 1, 0]) if abs(d[1]) < 0.9 else np.array([1.0, 0, 0])
        across = np.cross(helper, d)
        across /= np.linalg.norm(across)
        rows = np.stack([across * scale, np.cross(d, across) * scale, d]).astype(np.float32)
        shift = np.array([_TEXELS / 2, _TEXELS / 2, radius + 1]) - rows @ middle
        screen = (points @ rows.T + shift).astype(np.float32)
        near = np.zeros((_TEXELS, _TEXELS), np.float32)
        index.fill(-1)
        raster_into(screen, model.triangles_T3, 0, len(model.triangles_T3), index, near)
        at = lifted @ rows.T + shift
        x = np.clip(at[:, 0].astype(int), 0, _TEXELS - 1)
        row = np.clip(at[:, 1].astype(int), 0, _TEXELS - 1)
        weight = np.maximum(normals @ d, 0)
        seen += weight * (near[row, x] <= at[:, 2] + 0.12)
        total += weight
    out = np.clip(seen / total, 0.08, 1.0)
    # average over neighbours: one ring is enough to hide the sampling
    t = model.triangles_T3
    summed, count = out.copy(), np.ones(len(out), np.float32)
    for a_, b_ in ((0, 1), (1, 2), (2, 0)):
        np.add.at(summed, t[:, a_], out[t[:, b_]])
        np.add.at(count, t[:, a_], 1)
    out = summed / count
    # a closed mouth is dark, but it is seen only when open: light falls in from the front
    for region, low, high in (("teeth", 0.25, 0.95), ("gums_tongue", 0.12, 0.75),
                              ("mouth_socket", 0.06, 0.35)):  # fmt: skip
        inside = np.unique(t[model.region_T == model.region_names.index(region)])
        depth = np.clip((points[inside, 2] - 5.5) / 4.5, 0, 1)
        out[inside] = low + (high - low) * depth
    return out.astype(np.float32)
