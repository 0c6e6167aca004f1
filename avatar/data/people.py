"""Random people: a seed becomes a whole style of person, light, background and camera.

Spread on purpose over the whole human range of skin, age, origin and taste; stylised looks push
proportions and colours further. Knows choices and their odds, nothing of geometry.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avatar.data.background import BackgroundStyle
from avatar.data.body import Build
from avatar.data.cartoon import Proportions
from avatar.data.clothes import Cloth
from avatar.data.eyes import EyeStyle
from avatar.data.facial_hair import BeardStyle
from avatar.data.hair import HairStyle
from avatar.data.light import LightStyle
from avatar.data.looks import Look
from avatar.data.person_style import PersonStyle
from avatar.data.props import GlassesStyle
from avatar.data.skin import SkinStyle
from avatar.data.traits import NUM_TRAIT_COMPONENTS, TRAITS, trait_direction

Rgb = tuple[float, float, float]

HAIR_RGB: tuple[Rgb, ...] = (
    (0.010, 0.009, 0.009), (0.016, 0.011, 0.009), (0.030, 0.018, 0.011), (0.055, 0.030, 0.016),
    (0.10, 0.055, 0.026), (0.17, 0.095, 0.042), (0.28, 0.17, 0.075), (0.42, 0.29, 0.15),
    (0.16, 0.045, 0.016), (0.24, 0.085, 0.025),
)  # fmt: skip
IRIS: tuple[tuple[Rgb, Rgb], ...] = (
    ((0.030, 0.016, 0.009), (0.05, 0.025, 0.012)), ((0.075, 0.035, 0.014), (0.13, 0.06, 0.02)),
    ((0.11, 0.08, 0.03), (0.20, 0.11, 0.03)), ((0.07, 0.12, 0.06), (0.22, 0.14, 0.05)),
    ((0.07, 0.13, 0.20), (0.20, 0.20, 0.12)), ((0.11, 0.13, 0.15), (0.20, 0.20, 0.18)),
)  # fmt: skip
TOPS_ANY = ("male_casualsuit02", "male_casualsuit03", "male_casualsuit04", "male_casualsuit05",
            "male_casualsuit06", "male_elegantsuit01", "male_worksuit01")  # fmt: skip
TOPS_WOMEN = ("female_elegantsuit01", "female_casualsuit01", "female_casualsuit02")
PATTERNS = ("plain", "plain", "plain", "stripes", "pinstripes", "plaid", "dots", "knit", "heather")


@dataclass(frozen=True, slots=True)
class Situation:
    """A person in a place."""

    person: PersonStyle
    light: LightStyle
    background: BackgroundStyle
    look: Look


def _rgb(values: NDArray[np.float64]) -> Rgb:
    red, green, blue = (float(v) for v in values)
    return red, green, blue


def _colour(rng: np.random.Generator, low: float, high: float, vivid: float) -> Rgb:
    """A random linear colour; `vivid` 0 grey .. 1 saturated."""
    value = np.exp(rng.uniform(np.log(low), np.log(high)))
    hue = rng.uniform(0, 2 * np.pi) + np.array([0, 2.094, 4.189])
    rgb = value * (1 + vivid * np.cos(hue))
    return _rgb(np.clip(rgb, 0.004, 0.85))


def _lipstick(rng: np.random.Generator) -> Rgb:
    red, green, blue = rng.uniform([0.15, 0.02, 0.03], [0.45, 0.10, 0.12])
    return float(red), float(green), float(blue)


def _pick(rng: np.random.Generator, options: tuple[str, ...]) -> str:
    return options[int(rng.integers(len(options)))]


def _hair(rng: np.random.Generator, male: float, curly: float) -> HairStyle | None:
    if rng.random() < 0.10 * male + 0.01:
        return None
    wave = float(rng.uniform(0, 1.0)) if rng.random() < 0.5 else 0.0
    volume = float(rng.uniform(0.6, 1.6))
    lock = float(rng.uniform(0.35, 0.7))
    part = float(rng.uniform(-2.8, 2.8))
    if curly > 0.75 and rng.random() < 0.7:
        low, high = (1.0, 3.0) if rng.random() < male else (2.5, 7.5)
        long = float(rng.uniform(low, high))
        return HairStyle(
            length=long, comb="out", volume=0.7 * long, lift=1.0, gravity=0.02,
            lock=float(rng.uniform(0.4, 0.85)), num_locks=900, curl=float(rng.uniform(0.12, 0.4)),
            curl_length=float(rng.uniform(1.0, 2.2)), frizz=0.08,
        )  # fmt: skip
    if rng.random() < 0.15 + 0.65 * male:
        comb = _pick(rng, ("crown", "back", "side", "side", "fringe"))
        length = float(rng.uniform(1.0, 7.0))
        return HairStyle(
            length=length, length_sides=float(rng.uniform(0.6, max(length * 0.6, 0.8))), comb=comb,
            part_x=float(np.sign(part) * rng.uniform(1.5, 3.2)), volume=min(volume, 0.3 * length),
            lift=float(rng.uniform(0.3, 0.8)), gravity=float(rng.uniform(0.05, 0.25)), lock=lock,
            wave=wave * 0.5, wave_length=4.0,
            curl=0.3 if rng.random() < 0.2 * (1 + curly) else 0.0,
        )  # fmt: skip
    fringe = float(rng.uniform(4.0, 6.0)) if rng.random() < 0.3 else 0.0
    return HairStyle(
        length=float(np.exp(rng.uniform(np.log(8), np.log(36)))),
        comb=_pick(rng, ("part", "part", "crown")),
        part_x=part, volume=volume, lift=float(rng.uniform(0.3, 0.55)),
        gravity=float(rng.uniform(0.3, 0.45)), lock=lock, wave=wave,
        wave_length=float(rng.uniform(4, 10)), fringe=fringe,
        curl=0.4 if rng.random() < 0.2 else 0.0, curl_length=float(rng.uniform(2, 4)),
    )  # fmt: skip


def beside(
    first: tuple[float, float, float], second: tuple[float, float, float], pull: float
) -> tuple[float, float, float]:
    """A colour as bright as `second` whose hue is led (0 .. 1) to `first`'s, so that they match."""
    weights = np.array([0.30, 0.59, 0.11])
    a, b = np.array(first), np.array(second)
    led = a * float(b @ weights) / max(float(a @ weights), 1e-3)
    return _rgb(np.clip((1 - pull) * b + pull * led, 0.0, 0.85))


def random_person(seed: int, look: Look = Look.REALISTIC) -> PersonStyle:
    """A person from a seed; looks other than realistic also push proportions and colours."""
    rng = np.random.default_rng([seed, 1])
    male = float(rng.beta(0.5, 0.5))
    origins = rng.dirichlet([0.35, 0.35, 0.35])
    african, asian, caucasian = (float(o) for o in origins)
    old = float(rng.beta(1.0, 2.0))
    weights = rng.standard_normal(60) * rng.uniform(0.45, 0.8)
    shares = dict(zip(TRAITS, ((male - 0.5) * 0.9, old * 0.8, african * 0.6, asian * 0.6,
                               caucasian * 0.5), strict=True))  # fmt: skip
    for name, share in shares.items():
        weights[:NUM_TRAIT_COMPONENTS] += share * trait_direction(name)
    tone = float(
        np.clip(0.80 * african + 0.30 * asian + 0.15 * caucasian + rng.normal(0, 0.13), 0, 1)
    )
    is_styled = look in (Look.CLAY, Look.TOON)
    dyed = rng.random() < (0.35 if is_styled else 0.05)
    light_hair = int(rng.integers(0, 10)) if caucasian > 0.5 else int(rng.integers(0, 4))
    hair_rgb = _colour(rng, 0.05, 0.4, 0.8) if dyed else HAIR_RGB[light_hair]
    grey = float(np.clip((old - 0.35) * 2.2 + rng.normal(0, 0.15), 0, 1))
    if grey > 0.6:
        hair_rgb = (0.36, 0.35, 0.34)
    brow = _rgb(0.75 * np.array(HAIR_RGB[light_hair] if dyed else hair_rgb))
    iris = IRIS[int(rng.integers(0, 6)) if caucasian > 0.5 else int(rng.integers(0, 3))]
    made_up = male < 0.5 and rng.random() < 0.55
    beard = None
    if male > 0.6 and rng.random() < 0.45:
        beard = BeardStyle(
            where=_pick(rng, ("beard", "beard", "goatee", "mustache")),
            length=float(np.exp(rng.uniform(np.log(0.25), np.log(2.2)))),
            curl=float(rng.uniform(0, 0.12)), density=float(rng.uniform(0.8, 1.5)),
        )  # fmt: skip
    skin = SkinStyle(
        tone=tone, undertone=float(rng.normal(0, 0.5)), redness=float(rng.uniform(0.1, 0.9)),
        freckles=float(rng.uniform(0.2, 0.9)) if tone < 0.35 and rng.random() < 0.25 else 0.0,
        stubble=float(rng.uniform(0, 0.4)) if male > 0.6 else 0.0,
        lip_rgb=_lipstick(rng) if made_up else None,
        lip_strength=float(rng.uniform(0.2, 0.8)),
        eye_shadow_rgb=_colour(rng, 0.05, 0.25, 0.3) if made_up and rng.random() < 0.4 else None,
        blush=float(rng.uniform(0, 0.6)) if made_up or is_styled else 0.0,
        age=old, oil=float(rng.uniform(0.1, 1.0)), seed=seed,
    )  # fmt: skip
    proportions = None
    if is_styled or (look is Look.PAINTED and rng.random() < 0.4):
        proportions = Proportions(
            eyes=float(rng.uniform(0, 1.0)), head=float(rng.uniform(0, 0.9)),
            jaw=float(rng.uniform(-0.3, 0.9)), nose=float(rng.uniform(-0.5, 0.9)),
        )  # fmt: skip
    tops = TOPS_WOMEN + TOPS_ANY if male < 0.5 else TOPS_ANY
    glasses = None
    if rng.random() < 0.22:
        glasses = GlassesStyle(
            width=float(rng.uniform(4.5, 5.5)), height=float(rng.uniform(3.2, 4.6)),
            squareness=float(rng.uniform(2.0, 4.0)), thickness=float(rng.uniform(0.1, 0.32)),
            rgb=_colour(rng, 0.01, 0.3, 0.4),
        )  # fmt: skip
    return PersonStyle(
        identity=tuple(float(w) for w in weights),
        neutral={
            "mouthSmileLeft": (smile := float(rng.uniform(0.05, 0.4))),
            "mouthSmileRight": smile,
            "browInnerUp": float(rng.uniform(0, 0.12)),
        },
        skin=skin,
        eyes=EyeStyle(iris_rgb=iris[0], inner_rgb=iris[1], pupil=float(rng.uniform(0.28, 0.5)),
                      veins=float(rng.uniform(0.05, 0.5)), seed=seed),
        hair=_hair(rng, male, african + 0.15 * float(rng.random())),
        hair_rgb=hair_rgb,
        grey=grey,
        brow_rgb=brow,
        brow_thickness=float(rng.uniform(0.5, 0.9) + 0.4 * male),
        lash_length=float(rng.uniform(0.5, 0.75) + 0.25 * (1 - male)),
        beard=beard,
        beard_rgb=_rgb(0.8 * np.array(hair_rgb)),
        build=Build(male=male, old=old, african=african, asian=asian, caucasian=caucasian,
                    muscle=float(rng.uniform(0.3, 0.75)), weight=float(rng.uniform(0.25, 0.85))),
        garment=_pick(rng, tops),
        cloth=Cloth(rgb=(cloth := _colour(rng, 0.02, 0.7, 0.6)),
                    second_rgb=beside(cloth, _colour(rng, 0.02, 0.7, 0.6), 0.7),
                    pattern=_pick(rng, PATTERNS), scale=float(rng.uniform(0.6, 1.6)), seed=seed),
        trousers_rgb=_colour(rng, 0.02, 0.2, 0.3),
        shirt_rgb=beside((1.0, 0.98, 0.95), _colour(rng, 0.3, 0.8, 0.3), 0.6),
        glasses=glasses,
        cap=Cloth(rgb=_colour(rng, 0.03, 0.5, 0.6), pattern=_pick(rng, ("knit", "plain")))
        if rng.random() < 0.06 else None,
        earrings=float(rng.uniform(0.15, 0.45)) if male < 0.5 and rng.random() < 0.4 else 0.0,
        teeth_rgb=(0.74, float(rng.uniform(0.62, 0.70)), float(rng.uniform(0.48, 0.62))),
        proportions=proportions,
        seed=seed,
    )  # fmt: skip


def random_light(rng: np.random.Generator) -> LightStyle:
    """Soft or hard, warm or cold, from the front, the side or behind."""
    kind = rng.random()
    warm = float(rng.uniform(-1, 1))
    key_rgb = (1.0, 0.95 - 0.10 * max(warm, 0) - 0.03 * max(-warm, 0), 0.90 - 0.28 * warm)
    yaw = float(rng.uniform(-70, 70))
    if kind < 0.10:  # back light: the face lives from the fill
        return LightStyle(key_yaw=yaw + 180, key=float(rng.uniform(1.0, 2.0)), key_rgb=key_rgb,
                          fill=0.9, ambient=float(rng.uniform(0.8, 1.3)), rim=0.3)  # fmt: skip
    if kind < 0.22:  # coloured lamps
        first, second = _colour(rng, 0.5, 0.8, 0.5), _colour(rng, 0.5, 0.8, 0.6)
        return LightStyle(key_yaw=yaw, key=float(rng.uniform(1.2, 2.2)), key_rgb=first,
                          rim=float(rng.uniform(0.6, 1.6)), rim_rgb=second,
                          rim_yaw=-yaw - 90, ambient=float(rng.uniform(0.4, 0.8)))  # fmt: skip
    hard = rng.random() < 0.3
    return LightStyle(
        key_yaw=yaw, key_pitch=float(rng.uniform(5, 60)), key_rgb=key_rgb,
        key=float(rng.uniform(0.8, 2.2)), key_size=0.25 if hard else float(rng.uniform(0.6, 2.0)),
        fill=float(rng.uniform(0.1, 0.7)), rim=float(rng.uniform(0, 1.0)),
        rim_yaw=float(rng.uniform(110, 250)), ambient=float(rng.uniform(0.45, 1.1)),
        exposure=float(np.exp(rng.normal(0, 0.14))),
    )  # fmt: skip


def random_background(rng: np.random.Generator) -> BackgroundStyle:
    """Any of the kinds in any colours."""
    kind = _pick(rng, ("gradient", "bokeh", "shapes", "room", "room", "texture"))
    vivid = rng.beta(1.0, 3.0)
    first = rng.uniform(0.05, 0.75, 3) * vivid + rng.uniform(0.05, 0.75) * (1 - vivid)
    second = np.clip(first * rng.uniform(0.7, 1.6) + rng.normal(0, 0.05, 3), 0.03, 0.95)
    return BackgroundStyle(
        kind=kind, rgb=_rgb(first), second_rgb=_rgb(second), seed=int(rng.integers(1 << 30))
    )


def random_situation(seed: int, look: Look | None = None) -> Situation:
    """A person in a place; a look is drawn (55 % realistic) where none is asked for."""
    rng = np.random.default_rng([seed, 2])
    if look is None:
        looks = (Look.REALISTIC, Look.CLAY, Look.TOON, Look.PAINTED)
        look = looks[int(rng.choice(4, p=[0.55, 0.15, 0.15, 0.15]))]
    return Situation(random_person(seed, look), random_light(rng), random_background(rng), look)
