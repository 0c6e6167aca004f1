"""Colours of a photographed face: skin sheets free of shading, eyes, and the photograph's light.

Knows a fitted face and the photograph's linear colours; knows no hair outside the head. The light
is found as order-2 harmonics under which the skin would have one colour (Ramamoorthi 2001); what
divides by it is shading-free as far as soft light goes (cast shadows and highlights stay).

Uncovered texels borrow from the mirrored side, then from their surroundings.
Shape legend: P texels, H, W pixels or texels, N landmarks, 3 components, 93 harmonics x colours.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar.data.eyes import IRIS_RADIUS_CM, SHEET_RADIUS_CM, EyeStyle, bake_eye
from avatar.data.face_sheet import masks, texels
from avatar.data.head import Eyes, head_model
from avatar.data.landmark_map import IRIS_DEPTH_CM
from avatar.data.lift_fit import FaceFit
from avatar.data.mesh import vertex_normals
from avatar.data.occlusion import head_occlusion
from avatar.data.raster import raster
from avatar.warp.fill import push_pull

Floats = NDArray[np.float32]

FACE_TEXELS, BACK_TEXELS, EYE_TEXELS = 768, 256, 128
MEAN_LIGHT = 1.15
"""The photograph's mean light in the units of rendered light; albedo follows from it."""
_RIM_LEFT = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
_RIM_RIGHT = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
EYE_RIMS = (_RIM_LEFT, _RIM_RIGHT)
"""[left, right] landmarks around the eyeball."""
INNER_MOUTH = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81,
               80, 191)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Photograph:
    """A picture of one person, ready to be laid on the face."""

    linear_HW3: Floats
    """Colours of the person alone (continued beyond the matte), before the tone curve."""
    alpha_HW: Floats
    landmarks_N3: Floats


@dataclass(frozen=True, slots=True)
class FaceColours:
    """Albedo sheets (linear), and the light that was taken out."""

    face_HW3: Floats
    back_HW3: Floats
    eyes: tuple[Floats, Floats]
    """[left, right] sheets laid out as in `avatar.data.eyes`."""
    light_93: Floats
    teeth_V3: Floats
    """Albedo of the vertices of `teeth_vertices`."""
    skin_rgb: tuple[float, float, float]
    hair_rgb: tuple[float, float, float]


def harmonic_basis(normals_N3: Floats) -> Floats:
    """(N, 9) in the shader's order."""
    x, y, z = normals_N3.T
    return np.stack(
        [np.ones_like(x), y, z, x, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y], -1
    ).astype(np.float32)


def light_on(light_93: Floats, normals_N3: Floats) -> Floats:
    """(N, 3) light on surfaces, kept away from darkness so that it can be divided by."""
    return np.maximum(harmonic_basis(normals_N3) @ light_93, 0.3 * MEAN_LIGHT).astype(np.float32)


def outline_mask(landmarks_N3: Floats, rows: tuple[int, ...], size_hw: tuple[int, ...],
                 grow_px: float) -> Floats:  # fmt: skip
    """1 inside a ring of landmarks, moved outward by `grow_px`, with a soft edge of a pixel."""
    fine = 4
    mask = np.zeros((size_hw[0] * fine, size_hw[1] * fine), np.uint8)
    points = landmarks_N3[list(rows), :2] * fine
    cv2.fillPoly(mask, [np.round(points * 16).astype(np.int32)], (1,), cv2.LINE_8, 4)
    inward = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    outward = cv2.distanceTransform(1 - mask, cv2.DIST_L2, 5)
    signed = cv2.resize((inward - outward) / fine, size_hw[::-1], interpolation=cv2.INTER_AREA)
    return np.clip(signed + grow_px + 0.5, 0, 1).astype(np.float32)


def _sample(sheet: Floats, at_P2: Floats) -> Floats:
    """Bilinear colours at picture places (pixel centres at .5)."""
    x = (at_P2[None, :, 0] - 0.5).astype(np.float32)
    y = (at_P2[None, :, 1] - 0.5).astype(np.float32)
    # remap takes at most 32767 columns
    rows = -(-x.shape[1] // 16384)
    pad = rows * 16384 - x.shape[1]
    x, y = (np.pad(v, ((0, 0), (0, pad))).reshape(rows, 16384) for v in (x, y))
    out = cv2.remap(sheet, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    channels = 1 if sheet.ndim == 2 else sheet.shape[2]
    return np.asarray(out, np.float32).reshape(-1, channels)[: len(at_P2)]


def _ramp(v: Floats, low: float, high: float) -> Floats:
    t = np.clip((v - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


@dataclass(frozen=True, slots=True)
class _Projection:
    """Texels of a tile as the photograph shows them."""

    inside_HW: NDArray[np.bool_]
    colour_P3: Floats
    normal_P3: Floats
    weight_P: Floats


def _project(
    tile: int, size: int, posed_V3: Floats, fit: FaceFit, photo: Photograph
) -> _Projection:
    model = head_model()
    at = texels(tile, size)
    normals = vertex_normals(posed_V3, model.triangles_T3)
    point = at.sheet(posed_V3[model.source_V])
    normal = at.sheet(normals[model.source_V])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
    screen = fit.camera.project(point)
    view = fit.camera.position_3 - point
    view /= np.linalg.norm(view, axis=1, keepdims=True)
    facing = (view * normal).sum(1)
    size_hw = photo.alpha_HW.shape[:2]
    _, near = raster(fit.camera.project(posed_V3), model.triangles_T3, (size_hw[0], size_hw[1]))
    column = np.clip(screen[:, 0].astype(int), 0, size_hw[1] - 1)
    row = np.clip(screen[:, 1].astype(int), 0, size_hw[0] - 1)
    nearest = cv2.erode(near, np.ones((3, 3), np.uint8))[row, column]
    seen = screen[:, 2] >= np.where(nearest > 0, nearest, near[row, column]) * (1 - 0.006)
    in_picture = (
        (screen[:, 0] > 1) & (screen[:, 1] > 1)
        & (screen[:, 0] < size_hw[1] - 1) & (screen[:, 1] < size_hw[0] - 1)
    )  # fmt: skip
    hole = np.zeros(photo.alpha_HW.shape, np.float32)
    for rim in EYE_RIMS:
        hole = np.maximum(hole, outline_mask(photo.landmarks_N3, rim, size_hw, -0.3))
    hole = np.maximum(hole, outline_mask(photo.landmarks_N3, INNER_MOUTH, size_hw, -0.3))
    at_px = screen[:, :2]
    solid = np.asarray(cv2.erode(photo.alpha_HW, np.ones((5, 5), np.uint8)), np.float32)
    weight = (
        seen * in_picture * _ramp(facing, 0.08, 0.35)
        * _ramp(_sample(solid, at_px)[:, 0], 0.5, 0.95)
        * (1 - _sample(hole, at_px)[:, 0])
    )  # fmt: skip
    return _Projection(at.inside_HW, _sample(photo.linear_HW3, at_px), normal,
                       weight.astype(np.float32))  # fmt: skip


def _find_light(skin: _Projection) -> tuple[Floats, Floats]:
    """(harmonics 93, skin albedo 3): the soft light under which most of the skin has one colour."""
    m = masks(FACE_TEXELS)
    plain = (1 - m["lips"]) * (1 - m["brows"]) * (1 - m["lids"]) * (1 - m["ears"])
    plain = plain * (1 - np.clip(m["under_eye"] + m["eye_rim"], 0, 1))
    chosen = np.flatnonzero((skin.weight_P > 0.7) & (plain[skin.inside_HW] > 0.7))[::7]
    colour = skin.colour_P3[chosen]
    grey = colour.mean(1)
    typical = np.median(grey[grey > np.percentile(grey, 30)])
    basis = harmonic_basis(skin.normal_P3[chosen])
    trust = np.ones(len(chosen))
    light = np.zeros((9, 3))
    # order 0 is free, higher orders are held back: hair or a beard must not become a shadow
    ridge = np.diag([0.0, *[0.02] * 3, *[0.06] * 5]) * len(chosen)
    for _ in range(8):
        weighted = basis * trust[:, None]
        light = np.linalg.solve(basis.T @ weighted + ridge, weighted.T @ colour)
        off = np.abs(grey - (basis @ light).mean(1)) / typical
        trust = 1 / (1 + (off / 0.12) ** 2)
    mean = (basis @ light * trust[:, None]).sum(0) / trust.sum()
    albedo = mean / MEAN_LIGHT
    return _gentle(light / albedo), albedo.astype(np.float32)


def _gentle(light_93: NDArray[np.floating[Any]]) -> Floats:
    """The same light with its contrast held back until it may be divided by on every side."""
    k = np.arange(400) + 0.5
    z = 1 - 2 * k / 400
    a = np.pi * (1 + 5**0.5) * k
    r = np.sqrt(1 - z * z)
    around = np.stack([np.sin(a) * r, np.cos(a) * r, z], -1).astype(np.float32)
    values = harmonic_basis(around[z > -0.5]) @ light_93
    mean = values.mean(0)
    below = (mean - 0.40 * MEAN_LIGHT) / np.maximum(mean - values.min(0), 1e-6)
    above = (2.0 * MEAN_LIGHT - mean) / np.maximum(values.max(0) - mean, 1e-6)
    share = float(np.clip(np.minimum(below, above).min(), 0.0, 1.0))
    # order 2 has a mean of its own: what is held back is the departure from the mean
    out = share * light_93
    out[0] += (1 - share) * mean
    return out.astype(np.float32)


def _fill(colour_HW3: Floats, weight_HW: Floats, *, is_mirrored: bool) -> Floats:
    """Colours everywhere: own, else the other side's (matched in brightness), else around."""
    log = np.log(np.maximum(colour_HW3, 1e-3))
    if is_mirrored:
        other, other_weight = log[:, ::-1], weight_HW[:, ::-1]
        both = np.minimum(weight_HW, other_weight)
        gain = push_pull(log - other, np.where(both > 0.5, both, 0).astype(np.float32))
        sigma = colour_HW3.shape[0] / 24
        other = other + cv2.GaussianBlur(gain, (0, 0), sigma)
        borrowed = (1 - weight_HW) * other_weight
        total = weight_HW + borrowed
        log = (weight_HW[..., None] * log + borrowed[..., None] * other) / (total[..., None] + 1e-6)
        weight_HW = np.asarray(np.minimum(total, 1), np.float32)
    filled = push_pull(np.asarray(log, np.float32), weight_HW)
    return np.exp(filled).astype(np.float32)


def read_colours(fit: FaceFit, photo: Photograph, posed_V3: Floats, eyes: Eyes) -> FaceColours:
    """Everything of a photograph's face that is colour; `posed` is the face in the photograph."""
    front = _project(0, FACE_TEXELS, posed_V3, fit, photo)
    light, skin = _find_light(front)
    face = _albedo_sheet(front, light)
    weight = np.zeros((FACE_TEXELS, FACE_TEXELS), np.float32)
    weight[front.inside_HW] = front.weight_P
    face = _fill(face, weight, is_mirrored=True)
    hair = _hair_colour(photo, light, fit, skin)
    behind = _project(1, BACK_TEXELS, posed_V3, fit, photo)
    back = _albedo_sheet(behind, light)
    weight = np.zeros((BACK_TEXELS, BACK_TEXELS), np.float32)
    weight[behind.inside_HW] = behind.weight_P
    unseen = weight < 0.2
    back[unseen] = hair
    weight[unseen] = 0.05
    back = _fill(back, weight, is_mirrored=False)
    sheets = tuple(_eye_sheet(side, fit, photo, eyes, light) for side in range(2))
    return FaceColours(
        face, back, (sheets[0], sheets[1]), light, _teeth(fit, photo, posed_V3, light, skin),
        _triple(skin), _triple(hair),
    )  # fmt: skip


def _triple(rgb: Floats) -> tuple[float, float, float]:
    return float(rgb[0]), float(rgb[1]), float(rgb[2])


def _albedo_sheet(shown: _Projection, light_93: Floats) -> Floats:
    sheet = np.zeros((*shown.inside_HW.shape, 3), np.float32)
    sheet[shown.inside_HW] = shown.colour_P3 / light_on(light_93, shown.normal_P3)
    return sheet


def _hair_colour(photo: Photograph, light_93: Floats, fit: FaceFit, skin: Floats) -> Floats:
    """Median colour of the person just above the head's crown; the skin's where nothing is."""
    model = head_model()
    crown = fit.camera.project(fit.shape_V3[model.landmarks_68[[19, 24, 27]]] + [0, 6.5, -3.0])
    picked = []
    for x, y, _ in crown:
        r = slice(max(int(y) - 14, 0), max(int(y) + 6, 1))
        c = slice(max(int(x) - 8, 0), int(x) + 8)
        inside = photo.alpha_HW[r, c] > 0.9
        picked.append(photo.linear_HW3[r, c][inside])
    colours = np.concatenate(picked)
    if len(colours) < 20:
        return skin
    up = np.array([[0.0, 0.8, 0.6]], np.float32)
    return np.asarray(np.median(colours, 0) / light_on(light_93, up)[0], np.float32)


@cache
def teeth_vertices() -> NDArray[np.int32]:
    """Model vertices of the teeth."""
    model = head_model()
    on = model.region_T == model.region_names.index("teeth")
    return np.unique(model.triangles_T3[on]).astype(np.int32)


def _teeth(
    fit: FaceFit, photo: Photograph, posed_V3: Floats, light_93: Floats, skin: Floats
) -> Floats:
    """The photograph's teeth where it shows them, teeth that suit its exposure elsewhere."""
    mask = outline_mask(photo.landmarks_N3, INNER_MOUTH, photo.alpha_HW.shape, -0.7)
    colours = photo.linear_HW3[mask > 0.5]
    vertices = teeth_vertices()
    level = float(np.clip(1.25 * skin.max(), 0.35, 0.75))
    out = np.tile(np.array([level, 0.93 * level, 0.80 * level], np.float32), (len(vertices), 1))
    if len(colours) < 40:
        return out
    grey = colours.mean(1)
    bright = np.median(colours[grey > np.percentile(grey, 60)], 0) / MEAN_LIGHT
    if bright.mean() < 0.5 * skin.mean() or bright[2] < 0.45 * bright[0]:
        return out  # an open mouth that shows its inside
    out[:] = np.clip(bright * 1.1, 0.1, 0.95)
    model = head_model()
    normals = vertex_normals(posed_V3, model.triangles_T3)[vertices]
    screen = fit.camera.project(posed_V3[vertices])
    on_picture = _sample(photo.linear_HW3, screen[:, :2])
    lit = light_on(light_93, normals) * np.clip(head_occlusion()[vertices], 0.3, 1)[:, None]
    facing = (normals @ fit.camera.rotation_33[2]) < -0.3
    share = (_sample(mask, screen[:, :2])[:, 0] * facing)[:, None]
    return ((1 - share) * out + share * np.clip(on_picture / lit, 0.02, 1.6)).astype(np.float32)


def _eye_sheet(side: int, fit: FaceFit, photo: Photograph, eyes: Eyes, light_93: Floats) -> Floats:
    """The photographed eye where it is seen, a procedural one of its colours elsewhere."""
    size = EYE_TEXELS
    at = ((np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1) * SHEET_RADIUS_CM
    x, y = (v.ravel() for v in np.meshgrid(at, -at))
    radius = np.hypot(x, y)
    axis = eyes.axis_23[side] / np.linalg.norm(eyes.axis_23[side])
    right = np.cross([0.0, 1.0, 0.0], axis)
    right /= np.linalg.norm(right)
    up = np.cross(axis, right)
    ball = eyes.radius
    deep = np.sqrt(np.maximum(ball**2 - np.minimum(radius, 0.999 * ball) ** 2, 0))
    deep = np.where(radius < IRIS_RADIUS_CM, np.minimum(deep, IRIS_DEPTH_CM), deep)
    point = eyes.centre_23[side] + x[:, None] * right + y[:, None] * up + deep[:, None] * axis
    normal = (point - eyes.centre_23[side]) / ball
    screen = fit.camera.project(point.astype(np.float32))[:, :2]
    size_hw = (photo.alpha_HW.shape[0], photo.alpha_HW.shape[1])
    open_part = outline_mask(photo.landmarks_N3, EYE_RIMS[side], size_hw, -0.6)
    weight = _sample(open_part, screen)[:, 0] * (radius < 0.93 * ball)
    lit = light_on(light_93, normal.astype(np.float32))
    colour = _sample(photo.linear_HW3, screen) / lit
    rings = radius / IRIS_RADIUS_CM
    iris = colour[(weight > 0.8) & (rings > 0.45) & (rings < 0.85)]
    white = colour[(weight > 0.8) & (rings > 1.15)]
    tone = np.array([0.10, 0.06, 0.03]) if len(iris) < 12 else np.median(iris, 0)
    style = EyeStyle(iris_rgb=_triple(0.8 * tone), inner_rgb=_triple(1.2 * tone), seed=7 + side)
    made = bake_eye(style, size)
    if len(white) >= 12:
        bright = np.percentile(white, 75, axis=0)
        usual = np.median(made[..., :3].reshape(-1, 3)[(rings > 1.15) & (rings < 1.8)], 0)
        # lids shade the white: it is at least as bright as it shows
        gain = np.clip(bright / usual, 0.3, 1.2)
        made[..., :3] *= np.where((rings > 1.03).reshape(size, size, 1), gain, 1.0)
    share = weight.reshape(size, size, 1)
    made[..., :3] = (1 - share) * made[..., :3] + share * colour.reshape(size, size, 3)
    return made.astype(np.float32)
