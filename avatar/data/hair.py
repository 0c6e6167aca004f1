"""Hair of the head: styles grown strand by strand over the skull. Knows no light and no colours.

Strands grow from the scalp along a combed direction, are pushed out of the head and the shoulders
(a star-shaped distance map), pulled by gravity, gathered into locks, waved and curled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar.data.head import head_model
from avatar.data.scene import Label
from avatar.data.skin import ear_vertices, hairline
from avatar.data.strands import Strands, sample_roots

Floats = NDArray[np.float32]

SKULL_CENTRE = np.array([0.0, 4.6, -0.6], np.float32)
CROWN = np.array([0.0, 13.5, -4.5], np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class HairStyle:
    """A cut; lengths in centimetres."""

    length: float = 6.0
    length_sides: float | None = None
    """Below the temples; None = the same."""
    length_noise: float = 0.12
    comb: str = "crown"
    """crown (whorl), part (to both sides), back (swept), fringe (forward), out (afro)."""
    part_x: float = 0.0
    """Where a parting lies (cm to the subject's left)."""
    volume: float = 0.8
    """How far the outer layer stands off the skull (cm)."""
    lift: float = 0.5
    """How steeply strands leave the scalp, 0..1."""
    gravity: float = 0.25
    lock: float = 0.55
    """How strongly strands gather into locks, 0..1."""
    num_locks: int = 260
    wave: float = 0.0
    """Amplitude of waves (cm)."""
    wave_length: float = 7.0
    curl: float = 0.0
    """Radius of curls (cm)."""
    curl_length: float = 2.2
    frizz: float = 0.03
    fringe: float = 0.0
    """Length of a fringe over the forehead; 0 for none."""
    bun: float = 0.0
    """Radius of a bun at the back (cm); hair is swept into it."""
    num_points: int = 18


@dataclass(frozen=True, slots=True)
class _HeadMap:
    """Distance of the bust's surface from the skull's centre, by direction."""

    radius_HW: Floats

    def radius(self, directions_S3: Floats) -> Floats:
        """Bilinear look-up for unit directions."""
        height, width = self.radius_HW.shape
        u = (np.arctan2(directions_S3[:, 0], directions_S3[:, 2]) / (2 * np.pi) + 0.5) * width - 0.5
        v = np.arccos(np.clip(directions_S3[:, 1], -1, 1)) / np.pi * height - 0.5
        u0 = np.clip(np.floor(u).astype(np.int64), 0, width - 2)
        v0 = np.clip(np.floor(v).astype(np.int64), 0, height - 2)
        fu, fv = np.clip(u - u0, 0, 1), np.clip(v - v0, 0, 1)
        r = self.radius_HW
        top = r[v0, u0] * (1 - fu) + r[v0, u0 + 1] * fu
        low = r[v0 + 1, u0] * (1 - fu) + r[v0 + 1, u0 + 1] * fu
        return np.asarray(top * (1 - fv) + low * fv, np.float32)


def _head_map(shape_V3: Floats) -> _HeadMap:
    model = head_model()
    outer = np.isin(model.region_T, (0, 1))
    v = np.unique(model.triangles_T3[outer])
    d = shape_V3[v] - SKULL_CENTRE
    r = np.linalg.norm(d, axis=1)
    height, width = 90, 180
    u = ((np.arctan2(d[:, 0], d[:, 2]) / (2 * np.pi) + 0.5) * width).astype(int) % width
    w = np.clip(
        (np.arccos(np.clip(d[:, 1] / r, -1, 1)) / np.pi * height).astype(int), 0, height - 1
    )
    sheet = np.zeros((height, width), np.float32)
    np.maximum.at(sheet, (w, u), r)
    known = sheet > 0
    _, labels = cv2.distanceTransformWithLabels(
        (~known).astype(np.uint8), cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
    )
    flat = np.zeros(labels.max() + 1, np.float32)
    flat[labels[known]] = sheet[known]
    filled = flat[labels]
    wide = np.concatenate([filled[:, -20:], filled, filled[:, :20]], 1)
    return _HeadMap(np.ascontiguousarray(cv2.GaussianBlur(wide, (0, 0), 1.2)[:, 20:-20]))


def _unit(v: NDArray[Any]) -> Floats:
    return (v / (np.linalg.norm(v, axis=-1, keepdims=True) + 1e-9)).astype(np.float32)


def _comb(style: HairStyle, p: Floats, side: Floats) -> Floats:
    """Direction (not yet tangent) in which hair at p is combed; `side` is -1 or 1 per strand."""
    n = len(p)
    back = np.clip((2.0 - p[:, 2]) / 8.0, 0, 1)[:, None]
    down = np.tile(np.array([0, -1, 0], np.float32), (n, 1))
    if style.bun > 0:
        target = np.array([0, 6.5, -11.0], np.float32)
        return _unit(target - p)
    if style.comb == "part":
        out = np.stack([side, np.full(n, -0.55), np.full(n, -0.35)], -1).astype(np.float32)
        return _unit(out * (1 - 0.6 * back) + down * (0.45 + 0.6 * back))
    if style.comb == "back":
        away = np.tile(np.array([0, 0.05, -1.0], np.float32), (n, 1))
        away[:, 0] = 0.12 * p[:, 0]
        return _unit(away * (1 - 0.75 * back) + down * (0.15 + back))
    if style.comb == "fringe":
        away = _unit(p - CROWN)
        forward = np.tile(np.array([0, -0.35, 1.0], np.float32), (n, 1))
        forward[:, 0] = 0.10 * p[:, 0] + 0.25
        k = np.clip((p[:, 2] + 3) / 6, 0, 1)[:, None] * np.clip((p[:, 1] - 7) / 3, 0, 1)[:, None]
        return _unit(away * (1 - k) + forward * k + 0.3 * down)
    if style.comb == "side":
        away = np.tile(np.array([1.0, -0.1, -0.25], np.float32), (n, 1))
        away[:, 0] *= np.where(style.part_x > 0, -1.0, 1.0)
        same = (np.sign(style.part_x) * (p[:, 0] - style.part_x) > 0)[:, None]
        away[:, 0] = np.where(same[:, 0], -away[:, 0], away[:, 0])
        low = np.clip((9.5 - p[:, 1]) / 4, 0, 1)[:, None]
        return _unit(away * (1 - 0.8 * low) * (1 - 0.7 * back) + down * (0.15 + low + 0.7 * back))
    if style.comb == "out":
        return _unit(p - SKULL_CENTRE)
    return _unit(_unit(p - CROWN) + 0.35 * down)


def grow_hair(
    style: HairStyle,
    shape_V3: Floats,
    num: int,
    seed: int,
    *,
    width: float,
    colour_S3: Floats,
    material: int,
) -> Strands:
    """Strands of one cut on one head (rest space); `colour_S3` is (num, 3)."""
    rng = np.random.default_rng(seed)
    model = head_model()
    density = hairline(model.neutral_V3)
    outer = np.zeros(len(density), bool)
    outer[np.unique(model.triangles_T3[np.isin(model.region_T, (0, 1))])] = True
    density = np.where(outer & ~ear_vertices(), density, 0).astype(np.float32)
    roots = sample_roots(rng, shape_V3, density**1.4, num)
    start = roots.on(shape_V3)
    head = _head_map(shape_V3)
    normal = roots.normals_on(shape_V3)
    layer = rng.random(num).astype(np.float32) ** 0.7
    side = np.where(start[:, 0] + rng.normal(0, 0.3, num) > style.part_x, 1.0, -1.0)
    length = _lengths(style, start, rng)
    points = np.empty((num, style.num_points, 3), np.float32)
    points[:, 0] = start - 0.05 * normal
    step = (length / (style.num_points - 1))[:, None]
    direction = _unit(normal * style.lift + _comb(style, start, side) * (1.05 - style.lift * 0.6))
    front = np.clip((start[:, 2] - 3.0) / 3.0, 0, 1) * np.clip((start[:, 1] - 7.5) / 2, 0, 1)
    gap = np.zeros(num, np.float32)
    is_fringe = (style.fringe > 0) & (front > 0.4 + 0.25 * rng.random(num))
    for k in range(1, style.num_points):
        t = k / (style.num_points - 1)
        p = points[:, k - 1]
        wish = _comb(style, p, side).astype(np.float32)
        wish = np.where(
            is_fringe[:, None],
            _unit(np.stack([0.06 * start[:, 0], np.full(num, -0.9), np.full(num, 0.35)], -1)),
            wish,
        )
        # hair obeys the comb only while it lies on the head; then it hangs
        on_head = np.clip(1.0 - gap / 1.2, 0, 1)[:, None]
        pull = on_head * (0.05 if style.comb == "out" else 0.26) * (1 - 0.5 * t)
        fall = style.gravity * (0.35 + t + 1.3 * (1 - on_head))
        direction = _unit(
            direction * (1 - pull)
            + wish * pull
            + fall * np.array([0, -1, 0], np.float32)
            + np.where(p[:, 1:2] < 4.0, 0.10 * on_head, 0)
            * np.stack([-np.sign(p[:, 0]) * 0.6, np.zeros(num), np.zeros(num)], -1)
            + style.frizz * rng.normal(0, 1, (num, 3)).astype(np.float32)
        )
        p = p + direction * step
        away = p - SKULL_CENTRE
        r = np.linalg.norm(away, axis=1)
        unit = away / r[:, None]
        # the farther along the strand, the more room the layers below take up
        room = 0.06 + layer * style.volume * np.minimum(1.0, 0.25 + 1.2 * t)
        low = np.clip((-8.0 - p[:, 1]) / 3.0, 0, 1)
        least = head.radius(unit.astype(np.float32)) + room + 0.9 * low
        # a surface far above the point belongs to something else (shoulders seen past the nape)
        inside = (r < least) & (least - r < 2.2)
        gap = r - least
        if style.length > 8:
            p = _open_curtain(p, side, layer, is_fringe)
        p = np.where(inside[:, None], SKULL_CENTRE + unit * least[:, None], p)
        points[:, k] = p
        moved = p - points[:, k - 1]
        direction = np.where(inside[:, None], _unit(moved), direction)
    if style.bun > 0:
        _wind_bun(style, points, rng)
    for _ in range(2):  # a strand pushed out of the head bends, it does not kink
        points[:, 1:-1] = 0.25 * (points[:, :-2] + points[:, 2:]) + 0.5 * points[:, 1:-1]
    _gather(style, points, rng)
    centre = np.array([0, 3.6, -1.0], np.float32)
    body = points - centre
    body[..., 1] *= np.where(points[..., 1] < 3.0, 0.35, 1.0)
    normals = _unit(body)
    width_S = (width * rng.uniform(0.7, 1.3, num)).astype(np.float32)
    is_stray = _before_face(points, is_fringe)
    if style.length < 10:
        is_stray |= _beside_neck(points)
    width_S[is_stray] = 0  # never drawn
    along = np.linspace(0, 1, style.num_points, dtype=np.float32)
    occlusion = (0.30 + 0.70 * layer[:, None] ** 0.8) * (0.55 + 0.45 * np.minimum(along * 3.0, 1.0))
    if style.bun > 0 or style.length < 2.5:
        occlusion = np.maximum(occlusion, 0.55)
    return Strands(
        points,
        width_S,
        colour_S3,
        normals,
        occlusion.astype(np.float32),
        material,
        Label.HAIR,
        tip_tint=1.15,
    )


def _open_curtain(
    p: Floats, side: NDArray[Any], layer: Floats, is_fringe: NDArray[np.bool_]
) -> Floats:
    """Long hair parts before the face like a curtain instead of hanging over it."""
    lower = np.clip((9.0 - p[:, 1]) / 3.5, 0, 1)
    least = 5.6 * lower * lower * (3 - 2 * lower) + 0.5 * layer * lower
    least = least * np.clip((p[:, 2] - 3.0) / 2.0, 0, 1) * ~is_fringe
    out = p.copy()
    away = np.where(np.abs(p[:, 0]) > 1.0, np.sign(p[:, 0]), side)
    out[:, 0] = np.where(p[:, 0] * away < least, away * least, p[:, 0])
    return out.astype(np.float32)


def _before_face(points: Floats, is_fringe: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Stray strands that hang over the face."""
    x, y, z = np.abs(points[..., 0]), points[..., 1], points[..., 2]
    low = np.where(is_fringe, 4.9, 6.8)[:, None]
    return np.asarray(((x < 4.9 - 0.12 * np.abs(y)) & (z > 5.0) & (y < low) & (y > -9)).any(1))


def _beside_neck(points: Floats) -> NDArray[np.bool_]:
    """Single hairs of a short cut that hang below the ears, off the neck."""
    x, y, z = np.abs(points[..., 0]), points[..., 1], points[..., 2]
    return np.asarray(((y < 0.8) & (z > -5.5) | (y < -1.5) & (x > 5.0)).any(1))


def _lengths(style: HairStyle, start: Floats, rng: np.random.Generator) -> Floats:
    sides = style.length if style.length_sides is None else style.length_sides
    high = np.clip((start[:, 1] - 7.0) / 3.5, 0, 1)
    high = high * high * (3 - 2 * high)
    length = sides + (style.length - sides) * high
    if style.length < 10:
        # short cuts taper towards the nape
        length = length * (0.35 + 0.65 * np.clip((start[:, 1] + 4.5) / 7.0, 0, 1))
    if style.fringe > 0:
        front = np.clip((start[:, 2] - 3.0) / 3.0, 0, 1) * np.clip((start[:, 1] - 7.5) / 2, 0, 1)
        length = np.where(front > 0.5, style.fringe, length)
    length = length * np.clip(1 + style.length_noise * rng.normal(0, 1, len(start)), 0.35, 1.6)
    # the outermost hairs at the face are finer and shorter: a soft hairline
    edge = hairline(start)
    return (length * (0.45 + 0.55 * np.clip(edge * 1.6, 0, 1))).astype(np.float32)


def _wind_bun(style: HairStyle, points: Floats, rng: np.random.Generator) -> None:
    """Bring the last third of every strand round a ball behind the crown."""
    num, k_points = points.shape[:2]
    centre = np.array([0.0, 8.5, -10.6], np.float32)
    start = int(k_points * 0.62)
    angle0 = rng.uniform(0, 2 * np.pi, num)
    tilt = rng.normal(0, 0.45, num)
    shell = style.bun * rng.uniform(0.75, 1.0, num)
    for k in range(start, k_points):
        s = (k - start) / (k_points - 1 - start)
        a = angle0 + s * 2.6
        ring = np.stack([np.cos(a), np.sin(a) * np.cos(tilt), np.sin(tilt) * np.sin(a)], -1)
        ring[:, 2] = ring[:, 2] - 0.35 * np.cos(2.3 * a)
        target = centre + _unit(ring.astype(np.float32)) * shell[:, None]
        w = min(s * 2.2 + 0.35, 1.0)
        points[:, k] = points[:, k] * (1 - w) + target * w


def _gather(style: HairStyle, points: Floats, rng: np.random.Generator) -> None:
    """Locks, waves and curls, in place."""
    num, k_points = points.shape[:2]
    t = np.linspace(0, 1, k_points, dtype=np.float32)
    guides = rng.choice(num, min(style.num_locks, num), replace=False)
    owner = np.empty(num, np.int64)
    place = points[:, 0] * 1.0 + 0.35 * points[:, k_points // 2]
    for low in range(0, num, 4096):
        d = place[low : low + 4096, None, :] - place[guides][None]
        owner[low : low + 4096] = guides[(d * d).sum(-1).argmin(1)]
    bring = style.lock * np.clip(t * 1.4, 0, 1) ** 1.3
    bring = bring[None, :] * rng.uniform(0.5, 1.0, num).astype(np.float32)[:, None]
    points += bring[..., None] * (points[owner] - points)
    if style.wave <= 0 and style.curl <= 0:
        return
    tangent = np.gradient(points, axis=1)
    tangent = _unit(tangent.astype(np.float32))
    outward = _unit(points - SKULL_CENTRE)
    across = _unit(np.cross(tangent, outward).astype(np.float32))
    outward = np.cross(across, tangent)
    run = np.concatenate(
        [np.zeros((num, 1)), np.cumsum(np.linalg.norm(np.diff(points, axis=1), axis=2), 1)], 1
    )
    lock_phase = rng.uniform(0, 2 * np.pi, num)[owner][:, None]
    rise = np.clip(run / 4.0, 0, 1)
    if style.wave > 0:
        phase = run * (2 * np.pi / style.wave_length) + 0.8 * np.sin(lock_phase)
        points += (style.wave * rise * np.sin(phase))[..., None] * across
        points += (0.5 * style.wave * rise * np.cos(phase))[..., None] * outward
    if style.curl > 0:
        own = rng.normal(0, 0.5, num)[:, None]
        phase = run * (2 * np.pi / style.curl_length) + lock_phase * 3 + own
        rise = np.clip(run / 1.5, 0, 1)
        points += (style.curl * rise * np.sin(phase))[..., None] * across
        points += (style.curl * rise * np.cos(phase))[..., None] * outward
