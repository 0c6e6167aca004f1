"""What grows on a head and what is worn on it: hair, brows, lashes, beard, glasses, hat, earrings.

Knows a head's rest shape and the person's style; knows no pose.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from avatar.data.clothes import bake_cloth
from avatar.data.facial_hair import Lashes, grow_beard, grow_brows, grow_lashes
from avatar.data.hair import grow_hair
from avatar.data.noise import space_noise
from avatar.data.person_style import (
    M_HAIR,
    M_HARD,
    M_HAT,
    M_LASH,
    M_METAL,
    Detail,
    PersonStyle,
)
from avatar.data.props import cap, earrings, glasses, lenses
from avatar.data.scene import Atlas, Label, Part
from avatar.data.strands import Strands

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

PALE = 0.75
"""Share of the darkening between wide ribbons that white hair loses."""


def _hair_colours(
    rng: np.random.Generator, rgb: tuple[float, float, float], grey: float, num: int, spread: float
) -> Floats:
    shade = np.exp(rng.normal(0, 0.14, (num, 1)) * (0.4 + 0.6 * spread))
    warm = 1 + rng.normal(0, 0.06, (num, 3)) * np.array([0.5, 0.2, 0.6])
    colour = np.array(rgb) * shade * warm
    is_grey = rng.random(num) < grey
    white = rng.uniform(0.38, 0.62, (num, 1)) * np.array([1, 0.98, 0.95])
    share = spread * is_grey[:, None] + (1 - spread) * grey
    colour = colour * (1 - share) + white * share
    return np.clip(colour, 0.003, 0.9).astype(np.float32)


def mean_hair_rgb(style: PersonStyle) -> Floats:
    """(3,) linear colour of a head of hair seen from afar."""
    white = 0.5 * np.array([1, 0.98, 0.95])
    mean = (1 - style.grey) * np.array(style.hair_rgb) + style.grey * white
    return np.asarray(mean, np.float32)


def _pale_and_wide(style: PersonStyle, width: float) -> float:
    """0..1: pale hair of ribbons so wide that each stands for many.

    Light wanders between pale hairs, so that depth hardly darkens: without it, few wide ribbons
    are bright wires over black gaps.
    """
    pale = float(np.clip(mean_hair_rgb(style).mean() / 0.35, 0, 1))
    return pale * float(np.clip((width - 0.045) / 0.035, 0, 1))


def grow_all(style: PersonStyle, detail: Detail, shape: Floats) -> tuple[list[Strands], Lashes]:
    """Hair, brows, lashes and beard as strands."""
    rng = np.random.default_rng(style.seed + 77)
    strands = []
    if style.hair is not None:
        num = detail.num_hair
        # wide ribbons stand for many hairs: their colours differ less
        spread = min(1.0, 0.035 / detail.hair_width)
        colours = _hair_colours(rng, style.hair_rgb, style.grey, num, spread)
        pale = _pale_and_wide(style, detail.hair_width)
        lock = style.hair.lock * (1 - 0.5 * pale)  # ... and fill the gaps between locks
        cut = replace(style.hair, num_points=detail.hair_points, lock=lock)
        if style.cap is not None:
            flat = "crown" if cut.comb == "out" else cut.comb
            cut = replace(cut, comb=flat, volume=0.25, lift=0.2, fringe=0.0, curl=0.0)
        hair = grow_hair(cut, shape, num, style.seed + 1, width=detail.hair_width,
                         colour_S3=colours, material=M_HAIR)  # fmt: skip
        streaks = space_noise(rng, hair.points_SK3[:, 4], 1.3)
        hair.colour_S3 = hair.colour_S3 * np.exp(0.16 * streaks)[:, None]
        darkening = (1 - hair.occlusion_SK) * (1 - PALE * pale)
        hair.occlusion_SK = (1 - darkening).astype(np.float32)
        strands.append(hair)
    if style.brow_thickness > 0:
        strands.append(
            grow_brows(
                shape,
                style.seed + 2,
                num=int(detail.num_brow * (0.6 + 0.5 * style.brow_thickness)),
                thickness=style.brow_thickness,
                length=0.75 + 0.2 * style.brow_thickness,
                width=detail.brow_width,
                colour_rgb=np.array(style.brow_rgb, np.float32),
                material=M_HAIR,
            )  # fmt: skip
        )
    if style.beard is not None:
        num = int(detail.num_hair * 0.6 * style.beard.density)
        colours = _hair_colours(rng, style.beard_rgb, style.grey, num, 0.6)
        strands.append(
            grow_beard(
                style.beard,
                shape,
                style.seed + 3,
                num=num,
                # hairs, but strokes among the strokes of clay and drawings
                width=0.03 if detail.hair_width < 0.1 else 0.4 * detail.hair_width,
                colour_S3=colours,
                material=M_HAIR,
            )  # fmt: skip
        )
    lashes = grow_lashes(
        style.seed + 4, num_upper=detail.num_lash, num_lower=int(detail.num_lash * 0.7),
        length=style.lash_length, width=0.021, colour_rgb=np.array(style.lash_rgb, np.float32),
        material=M_LASH,
    )  # fmt: skip
    return strands, lashes


def head_props(style: PersonStyle, detail: Detail, atlas: Atlas, shape: Floats) -> list[Part]:
    """Glasses, hat and earrings."""
    parts = []
    if style.glasses is not None:
        v, t = glasses(style.glasses, shape)
        parts.append(
            Part(
                v,
                t,
                M_HARD,
                Label.GLASSES,
                colour_V3=np.tile(np.array(style.glasses.rgb, np.float32), (len(v), 1)),
            )
        )
        v, t, normals = lenses(style.glasses, shape)
        parts.append(Part(v, t, M_HARD, Label.GLASSES, normals_V3=normals, is_lens=True))
    if style.cap is not None:
        v, t, uv = cap(shape)
        sheet = atlas.add(*bake_cloth(style.cap, detail.cloth_texels))
        parts.append(Part(v, t, M_HAT, Label.HAT, atlas.place(sheet, uv)))
    if style.earrings > 0:
        v, t = earrings(shape, style.earrings)
        parts.append(
            Part(
                v,
                t,
                M_METAL,
                Label.JEWELRY,
                colour_V3=np.tile(np.array([0.75, 0.62, 0.38], np.float32), (len(v), 1)),
            )
        )
    return parts
