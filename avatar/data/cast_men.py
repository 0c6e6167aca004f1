"""The men of the gallery, each a fixed choice.

Colours are linear (hair, cloth, irises) except backgrounds (sRGB); see the dataclasses for units.
"""

from __future__ import annotations

from avatar.data.background import BackgroundStyle
from avatar.data.body import Build
from avatar.data.cartoon import Proportions
from avatar.data.casting import Casting
from avatar.data.casting_presets import BLUE, DARK, HAZEL, MAN, RELAXED, face
from avatar.data.clothes import Cloth
from avatar.data.facial_hair import BeardStyle
from avatar.data.hair import HairStyle
from avatar.data.light import LightStyle
from avatar.data.looks import Look
from avatar.data.person_style import PersonStyle
from avatar.data.props import GlassesStyle
from avatar.data.skin import SkinStyle


def men() -> dict[str, Casting]:
    """Characters by id (the face model's assets are needed)."""
    return {
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
    }
