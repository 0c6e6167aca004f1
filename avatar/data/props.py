"""Things worn on the head: glasses, knitted caps, earrings. Geometry only, head centimetres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avatar.data.head import head_model
from avatar.data.mesh import compact, vertex_normals

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True)
class GlassesStyle:
    """Frames."""

    width: float = 5.2
    height: float = 4.0
    squareness: float = 3.0
    """Exponent of the rim's super-ellipse: 2 round, 4 nearly rectangular."""
    thickness: float = 0.22
    rgb: tuple[float, float, float] = (0.02, 0.02, 0.02)


def tube(
    path_P3: Floats, radius: float, *, closed: bool, num_sides: int = 8
) -> tuple[Floats, Ints]:
    """A round tube along a path."""
    p = path_P3.astype(np.float64)
    n = len(p)
    if closed:
        tangent = np.roll(p, -1, 0) - np.roll(p, 1, 0)
    else:
        tangent = np.gradient(p, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    helper = np.array([0.0, 0.0, 1.0]) if abs(tangent[:, 2]).max() < 0.9 else np.array([0, 1.0, 0])
    side = np.cross(tangent, helper)
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    other = np.cross(side, tangent)
    a = np.linspace(0, 2 * np.pi, num_sides, endpoint=False)
    ring = np.cos(a)[None, :, None] * side[:, None] + np.sin(a)[None, :, None] * other[:, None]
    vertices = (p[:, None] + radius * ring).reshape(-1, 3)
    triangles = []
    for i in range(n if closed else n - 1):
        j = (i + 1) % n
        for k in range(num_sides):
            m = (k + 1) % num_sides
            a0, a1 = i * num_sides + k, i * num_sides + m
            b0, b1 = j * num_sides + k, j * num_sides + m
            triangles += [(a0, b0, a1), (a1, b0, b1)]
    return vertices.astype(np.float32), np.array(triangles, np.int32)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where glasses sit on a face (cm)."""

    centre_x: float
    y0: float
    front: float

    def on_face(self, x: Floats, y: Floats, sign: int) -> Floats:
        """Points (P, 3) of one side's glass from places about its middle: frames wrap a little."""
        z = self.front - 0.055 * ((x * sign + self.centre_x) ** 2) * 0.35
        return np.stack([x + sign * self.centre_x, y + self.y0, z], -1).astype(np.float32)


def _place(style: GlassesStyle, landmarks_68_3: Floats) -> _Place:
    lm = landmarks_68_3
    eyes = np.array([lm[42:48].mean(0), lm[36:42].mean(0)])
    front = max(eyes[:, 2].max() + 1.15, lm[28, 2] + 0.1, lm[[19, 24], 2].max() - 0.1)
    centre_x = max(abs(eyes[:, 0]).mean(), style.width / 2 + 0.55)
    return _Place(float(centre_x), float(eyes[:, 1].mean() - 0.25), float(front))


def _rim(style: GlassesStyle) -> tuple[Floats, Floats]:
    """(x, y) of a rim about its middle: a super-ellipse, narrower below."""
    a = np.linspace(0, 2 * np.pi, 56, endpoint=False)
    e = 2.0 / style.squareness
    x = np.sign(np.cos(a)) * np.abs(np.cos(a)) ** e * style.width / 2
    y = np.sign(np.sin(a)) * np.abs(np.sin(a)) ** e * style.height / 2
    x *= 1 - 0.05 * (y < 0) * np.abs(y)
    return x.astype(np.float32), y.astype(np.float32)


_LENS_RADIUS_CM = 6.5
"""Of the sphere that a lens' front is cut from."""


def lenses(style: GlassesStyle, shape_V3: Floats) -> tuple[Floats, Ints, Floats]:
    """Both lenses of glasses on a (neutral) face: vertices, triangles, normals."""
    place = _place(style, shape_V3[head_model().landmarks_68])
    x, y = _rim(style)
    num = len(x)
    rings = np.array([0.34, 0.67, 1.0], np.float32)
    flat_x = np.concatenate([[0.0], np.outer(rings, x).ravel()]).astype(np.float32)
    flat_y = np.concatenate([[0.0], np.outer(rings, y).ravel()]).astype(np.float32)
    k, m = np.arange(num), (np.arange(num) + 1) % num
    triangles = [np.stack([np.zeros(num, int), 1 + k, 1 + m], -1)]
    for ring in range(len(rings) - 1):
        near, far = 1 + ring * num, 1 + (ring + 1) * num
        triangles.append(np.stack([near + k, far + k, far + m], -1))
        triangles.append(np.stack([near + k, far + m, near + m], -1))
    one = np.concatenate(triangles).astype(np.int32)
    bulge = np.stack([flat_x, flat_y, np.full_like(flat_x, _LENS_RADIUS_CM)], -1)
    normals = (bulge / np.linalg.norm(bulge, axis=1, keepdims=True)).astype(np.float32)
    v, t = _join([(place.on_face(flat_x, flat_y, sign), one) for sign in (1, -1)])
    return v, t, np.concatenate([normals, normals])


def glasses(style: GlassesStyle, shape_V3: Floats) -> tuple[Floats, Ints]:
    """Frame mesh that sits on a (neutral) face."""
    lm = shape_V3[head_model().landmarks_68]
    place = _place(style, lm)
    centre_x, y0, front, half = place.centre_x, place.y0, place.front, style.width / 2
    pieces: list[tuple[Floats, Ints]] = []
    x, y = _rim(style)
    for sign in (1, -1):
        ring = place.on_face(x, y, sign)
        z = ring[:, 2]
        pieces.append(tube(ring, style.thickness / 2, closed=True))
        hinge = np.array([sign * (centre_x + half), y0 + style.height * 0.28, z.min() + 0.02])
        ear = lm[16 if sign > 0 else 0]
        end = np.array([sign * (abs(ear[0]) + 0.35), y0 + style.height * 0.30, ear[2] - 3.0])
        tip = end + np.array([-sign * 0.2, -2.2, -1.6])
        path = np.array([hinge, hinge * 0.5 + end * 0.5 + [sign * 0.25, 0, 0], end, tip])
        t = np.linspace(0, 3, 16)
        smooth = np.stack([np.interp(t, np.arange(4), path[:, k]) for k in range(3)], -1)
        pieces.append(tube(smooth.astype(np.float32), style.thickness * 0.45, closed=False))
    t = np.linspace(-1, 1, 9)
    inner = centre_x - half
    bridge = np.stack([t * inner, y0 + 0.45 + 0.25 * (1 - t * t), np.full(9, front + 0.05)], -1)
    pieces.append(tube(bridge.astype(np.float32), style.thickness / 2, closed=False))
    return _join(pieces)


def _join(pieces: list[tuple[Floats, Ints]]) -> tuple[Floats, Ints]:
    start, vertices, triangles = 0, [], []
    for v, t in pieces:
        vertices.append(v)
        triangles.append(t + start)
        start += len(v)
    return np.concatenate(vertices), np.concatenate(triangles)


def cap(shape_V3: Floats, thickness: float = 0.95) -> tuple[Floats, Ints, Floats]:
    """A knitted cap: (vertices, triangles, uv 0..1) grown from the scalp."""
    model = head_model()
    rest = model.neutral_V3
    outer = model.triangles_T3[np.isin(model.region_T, (0, 1))]
    edge = 6.9 + 0.16 * (rest[:, 2] - 2.0)
    inside = (rest[:, 1] > edge - 0.6)[outer].all(1)
    kept, triangles = compact(outer[inside], len(rest))
    normals = vertex_normals(shape_V3, model.triangles_T3)[kept]
    high = rest[kept, 1] - edge[kept]
    roll = 0.5 / (1 + np.exp(6 * (high - 2.3)))
    out = shape_V3[kept] + normals * (thickness + roll)[:, None]
    out[:, 1] += 0.075 * np.maximum(high, 0) ** 1.45
    u = np.arctan2(rest[kept, 0], rest[kept, 2] + 1.0) / (2 * np.pi) + 0.5
    v = np.clip(high / 9.0, 0, 1)
    return out.astype(np.float32), triangles, np.stack([u, v], -1).astype(np.float32)


def ball(centre_3: Floats, radius: float) -> tuple[Floats, Ints]:
    """A small sphere (pearl, stud)."""
    rows, columns = 7, 12
    v, t = [], []
    for i in range(rows + 1):
        for j in range(columns):
            a, b = np.pi * i / rows, 2 * np.pi * j / columns
            v.append((np.sin(a) * np.cos(b), np.cos(a), np.sin(a) * np.sin(b)))
    for i in range(rows):
        for j in range(columns):
            p, q = i * columns + j, i * columns + (j + 1) % columns
            t += [(p, q, p + columns), (q, q + columns, p + columns)]
    return (np.array(v) * radius + centre_3).astype(np.float32), np.array(t, np.int32)


def earrings(shape_V3: Floats, radius: float) -> tuple[Floats, Ints]:
    """One ball below each ear lobe."""
    rest = head_model().neutral_V3
    pieces = []
    for sign in (1, -1):
        ear = np.flatnonzero((rest[:, 0] * sign > 7.4) & (rest[:, 1] < 2.0) & (rest[:, 1] > -1.5))
        lobe = shape_V3[ear[np.argmin(rest[ear, 1])]]
        pieces.append(ball(lobe + np.array([0.1 * sign, -0.1, 0.3], np.float32), radius))
    return _join(pieces)
