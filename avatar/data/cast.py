"""The gallery's characters, each a fixed choice: the same choice always gives the same picture.

Colours are linear (hair, cloth, irises) except backgrounds (sRGB); see the dataclasses for units.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from avatar.data.background import BackgroundStyle
from avatar.data.body import Build
from avatar.data.cartoon import Proportions
from avatar.data.casting import Casting
from avatar.data.clothes import Cloth
from avatar.data.eyes import EyeStyle
from avatar.data.facial_hair import BeardStyle
from avatar.data.hair import HairStyle
from avatar.data.light import LightStyle
from avatar.data.looks import Look
from avatar.data.person import PersonStyle
from avatar.data.props import GlassesStyle
from avatar.data.skin import SkinStyle
from avatar.data.traits import NUM_TRAIT_COMPONENTS, trait_direction

BLUE = EyeStyle(iris_rgb=(0.07, 0.13, 0.20), inner_rgb=(0.20, 0.20, 0.12))
GREEN = EyeStyle(iris_rgb=(0.07, 0.12, 0.06), inner_rgb=(0.22, 0.14, 0.05))
BROWN = EyeStyle(iris_rgb=(0.075, 0.035, 0.014), inner_rgb=(0.13, 0.06, 0.02))
DARK = EyeStyle(iris_rgb=(0.030, 0.016, 0.009), inner_rgb=(0.05, 0.025, 0.012))
HAZEL = EyeStyle(iris_rgb=(0.11, 0.08, 0.03), inner_rgb=(0.20, 0.11, 0.03))
GREY = EyeStyle(iris_rgb=(0.11, 0.13, 0.15), inner_rgb=(0.20, 0.20, 0.18))
VIOLET = EyeStyle(iris_rgb=(0.12, 0.06, 0.30), inner_rgb=(0.30, 0.16, 0.50))

RELAXED = {
    "mouthSmileLeft": 0.34,
    "mouthSmileRight": 0.34,
    "eyeSquintLeft": 0.12,
    "eyeSquintRight": 0.12,
    "browInnerUp": 0.05,
    "mouthRollLower": 0.05,
}
SOFT = Proportions(eyes=0.06, head=0.0, jaw=0.12, nose=0.10)
WOMAN, MAN = Build(male=0.1), Build(male=0.95)


def face(seed: int, spread: float = 0.6, **traits: float) -> tuple[float, ...]:
    """Weights of a random face plus shares of named traits (see avatar.data.traits)."""
    rng = np.random.default_rng(seed)
    weights = rng.standard_normal(60) * spread
    for name, share in traits.items():
        weights[:NUM_TRAIT_COMPONENTS] += share * trait_direction(name)
    return tuple(float(w) for w in weights)


@cache
def cast() -> dict[str, Casting]:
    """All characters by id (the face model's assets are needed)."""
    return {
        "mira": Casting(
            name="Mira",
            description="Freckles, copper hair, a green blouse.",
            person=PersonStyle(
                identity=face(1, male=-0.5, caucasian=0.3),
                neutral=RELAXED,
                eyes=GREEN,
                build=WOMAN,
                proportions=SOFT,
                seed=11,
                skin=SkinStyle(
                    tone=0.14, freckles=0.55, redness=0.6, blush=0.4, age=0.1, undertone=-0.3
                ),
                hair=HairStyle(
                    length=24, comb="part", part_x=1.2, volume=1.2, lock=0.6, wave=0.7, gravity=0.35
                ),
                hair_rgb=(0.20, 0.065, 0.02),
                brow_rgb=(0.11, 0.045, 0.02),
                brow_thickness=0.7,
                lash_length=0.85,
                garment="female_elegantsuit01",
                cloth=Cloth(rgb=(0.03, 0.13, 0.12)),
            ),
            background=BackgroundStyle(
                kind="bokeh", rgb=(0.42, 0.50, 0.46), second_rgb=(0.72, 0.74, 0.62), seed=1
            ),
        ),
        "amara": Casting(
            name="Amara",
            description="A halo of curls, pearls, a saffron shirt.",
            person=PersonStyle(
                identity=face(14, male=-0.5, african=0.6),
                neutral=RELAXED,
                eyes=DARK,
                proportions=SOFT,
                seed=12,
                build=Build(male=0.1, african=1, asian=0, caucasian=0),
                skin=SkinStyle(
                    tone=0.80,
                    redness=0.25,
                    blush=0.2,
                    age=0.1,
                    lip_rgb=(0.20, 0.035, 0.05),
                    lip_strength=0.4,
                ),
                hair=HairStyle(
                    length=5.2,
                    comb="out",
                    volume=4,
                    lift=1.0,
                    gravity=0.02,
                    lock=0.75,
                    num_locks=900,
                    curl=0.35,
                    curl_length=1.7,
                    frizz=0.10,
                ),
                hair_rgb=(0.014, 0.011, 0.010),
                brow_rgb=(0.012, 0.009, 0.008),
                brow_thickness=0.75,
                lash_length=0.9,
                garment="female_elegantsuit01",
                cloth=Cloth(rgb=(0.55, 0.30, 0.04)),
                earrings=0.42,
            ),
            light=LightStyle(key_rgb=(1, 0.93, 0.84)),
            background=BackgroundStyle(rgb=(0.62, 0.44, 0.34), second_rgb=(0.86, 0.70, 0.56)),
        ),
        "kenji": Casting(
            name="Kenji",
            description="Square glasses and a heather shirt.",
            person=PersonStyle(
                identity=face(10, male=0.35, asian=0.6),
                neutral=RELAXED,
                eyes=DARK,
                seed=13,
                build=Build(male=0.95, asian=1, african=0, caucasian=0),
                skin=SkinStyle(tone=0.36, redness=0.25, undertone=0.4, age=0.15, stubble=0.12),
                hair=HairStyle(
                    length=4.6,
                    length_sides=1.4,
                    comb="side",
                    part_x=3.0,
                    volume=0.9,
                    lift=0.6,
                    gravity=0.2,
                    lock=0.6,
                ),
                hair_rgb=(0.012, 0.011, 0.012),
                brow_rgb=(0.012, 0.010, 0.010),
                brow_thickness=1.0,
                lash_length=0.6,
                garment="male_casualsuit03",
                glasses=GlassesStyle(),
                cloth=Cloth(
                    rgb=(0.30, 0.36, 0.44), pattern="heather", second_rgb=(0.42, 0.48, 0.55)
                ),
            ),
            light=LightStyle(key_yaw=-35),
            background=BackgroundStyle(
                kind="shapes", rgb=(0.58, 0.62, 0.68), second_rgb=(0.84, 0.86, 0.88), seed=3
            ),
        ),
        "walter": Casting(
            name="Walter",
            description="A white beard, a plaid shirt, many winters.",
            person=PersonStyle(
                identity=face(26, male=0.3, old=0.8, caucasian=0.3),
                neutral=RELAXED,
                eyes=BLUE,
                seed=14,
                build=Build(male=0.95, old=0.7, weight=0.65),
                skin=SkinStyle(tone=0.12, redness=0.85, age=0.95, undertone=-0.3),
                hair=HairStyle(
                    length=3.4, length_sides=2.0, comb="back", volume=0.5, lift=0.35, lock=0.5
                ),
                hair_rgb=(0.45, 0.44, 0.42),
                grey=0.9,
                brow_rgb=(0.32, 0.30, 0.28),
                brow_thickness=1.3,
                lash_rgb=(0.12, 0.10, 0.08),
                lash_length=0.5,
                beard=BeardStyle(length=1.5, curl=0.10, density=1.3),
                beard_rgb=(0.50, 0.48, 0.46),
                garment="male_casualsuit03",
                cloth=Cloth(
                    rgb=(0.22, 0.045, 0.04),
                    second_rgb=(0.03, 0.03, 0.045),
                    pattern="plaid",
                    scale=1.2,
                ),
            ),
            light=LightStyle(key=1.4, rim=0.9),
            background=BackgroundStyle(
                kind="room", rgb=(0.44, 0.38, 0.32), second_rgb=(0.70, 0.62, 0.52), seed=6
            ),
        ),
        "sofia": Casting(
            name="Sofia",
            description="A fringe, red lips, a striped top.",
            person=PersonStyle(
                identity=face(17, male=-0.5),
                neutral=RELAXED,
                eyes=BROWN,
                build=WOMAN,
                proportions=SOFT,
                seed=15,
                skin=SkinStyle(
                    tone=0.30,
                    undertone=0.4,
                    redness=0.4,
                    blush=0.35,
                    age=0.1,
                    lip_rgb=(0.36, 0.03, 0.045),
                    lip_strength=0.6,
                    eye_shadow_rgb=(0.30, 0.17, 0.12),
                ),
                hair=HairStyle(
                    length=14,
                    comb="part",
                    part_x=-0.6,
                    volume=1.1,
                    lock=0.5,
                    gravity=0.4,
                    fringe=6.5,
                ),
                hair_rgb=(0.018, 0.012, 0.010),
                brow_rgb=(0.02, 0.013, 0.01),
                brow_thickness=0.7,
                lash_length=0.95,
                garment="female_casualsuit01",
                earrings=0.22,
                cloth=Cloth(
                    rgb=(0.60, 0.56, 0.50),
                    second_rgb=(0.05, 0.07, 0.14),
                    pattern="stripes",
                    scale=0.8,
                ),
            ),
            background=BackgroundStyle(rgb=(0.66, 0.52, 0.55), second_rgb=(0.90, 0.80, 0.80)),
        ),
        "diego": Casting(
            name="Diego",
            description="A full beard and a field jacket.",
            person=PersonStyle(
                identity=face(22, male=0.35),
                neutral=RELAXED,
                eyes=HAZEL,
                build=Build(male=0.95, muscle=0.65),
                skin=SkinStyle(tone=0.42, undertone=0.5, redness=0.4, age=0.35, stubble=0.25),
                seed=16,
                hair=HairStyle(
                    length=7,
                    length_sides=2.4,
                    comb="back",
                    volume=1.2,
                    lift=0.7,
                    lock=0.65,
                    wave=0.35,
                    wave_length=4,
                ),
                hair_rgb=(0.022, 0.014, 0.010),
                brow_rgb=(0.016, 0.011, 0.009),
                brow_thickness=1.0,
                beard=BeardStyle(length=0.75, density=1.5),
                beard_rgb=(0.02, 0.013, 0.010),
                garment="male_casualsuit05",
                cloth=Cloth(rgb=(0.09, 0.10, 0.06)),
            ),
            light=LightStyle(key_yaw=40, rim=0.9, rim_rgb=(1, 0.85, 0.65)),
            background=BackgroundStyle(
                kind="bokeh", rgb=(0.30, 0.33, 0.40), second_rgb=(0.60, 0.55, 0.48), seed=5
            ),
        ),
        "ingrid": Casting(
            name="Ingrid",
            description="Silver hair and round golden glasses.",
            person=PersonStyle(
                identity=face(31, male=-0.45, old=0.5, caucasian=0.3),
                neutral=RELAXED,
                eyes=GREY,
                build=Build(male=0.1, old=0.6),
                seed=17,
                skin=SkinStyle(tone=0.06, redness=0.6, age=0.75, undertone=-0.5),
                proportions=SOFT,
                hair=HairStyle(
                    length=6,
                    length_sides=4,
                    comb="side",
                    part_x=2.2,
                    volume=0.9,
                    lift=0.45,
                    lock=0.55,
                    gravity=0.2,
                ),
                hair_rgb=(0.50, 0.48, 0.45),
                grey=0.7,
                brow_rgb=(0.25, 0.22, 0.19),
                brow_thickness=0.6,
                lash_length=0.6,
                lash_rgb=(0.05, 0.04, 0.03),
                garment="female_elegantsuit01",
                cloth=Cloth(rgb=(0.20, 0.12, 0.28)),
                glasses=GlassesStyle(
                    squareness=2.1, width=4.8, height=4.4, thickness=0.14, rgb=(0.35, 0.22, 0.08)
                ),
            ),
            light=LightStyle(key_yaw=-30),
            background=BackgroundStyle(
                kind="texture", rgb=(0.60, 0.63, 0.60), second_rgb=(0.83, 0.85, 0.80)
            ),
        ),
        "noor": Casting(
            name="Noor",
            description="Long dark waves, a coral blouse.",
            person=PersonStyle(
                identity=face(24, male=-0.5),
                neutral=RELAXED,
                eyes=BROWN,
                build=WOMAN,
                proportions=SOFT,
                seed=18,
                skin=SkinStyle(
                    tone=0.50,
                    undertone=0.5,
                    redness=0.3,
                    blush=0.3,
                    age=0.1,
                    lip_rgb=(0.24, 0.05, 0.05),
                    lip_strength=0.35,
                ),
                hair=HairStyle(
                    length=30,
                    comb="part",
                    part_x=0.0,
                    volume=1.3,
                    lock=0.55,
                    wave=1.0,
                    wave_length=8,
                    gravity=0.4,
                ),
                hair_rgb=(0.030, 0.017, 0.010),
                brow_rgb=(0.018, 0.012, 0.009),
                brow_thickness=1.0,
                lash_length=0.95,
                garment="female_elegantsuit01",
                cloth=Cloth(rgb=(0.50, 0.10, 0.14)),
            ),
            light=LightStyle(key_rgb=(1, 0.95, 0.88)),
            background=BackgroundStyle(
                kind="bokeh", rgb=(0.34, 0.40, 0.50), second_rgb=(0.74, 0.70, 0.66), seed=9
            ),
        ),
        "tomas": Casting(
            name="Tomas",
            description="Fair curls, a short beard, a grey jumper.",
            person=PersonStyle(
                identity=face(12, male=0.2, caucasian=0.3),
                neutral=RELAXED,
                eyes=BLUE,
                build=MAN,
                seed=19,
                skin=SkinStyle(tone=0.18, redness=0.7, age=0.25, freckles=0.3),
                hair=HairStyle(
                    length=5,
                    comb="crown",
                    volume=1.2,
                    lift=0.6,
                    curl=0.28,
                    curl_length=2.4,
                    lock=0.8,
                    num_locks=420,
                    gravity=0.1,
                ),
                hair_rgb=(0.26, 0.15, 0.06),
                brow_rgb=(0.14, 0.085, 0.04),
                brow_thickness=0.9,
                beard=BeardStyle(length=0.35, density=1.2),
                beard_rgb=(0.20, 0.10, 0.04),
                garment="male_casualsuit02",
                cloth=Cloth(rgb=(0.42, 0.44, 0.42), pattern="knit"),
            ),
            background=BackgroundStyle(
                kind="shapes", rgb=(0.40, 0.48, 0.44), second_rgb=(0.66, 0.72, 0.64), seed=12
            ),
        ),
        "kofi": Casting(
            name="Kofi",
            description="A navy suit, a goatee, a steady look.",
            person=PersonStyle(
                identity=face(28, male=0.3, african=0.5),
                neutral=RELAXED,
                eyes=DARK,
                seed=20,
                build=Build(male=0.95, african=1, asian=0, caucasian=0, muscle=0.6),
                skin=SkinStyle(
                    tone=0.93, redness=0.15, age=0.3, stubble=0.3, stubble_rgb=(0.01, 0.01, 0.01)
                ),
                hair=HairStyle(
                    length=0.9,
                    comb="crown",
                    volume=0.3,
                    lift=0.9,
                    curl=0.1,
                    curl_length=0.8,
                    lock=0.2,
                    gravity=0,
                ),
                hair_rgb=(0.010, 0.009, 0.009),
                brow_rgb=(0.010, 0.008, 0.008),
                brow_thickness=1.1,
                beard=BeardStyle(where="goatee", length=0.5, curl=0.08, density=1.2),
                beard_rgb=(0.010, 0.009, 0.009),
                garment="male_elegantsuit01",
                cloth=Cloth(rgb=(0.05, 0.065, 0.11)),
            ),
            light=LightStyle(key=1.9, rim=1.0),
            background=BackgroundStyle(rgb=(0.34, 0.42, 0.50), second_rgb=(0.62, 0.70, 0.76)),
        ),
        "yuki": Casting(
            name="Yuki",
            description="Rose hair under a blue knitted cap.",
            person=PersonStyle(
                identity=face(30, male=-0.5, asian=0.6),
                neutral=RELAXED,
                eyes=DARK,
                proportions=SOFT,
                seed=21,
                build=Build(male=0.05, asian=1, african=0, caucasian=0),
                skin=SkinStyle(
                    tone=0.17,
                    undertone=0.3,
                    redness=0.4,
                    blush=0.5,
                    age=0.05,
                    lip_rgb=(0.42, 0.10, 0.10),
                    lip_strength=0.4,
                ),
                hair=HairStyle(
                    length=11,
                    comb="crown",
                    volume=0.9,
                    lift=0.4,
                    lock=0.5,
                    gravity=0.45,
                    fringe=5.5,
                ),
                hair_rgb=(0.30, 0.20, 0.22),
                brow_rgb=(0.05, 0.03, 0.03),
                brow_thickness=0.6,
                lash_length=0.85,
                garment="male_casualsuit06",
                cloth=Cloth(rgb=(0.62, 0.58, 0.20)),
                cap=Cloth(rgb=(0.10, 0.18, 0.30), pattern="knit", scale=1.2),
            ),
            light=LightStyle(key_yaw=-35),
            background=BackgroundStyle(rgb=(0.55, 0.68, 0.72), second_rgb=(0.86, 0.92, 0.92)),
        ),
        "clementine": Casting(
            name="Clementine",
            description="Modelled in clay, in dungarees.",
            look=Look.CLAY,
            person=PersonStyle(
                identity=face(3, 0.5, male=-0.2),
                neutral=RELAXED,
                eyes=BROWN,
                build=Build(male=0.3),
                seed=31,
                skin=SkinStyle(tone=0.22, redness=0.9, blush=0.7, age=0, brow_strength=0.9),
                hair=HairStyle(
                    length=9,
                    comb="crown",
                    volume=1.3,
                    lift=0.5,
                    lock=0.9,
                    num_locks=120,
                    gravity=0.35,
                    fringe=5,
                    wave=0.5,
                    wave_length=5,
                ),
                hair_rgb=(0.36, 0.10, 0.03),
                brow_rgb=(0.16, 0.05, 0.02),
                brow_thickness=1.0,
                lash_length=0.6,
                garment="male_worksuit01",
                cloth=Cloth(rgb=(0.10, 0.20, 0.40)),
                proportions=Proportions(eyes=0.55, head=0.5, jaw=0.2, nose=0.45),
            ),
            light=LightStyle(key=1.5),
            background=BackgroundStyle(rgb=(0.80, 0.62, 0.40), second_rgb=(0.95, 0.84, 0.62)),
        ),
        "pixel": Casting(
            name="Pixel",
            description="Drawn in ink and flat colour, blue hair, violet eyes.",
            look=Look.TOON,
            person=PersonStyle(
                identity=face(13, 0.5, male=-0.5),
                neutral=RELAXED,
                eyes=VIOLET,
                build=WOMAN,
                seed=32,
                skin=SkinStyle(tone=0.12, redness=0.5, blush=0.6, age=0, brow_strength=0.95),
                hair=HairStyle(
                    length=17,
                    comb="part",
                    part_x=1.6,
                    volume=1.5,
                    lock=0.85,
                    num_locks=110,
                    gravity=0.4,
                    fringe=5.0,
                ),
                hair_rgb=(0.05, 0.12, 0.30),
                brow_rgb=(0.03, 0.05, 0.12),
                brow_thickness=0.9,
                lash_length=1.0,
                garment="male_casualsuit05",
                cloth=Cloth(rgb=(0.75, 0.22, 0.20)),
                proportions=Proportions(eyes=0.85, head=0.6, jaw=0.75, nose=0.8),
            ),
            light=LightStyle(key=1.7, key_yaw=40, fill=0.2),
            background=BackgroundStyle(rgb=(0.60, 0.78, 0.85), second_rgb=(0.88, 0.95, 0.93)),
        ),
        "augusto": Casting(
            name="Augusto",
            description="Painted in oils, with a moustache to match.",
            look=Look.PAINTED,
            person=PersonStyle(
                identity=face(20, male=0.4, old=0.5),
                neutral=RELAXED,
                eyes=HAZEL,
                build=Build(male=0.95, old=0.3),
                skin=SkinStyle(tone=0.32, redness=0.8, age=0.6, undertone=0.2),
                seed=33,
                hair=HairStyle(
                    length=8, comb="back", volume=1.5, lift=0.7, lock=0.7, wave=0.5, wave_length=4.5
                ),
                hair_rgb=(0.09, 0.06, 0.04),
                grey=0.35,
                brow_rgb=(0.05, 0.035, 0.025),
                brow_thickness=1.3,
                beard=BeardStyle(where="mustache", length=1.1, density=0.8),
                beard_rgb=(0.08, 0.05, 0.03),
                garment="male_elegantsuit01",
                cloth=Cloth(rgb=(0.10, 0.045, 0.03)),
                proportions=Proportions(eyes=0.15, head=0.2, jaw=-0.1, nose=-0.3),
            ),
            light=LightStyle(key=1.8, key_yaw=45, key_rgb=(1, 0.88, 0.70), fill=0.2, rim=0.4),
            background=BackgroundStyle(
                kind="texture", rgb=(0.26, 0.22, 0.16), second_rgb=(0.58, 0.46, 0.32)
            ),
        ),
        "lena": Casting(
            name="Lena",
            description="Head to toe: an orange jumper and jeans.",
            framing="full_body",
            person=PersonStyle(
                identity=face(25, male=-0.4),
                neutral=RELAXED,
                eyes=HAZEL,
                build=Build(male=0.15),
                seed=34,
                skin=SkinStyle(tone=0.27, undertone=0.2, redness=0.5, blush=0.3, age=0.1),
                hair=HairStyle(
                    length=20,
                    comb="part",
                    part_x=-1.2,
                    volume=1.1,
                    lock=0.55,
                    wave=0.5,
                    gravity=0.4,
                ),
                hair_rgb=(0.10, 0.05, 0.022),
                brow_rgb=(0.05, 0.028, 0.015),
                brow_thickness=0.75,
                lash_length=0.85,
                garment="male_casualsuit02",
                shoes="shoes03",
                cloth=Cloth(rgb=(0.55, 0.22, 0.10), pattern="knit", scale=0.9),
                trousers_rgb=(0.045, 0.06, 0.11),
                proportions=SOFT,
            ),
            background=BackgroundStyle(rgb=(0.62, 0.66, 0.66), second_rgb=(0.88, 0.88, 0.85)),
        ),
    }
