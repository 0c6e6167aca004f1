"""What makes a person: the choices (`PersonStyle`), how finely it is made, and material rows.

Knows no geometry.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from avatar.data import body as bodies
from avatar.data.cartoon import Proportions
from avatar.data.clothes import Cloth
from avatar.data.eyes import EyeStyle
from avatar.data.facial_hair import BeardStyle
from avatar.data.hair import HairStyle
from avatar.data.props import GlassesStyle
from avatar.data.skin import SkinStyle

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

# rows of the material table of every person
(M_SKIN, M_EYE_LEFT, M_EYE_RIGHT, M_MOUTH, M_TEETH, M_HAIR, M_LASH, M_CLOTH, M_CLOTH_2, M_HARD,
 M_METAL, M_HAT) = range(12)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """How finely a person is made."""

    skin_texels: int = 1024
    eye_texels: int = 256
    cloth_texels: int = 512
    num_hair: int = 6000
    hair_width: float = 0.045
    num_brow: int = 500
    hair_points: int = 18
    brow_width: float = 0.030
    num_lash: int = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonStyle:
    """Everything that makes a person; the same style always gives the same person."""

    identity: tuple[float, ...] = ()
    """Weights of the face model in standard deviations."""
    neutral: dict[str, float] = field(default_factory=dict)
    """Expression weights that belong to this person's resting face."""
    skin: SkinStyle = SkinStyle()
    eyes: EyeStyle = EyeStyle()
    hair: HairStyle | None = HairStyle()
    hair_rgb: tuple[float, float, float] = (0.05, 0.03, 0.02)
    grey: float = 0.0
    brow_rgb: tuple[float, float, float] = (0.04, 0.025, 0.015)
    brow_thickness: float = 0.8
    lash_length: float = 0.75
    lash_rgb: tuple[float, float, float] = (0.012, 0.01, 0.01)
    beard: BeardStyle | None = None
    beard_rgb: tuple[float, float, float] = (0.04, 0.025, 0.015)
    build: bodies.Build = bodies.Build()
    garment: str = "male_casualsuit04"
    cloth: Cloth = Cloth()
    trousers_rgb: tuple[float, float, float] = (0.05, 0.06, 0.09)
    shirt_rgb: tuple[float, float, float] = (0.52, 0.52, 0.50)
    """Of a shirt under a jacket."""
    glasses: GlassesStyle | None = None
    cap: Cloth | None = None
    earrings: float = 0.0
    shoes: str | None = None
    proportions: Proportions | None = None
    teeth_rgb: tuple[float, float, float] = (0.74, 0.66, 0.54)
    seed: int = 0
