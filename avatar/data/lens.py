"""Spectacle lenses: what they mirror, laid over what is seen through them.

Knows a lens as a small mesh in front of a finished picture in linear light; it casts no shadow,
bends no light and owns no pixel of any label (a pixel behind a lens shows the eye behind it).
Fresnel's mirror of both faces (Schlick 1994) and the window that the key light is.

Shape legend: V lens vertices, T triangles, H, W samples.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from avatar.data.camera import Camera
from avatar.data.raster import raster
from avatar.data.scene import Lights
from avatar.data.shade_formulas import harmonics_at
from avatar.jit import kernel

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

PASSED = 0.94
"""Share of light that goes through."""
_WINDOW = np.tan(np.radians([15.0, 21.0])).astype(np.float32)
"""Half width and height of the window that a key light is, seen from the face."""
_WINDOW_SHARE = 0.10
_PLAIN = 0.02
"""Mirrored straight ahead by both faces of a coated lens."""


@kernel
def _mirror_into(
    index: Ints, near: Floats, before: Floats, screen: Floats, vertices: Floats, normals: Floats,
    triangles: Ints, eye: Floats, key: Floats, key_colour: Floats, around: Floats,
    window: Floats, share: float, plain: float, passed: float, light: Floats, mirror: Floats,
) -> None:  # fmt: skip
    """Dim the samples behind a lens and add what it mirrors; `before` is their own nearness."""
    # the window's axes: across is level
    ax, az = key[2], -key[0]
    length = np.sqrt(ax * ax + az * az) + 1e-9
    ax, az = ax / length, az / length
    ux, uy, uz = key[1] * az, key[2] * ax - key[0] * az, -key[1] * ax
    for y in range(index.shape[0]):
        for x in range(index.shape[1]):
            t = index[y, x]
            if t < 0 or near[y, x] <= before[y, x]:
                continue
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            bx, by = screen[b, 0] - screen[a, 0], screen[b, 1] - screen[a, 1]
            cx, cy = screen[c, 0] - screen[a, 0], screen[c, 1] - screen[a, 1]
            qx, qy = x + 0.5 - screen[a, 0], y + 0.5 - screen[a, 1]
            inverse = 1.0 / (bx * cy - by * cx)
            kb, kc = (qx * cy - qy * cx) * inverse, (bx * qy - by * qx) * inverse
            ka = 1.0 - kb - kc
            n0 = ka * normals[a, 0] + kb * normals[b, 0] + kc * normals[c, 0]
            n1 = ka * normals[a, 1] + kb * normals[b, 1] + kc * normals[c, 1]
            n2 = ka * normals[a, 2] + kb * normals[b, 2] + kc * normals[c, 2]
            v0 = eye[0] - (ka * vertices[a, 0] + kb * vertices[b, 0] + kc * vertices[c, 0])
            v1 = eye[1] - (ka * vertices[a, 1] + kb * vertices[b, 1] + kc * vertices[c, 1])
            v2 = eye[2] - (ka * vertices[a, 2] + kb * vertices[b, 2] + kc * vertices[c, 2])
            size_n = 1.0 / np.sqrt(n0 * n0 + n1 * n1 + n2 * n2)
            size_v = 1.0 / np.sqrt(v0 * v0 + v1 * v1 + v2 * v2)
            n0, n1, n2 = n0 * size_n, n1 * size_n, n2 * size_n
            v0, v1, v2 = v0 * size_v, v1 * size_v, v2 * size_v
            n_v = abs(n0 * v0 + n1 * v1 + n2 * v2)
            r0, r1, r2 = 2 * n_v * n0 - v0, 2 * n_v * n1 - v1, 2 * n_v * n2 - v2
            fresnel = plain + (1.0 - plain) * (1.0 - min(n_v, 1.0)) ** 5
            h = harmonics_at(around, r0, r1, r2)
            bright = 0.0
            ahead = r0 * key[0] + r1 * key[1] + r2 * key[2]
            if ahead > 0.2:
                u = abs((r0 * ax + r2 * az) / ahead) / window[0]
                v = abs((r0 * ux + r1 * uy + r2 * uz) / ahead) / window[1]
                bright = share * min(max((1.0 - u) * 9.0, 0.0), 1.0)
                bright *= min(max((1.0 - v) * 9.0, 0.0), 1.0)
            for k in range(3):
                light[y, x, k] *= passed
                mirror[y, x, k] = mirror[y, x, k] * passed + min(fresnel, 0.5) * h[k]
                mirror[y, x, k] += bright * key_colour[k]


def add_lenses(
    vertices_V3: Floats, normals_V3: Floats, triangles_T3: Ints, lights: Lights, camera: Camera,
    near_HW: Floats, light_HW3: Floats, mirror_HW3: Floats,
) -> None:  # fmt: skip
    """Lay lenses over a picture in place; `camera` and `near_HW` (1 / cm) are in samples."""
    screen = camera.project(vertices_V3)
    index, near = raster(screen, triangles_T3, camera.size_hw)
    around = lights.ambient_93 if lights.mirror_93 is None else lights.mirror_93
    _mirror_into(
        index, near, near_HW, screen, vertices_V3, normals_V3, triangles_T3, camera.position_3,
        lights.direction_L3[0], lights.colour_L3[0], around, _WINDOW, _WINDOW_SHARE,
        _PLAIN, PASSED,
        light_HW3, mirror_HW3,
    )  # fmt: skip
