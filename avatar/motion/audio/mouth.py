"""The mouth coefficients that sound gives, and the shape each one means on a face.

Knows names, units and the fixed linear basis (`mouth_basis.npz`, made by
`avatar.training.voice.basis`); does not know where coefficients come from. Each coefficient is a
length that a face tracker can measure too, in inter-ocular units relative to the neutral face, but
for the last two, which are 0..1. The basis is dual: one unit of a coefficient changes its own
length by one and none of the others.

Shape legend: M frames, K coefficients, N 478 landmarks, 3 head space.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from avatar.errors import AssetError
from avatar.frames import NUM_LANDMARKS, FloatArray
from avatar.motion import topology as topo

COEFFICIENTS: Final = ("aperture", "jaw", "width", "protrusion", "upper", "press", "tuck")
"""Inner-lip gap; drop of the chin; distance of the mouth corners; lips forward; upper lip raised;
lips pressed together (p, b, m); lower lip at the upper teeth (f, v)."""
NUM_COEFFICIENTS: Final = len(COEFFICIENTS)
APERTURE: Final = COEFFICIENTS.index("aperture")
JAW: Final = COEFFICIENTS.index("jaw")
WIDTH: Final = COEFFICIENTS.index("width")
PRESS: Final = COEFFICIENTS.index("press")

NUM_LENGTHS: Final = COEFFICIENTS.index("press")
"""The coefficients before that one are lengths, see `mouth_lengths`."""

INTER_OCULAR_MM: Final = 62.0
"""Of an adult: turns articulation measured in millimetres into our unit."""

BASIS_PATH: Final = Path(__file__).with_name("mouth_basis.npz")


@cache
def mouth_basis() -> FloatArray:
    """The (K, N, 3) change of a face's shape per unit of each coefficient, in head space.

    Raises AssetError where the file is missing or does not match.
    """
    try:
        with np.load(BASIS_PATH, allow_pickle=False) as file:
            basis_KN3 = file["basis_KN3"].astype(np.float32)
            names = tuple(str(name) for name in file["coefficients"])
    except (OSError, ValueError, KeyError) as error:
        raise AssetError(
            f"{BASIS_PATH.name} beside {Path(__file__).name} is missing or damaged; reinstall, or "
            "make it again with `python -m avatar.training.voice.basis`."
        ) from error
    if names != COEFFICIENTS or basis_KN3.shape != (NUM_COEFFICIENTS, NUM_LANDMARKS, 3):
        raise AssetError(f"{BASIS_PATH.name} is of another version; reinstall.")
    basis_KN3.flags.writeable = False
    return basis_KN3


def shape_offset(coefficients_K: FloatArray) -> FloatArray:
    """The (N, 3) offset from the neutral shape that these coefficients mean."""
    return np.tensordot(coefficients_K, mouth_basis(), axes=1).astype(np.float32)


def mouth_lengths(
    shapes_XN3: NDArray[np.float32] | NDArray[np.float64],
) -> NDArray[np.float64]:
    """What is measured of faces in head space, or of their changes (X, N, 3): (X, NUM_LENGTHS).

    Inner-lip gap, drop of the chin, distance of the mouth corners, lips forward, upper lip raised.
    """
    upper, lower = topo.LIPS_INNER_UPPER[4:7], topo.LIPS_INNER_LOWER[4:7]
    left, right = topo.MOUTH_CORNERS
    red = np.concatenate([topo.LIPS_OUTER_UPPER[3:8], topo.LIPS_OUTER_LOWER[3:8]])
    return np.stack(
        [
            (shapes_XN3[:, lower, 1] - shapes_XN3[:, upper, 1]).mean(axis=1),
            shapes_XN3[:, topo.CHIN, 1],
            shapes_XN3[:, left, 0] - shapes_XN3[:, right, 0],
            -shapes_XN3[:, red, 2].mean(axis=1),
            -shapes_XN3[:, upper, 1].mean(axis=1),
        ],
        axis=1,
    ).astype(np.float64)
