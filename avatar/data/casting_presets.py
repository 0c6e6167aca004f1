"""What characters of the gallery share: eye colours, a relaxed face, builds, faces by trait.

Knows no character.
"""

from __future__ import annotations

import numpy as np

from avatar.data.body import Build
from avatar.data.cartoon import Proportions
from avatar.data.eyes import EyeStyle
from avatar.data.traits import NUM_TRAIT_COMPONENTS, trait_direction

BLUE = EyeStyle(iris_rgb=(0.07, 0.13, 0.20), inner_rgb=(0.20, 0.20, 0.12))
GREEN = EyeStyle(iris_rgb=(0.07, 0.12, 0.06), inner_rgb=(0.22, 0.14, 0.05))
BROWN = EyeStyle(iris_rgb=(0.075, 0.035, 0.014), inner_rgb=(0.13, 0.06, 0.02))
DARK = EyeStyle(iris_rgb=(0.030, 0.016, 0.009), inner_rgb=(0.05, 0.025, 0.012))
HAZEL = EyeStyle(iris_rgb=(0.11, 0.08, 0.03), inner_rgb=(0.20, 0.11, 0.03))
GREY = EyeStyle(iris_rgb=(0.11, 0.13, 0.15), inner_rgb=(0.20, 0.20, 0.18))
VIOLET = EyeStyle(iris_rgb=(0.12, 0.06, 0.30), inner_rgb=(0.30, 0.16, 0.50))

RELAXED = {
    "mouthSmileLeft": 0.45,
    "mouthSmileRight": 0.45,
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
