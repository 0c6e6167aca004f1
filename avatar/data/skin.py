"""Procedural skin: albedo, gloss and height sheets for the face and the back of the head.

Knows the uv layout of the face model; no light. Colours are linear. Height is in centimetres.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar.data.face_sheet import _outline, masks, position_sheet
from avatar.data.head import head_model
from avatar.data.noise import sheet_noise, space_noise

Floats = NDArray[np.float32]

# sRGB albedo from the lightest to the darkest skin (photographed grey-card sheets look like this)
TONES = np.array(
    [
        [0.955, 0.820, 0.745],
        [0.920, 0.750, 0.645],
        [0.860, 0.670, 0.545],
        [0.770, 0.570, 0.435],
        [0.640, 0.445, 0.325],
        [0.490, 0.325, 0.235],
        [0.360, 0.230, 0.165],
        [0.260, 0.165, 0.125],
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SkinStyle:
    """What a person's skin is like."""

    tone: float = 0.25
    """0 lightest .. 1 darkest."""
    undertone: float = 0.0
    """-1 cool pink .. 1 warm olive."""
    redness: float = 0.5
    freckles: float = 0.0
    stubble: float = 0.0
    """Shadow of a shaved beard, 0..1."""
    stubble_rgb: tuple[float, float, float] = (0.10, 0.09, 0.09)
    stubble_where: str = "beard"
    lip_rgb: tuple[float, float, float] | None = None
    """Linear colour of lipstick; None for bare lips."""
    lip_strength: float = 0.0
    eye_shadow_rgb: tuple[float, float, float] | None = None
    blush: float = 0.0
    age: float = 0.3
    """0 young adult .. 1 old: lines, spots, paler lips."""
    oil: float = 0.5
    scalp_rgb: tuple[float, float, float] | None = None
    """Colour of hair roots painted on the scalp; None for bald."""
    scalp_strength: float = 0.9
    brow_rgb: tuple[float, float, float] = (0.05, 0.03, 0.02)
    brow_strength: float = 0.35
    seed: int = 0


def linear(srgb: NDArray[np.floating[Any]]) -> Floats:
    """sRGB 0..1 to linear."""
    c = np.asarray(srgb, np.float32)
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4).astype(np.float32)


def skin_albedo(style: SkinStyle) -> Floats:
    """Linear base albedo of a skin style."""
    at = style.tone * (len(TONES) - 1)
    low = min(int(at), len(TONES) - 2)
    srgb = TONES[low] * (1 - (at - low)) + TONES[low + 1] * (at - low)
    srgb = srgb * (1 + style.undertone * np.array([-0.015, 0.012, -0.055]))
    return linear(np.clip(srgb, 0, 1))


def _wrinkles(size: int, rng: np.random.Generator, age: float) -> Floats:
    """Height (cm, negative grooves) of forehead lines, crow's feet, cheek folds, eye bags."""
    unit = size / 784.0
    sheet = np.zeros((size, size), np.float32)
    if age <= 0.05:
        return sheet

    def line(points: list[tuple[float, float]], width: float, depth: float) -> None:
        curve = _outline(np.array(points, np.float32) * unit, 60, False)
        one = np.zeros((size, size), np.float32)
        ends = np.sin(np.linspace(0.05, np.pi - 0.05, 59)) ** 0.6
        for k in range(59):
            p, q = curve[k], curve[k + 1]
            cv2.line(
                one,
                (int(p[0] * 8), int(p[1] * 8)),
                (int(q[0] * 8), int(q[1] * 8)),
                (float(ends[k]),),
                max(int(width * unit * 0.6), 1),
                cv2.LINE_8,
                3,
            )
        sheet[:] -= depth * cv2.GaussianBlur(one, (0, 0), width * unit * 0.6)

    def jitter(scale: float) -> float:
        return float(rng.normal(0, scale))

    for k in range(3):
        y = 78 + 22 * k + jitter(4)
        d = 0.010 * age * (0.6 + 0.5 * rng.random())
        line([(230 + jitter(20), y + 6), (320, y - 4 + jitter(3)), (392, y + jitter(3)),
              (464, y - 4 + jitter(3)), (554 + jitter(20), y + 6)], 4.0, d)  # fmt: skip
    for mirror in (False, True):

        def at(x: float, y: float, mirror: bool = mirror) -> tuple[float, float]:
            return (784 - x if mirror else x, y)

        line([at(338, 352), at(322, 385), at(300, 425), at(288, 455)], 7.0, 0.035 * age + 0.006)
        line([at(240, 243), at(268, 258 + jitter(2)), at(300, 258), at(325, 245)], 5.0, 0.016 * age)
        for k in range(4):
            y = 212 + 9 * k
            line([at(238, y), at(222, y + (k - 1.3) * 5), at(204, y + (k - 1.3) * 11 + jitter(3))],
                 2.5, 0.012 * age)  # fmt: skip
        line([at(299, 455), at(292, 480), at(296, 510)], 5.0, 0.016 * age**1.5)
        line([at(382, 148), at(379, 165), at(380, 185)], 3.0, 0.010 * age)
    return sheet


def bake_skin(style: SkinStyle, size: int) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
    """((colour_HW4, height_HW) of tile 0, the same of tile 1 at half the size)."""
    rng = np.random.default_rng(style.seed)
    base = skin_albedo(style)
    face = _bake_face(style, size, base, rng)
    back_size = size // 2
    position, _ = position_sheet(1, back_size)
    colour = np.empty((back_size, back_size, 4), np.float32)
    mottle = _mottle(style, position)
    colour[..., :3] = base * (1 + mottle)
    colour[..., 3] = 0.35
    _paint_scalp(style, position, colour)
    grain = np.random.default_rng(style.seed + 5)
    height = 0.0022 * sheet_noise(grain, back_size, back_size // 3)
    return face, (np.maximum(colour, 0.002), height.astype(np.float32))


def _mottle(style: SkinStyle, position: Floats) -> Floats:
    """Blotches and redness that follow space, so that the two sheets meet without a seam."""
    rng = np.random.default_rng(style.seed + 11)
    size = position.shape[0]
    # the finest wave is 0.7 cm long: a quarter of the texels carries it
    position = np.ascontiguousarray(position[2::4, 2::4])
    wide = space_noise(rng, position, 7.0)[..., None]
    mid = space_noise(rng, position, 2.2)[..., None]
    fine = space_noise(rng, position, 0.7)[..., None]
    tone = (0.035 * wide + 0.03 * mid + 0.02 * fine) * np.array([0.5, 1.0, 1.1], np.float32)
    return np.asarray(cv2.resize(tone.astype(np.float32), (size, size)), np.float32)


def on_ear(uv_V2: Floats) -> NDArray[np.bool_]:
    """Whether places on tile 0 (v up) lie on an ear: the two flaps at the sheet's sides."""
    u = np.minimum(uv_V2[..., 0], 1 - uv_V2[..., 0])
    return np.asarray((u < 0.118) & (uv_V2[..., 1] > 0.43) & (uv_V2[..., 1] < 0.70))


@cache
def ear_vertices() -> NDArray[np.bool_]:
    """Which model vertices belong to the ears."""
    model = head_model()
    out = np.zeros(len(model.neutral_V3), bool)
    out[model.source_V[(model.tile_V == 0) & on_ear(model.uv_V2)]] = True
    return out


def hairline(position: Floats) -> Floats:
    """1 on the scalp, 0 on the face, soft between; by neutral position (cm)."""
    x, y, z = np.abs(position[..., 0]), position[..., 1], position[..., 2]
    # front edge at y ~ 9.6 in the middle, receding at the temples, down in front of the ear
    front = 9.7 + 0.35 * np.cos(x * 1.3) - 0.10 * np.maximum(x - 4.2, 0) ** 2.2
    front = np.where(z < 3.2, np.minimum(front, 6.0 - 2.2 * (3.2 - z)), front)
    # behind the ears down to the nape
    nape = np.where(z < -1.0, -4.6 + 0.55 * np.maximum(z + 5.5, 0), front)
    edge = np.minimum(front, np.where(z < -1.0, nape, front))
    t = np.clip((y - edge) / 1.1 + 0.5, 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)


def _paint_scalp(style: SkinStyle, position: Floats, colour: Floats) -> None:
    if style.scalp_rgb is None:
        return
    k = np.clip(hairline(position) * 2 - 1, 0, 1)[..., None] * style.scalp_strength
    colour[..., :3] = colour[..., :3] * (1 - k) + np.array(style.scalp_rgb, np.float32) * k
    colour[..., 3] *= 1 - 0.8 * k[..., 0]


def _bake_face(
    style: SkinStyle, size: int, base: Floats, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    m = masks(size)
    position, _ = position_sheet(0, size)
    mottle = _mottle(style, position)
    albedo = base * (1 + mottle)
    dark = style.tone
    # blood near the surface: cheeks, nose, ears, chin; it shows most on light skin
    red = (0.75 * m["cheeks"] + 0.7 * m["nose"] + 0.4 * m["nose_side"] + 0.6 * m["ears"]
           + 0.35 * m["chin"] + 0.25 * m["eye_rim"])  # fmt: skip
    red = red * style.redness * (1 + 0.35 * sheet_noise(rng, size, 40, 2)) * (0.42 - 0.22 * dark)
    albedo *= 1 - np.clip(red, -0.2, 0.9)[..., None] * np.array([0.10, 0.62, 0.60], np.float32)
    yellow = m["forehead"] * (0.10 - 0.05 * dark)
    albedo *= 1 - yellow[..., None] * np.array([0.2, 0.1, 0.5], np.float32)
    shade = (0.22 + 0.18 * style.age) * m["under_eye"] + 0.22 * m["lids"] + 0.30 * m["inner_eye"]
    albedo *= 1 - shade[..., None] * np.array([0.45, 0.75, 0.60], np.float32)
    albedo *= 1 - (0.30 * m["eye_rim"])[..., None] * np.array([0.5, 0.9, 0.8], np.float32)
    if style.blush > 0:
        k = (m["apple"] * style.blush)[..., None]
        albedo = albedo * (1 - k * np.array([0.05, 0.45, 0.38], np.float32))
    if style.eye_shadow_rgb is not None:
        k = np.clip(m["lids"] ** 1.5 * 0.75, 0, 1)[..., None]
        albedo = albedo * (1 - k) + np.array(style.eye_shadow_rgb, np.float32) * k
    if style.freckles > 0:
        albedo *= 1 - _freckles(style, size, m, rng)[..., None] * np.array(
            [0.35, 0.55, 0.70], np.float32
        )
    if style.age > 0.4:
        spots = np.clip(sheet_noise(rng, size, 46) - 2.0, 0, 1) * (style.age - 0.4)
        albedo *= 1 - spots[..., None] * np.array([0.3, 0.45, 0.55], np.float32)
    if style.stubble > 0:
        dots = np.clip(sheet_noise(rng, size, size // 3) * 0.35 + 0.55, 0, 1)
        k = (m[style.stubble_where] * style.stubble * (0.45 + 0.55 * dots))[..., None] * 0.75
        albedo = albedo * (1 - k) + np.array(style.stubble_rgb, np.float32) * k
    gloss = 0.42 + style.oil * (0.28 * m["nose"] + 0.22 * m["forehead"] + 0.10 * m["cheeks"])
    gloss = gloss + 0.07 * sheet_noise(rng, size, size // 4)
    # lips
    bare = base * np.array([0.92, 0.56, 0.56], np.float32) * (1 - 0.18 * style.age)
    bare = bare * (1 - 0.15 * dark) + np.array([0.10, 0.035, 0.035], np.float32) * (1 - dark) * 0.6
    lips = np.broadcast_to(bare, albedo.shape)
    if style.lip_rgb is not None:
        share = np.float32(style.lip_strength)
        lips = lips * (1 - share) + np.array(style.lip_rgb, np.float32) * share
    across = sheet_noise(rng, size, size // 6)
    lips = lips * (1 + 0.06 * across[..., None]) * (1 - 0.30 * m["lip_inner"][..., None])
    k = (m["lips"] * (0.82 if style.lip_rgb is None else 0.96))[..., None]
    albedo = albedo * (1 - k) + lips * k
    gloss = gloss * (1 - m["lips"]) + m["lips"] * (0.62 + 0.15 * style.lip_strength)
    # brows: a soft base under the hairs
    k = (m["brows"] * style.brow_strength)[..., None]
    albedo = albedo * (1 - k) + np.array(style.brow_rgb, np.float32) * k
    colour = np.concatenate([albedo, np.clip(gloss, 0, 1)[..., None]], -1).astype(np.float32)
    skin_only = colour.copy()
    _paint_scalp(style, position, colour)
    at = (np.arange(size, dtype=np.float32) + 0.5) / size
    on_ears = on_ear(np.stack(np.broadcast_arrays(at[None, :], 1 - at[:, None]), -1))
    colour[on_ears] = skin_only[on_ears]
    smooth = 1 - 0.85 * m["lips"]
    pores = sheet_noise(rng, size, size // 4) + 0.7 * sheet_noise(rng, size, size // 8)
    coarse = 1 + 0.8 * m["nose"] + 0.5 * m["cheeks"]
    height = np.asarray((0.0016 + 0.0010 * style.age) * pores * smooth * coarse, np.float32)
    creases = cv2.resize(
        rng.standard_normal((size // 40, size // 4)).astype(np.float32), (size, size)
    )
    height = height + 0.006 * creases * m["lips"]
    height = height + _wrinkles(size, rng, style.age)
    return np.maximum(colour, 0.002), height.astype(np.float32)


def _freckles(
    style: SkinStyle, size: int, m: dict[str, Floats], rng: np.random.Generator
) -> Floats:
    sheet = np.zeros((size, size), np.float32)
    unit = size / 784.0
    where = np.clip(m["cheeks"] + 0.9 * m["nose"] + 0.25 * m["forehead"], 0, 1)
    num = int(2600 * style.freckles)
    points = rng.uniform(0, size, (num * 4, 2))
    keep = where[points[:, 1].astype(int), points[:, 0].astype(int)] > rng.random(len(points))
    for x, y in points[keep][:num]:
        radius = float(np.clip(rng.lognormal(0.2, 0.35), 0.5, 2.0)) * unit
        cv2.circle(sheet, (int(x * 8), int(y * 8)), max(int(radius * 8), 4),
                   (float(rng.uniform(0.15, 0.6)),), -1, cv2.LINE_AA, 3)  # fmt: skip
    return cv2.GaussianBlur(sheet, (0, 0), 0.7 * unit) * min(style.freckles + 0.3, 1.0)
