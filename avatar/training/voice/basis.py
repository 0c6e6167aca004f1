"""Makes `mouth_basis.npz`: what one unit of each mouth coefficient does to the 478 landmarks.

    python -m avatar.training.voice.basis

Knows the open face model's ARKit shapes (ICT-FaceKit, MIT, Li et al., CVPR 2020) and where the
landmarks lie on it; nothing imports it at run time. The model's mean face is brought onto the
canonical face by its 51 marked points (thin-plate spline, Bookstein 1989); each landmark then rides
on its nearest vertices. Prototypes mixed from ARKit shapes are made dual to what is measured:
each coefficient changes its own length and leaves the others alone.

Shape legend: V vertices, N 478 landmarks, K coefficients, 3 head space.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator
from scipy.spatial import cKDTree

from avatar.data.assets import load_pack
from avatar.frames import NUM_LANDMARKS, FloatArray
from avatar.motion import topology as topo
from avatar.motion.audio.mouth import (
    BASIS_PATH,
    COEFFICIENTS,
    NUM_COEFFICIENTS,
    NUM_LENGTHS,
    mouth_lengths,
)
from avatar.motion.expression import lip_spread

Floats = NDArray[np.float64]

# fmt: off
_MARKED_68: Final = tuple(range(17, 68)) + (8,)
_MARKED_LANDMARKS: Final = (
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300,  # brows
    168, 197, 5, 4, 75, 97, 2, 326, 305,  # nose
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,  # eyes
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181,  # outer lips
    78, 82, 13, 312, 308, 317, 14, 87,  # inner lips
    152)
# fmt: on
"""The face model's iBUG points 17..67 and the chin, and the landmarks at the same places."""

_SIDES = ("Left", "Right")


def _both(weight: float, name: str) -> dict[str, float]:
    return {name + side: weight for side in _SIDES}


PROTOTYPES: Final[Mapping[str, Mapping[str, float]]] = {
    "aperture": {"jawOpen": 0.8, **_both(0.35, "mouthLowerDown"), **_both(0.1, "mouthUpperUp")},
    "jaw": {"jawOpen": 1.0, "mouthClose": 1.0},
    "width": {**_both(0.5, "mouthStretch"), **_both(0.35, "mouthSmile")},
    "protrusion": {"mouthPucker": 0.5, "mouthFunnel": 0.6},
    "upper": _both(1.0, "mouthUpperUp"),
    "press": {**_both(0.6, "mouthPress"), "mouthRollLower": 0.4, "mouthRollUpper": 0.35},
    "tuck": {"mouthRollLower": 0.8, **_both(0.25, "mouthUpperUp")},
}
assert tuple(PROTOTYPES) == COEFFICIENTS

_NEAREST: Final = 4
_REACH: Final = (0.55, 0.35)
"""Landmarks farther than this above the mouth hold still, faded over the second number."""


def landmark_expressions() -> tuple[dict[str, Floats], Floats]:
    """Every ARKit shape as landmark offsets (N, 3) in head space, and the landmarks' places."""
    pack = load_pack("face")
    flip = np.array([1.0, -1.0, -1.0])  # the model's y is up and its z forward
    neutral_V3 = pack["neutral"].astype(np.float64) * flip
    marked = pack["landmarks68"][list(_MARKED_68)]
    canonical_N3 = topo.canonical_face().astype(np.float64)
    corners_6843 = neutral_V3[pack["landmarks68"][[45, 42, 36, 39]]]
    unit = float(np.linalg.norm(corners_6843[:2].mean(axis=0) - corners_6843[2:].mean(axis=0)))
    warp = RBFInterpolator(
        neutral_V3[marked] / unit,
        canonical_N3[list(_MARKED_LANDMARKS)],
        kernel="thin_plate_spline",
        smoothing=1e-3,
    )
    names = [str(name) for name in pack["expr_names"]]
    deltas = pack["expr"].astype(np.float64) * flip / unit
    region_names = [str(name) for name in pack["region_names"]]
    skin = np.flatnonzero(pack["vertex_region"] == region_names.index("face"))
    warped_S3 = warp(neutral_V3[skin] / unit)
    # Lips touch: a lower lip's landmark must not ride on the upper lip.
    dropped_S = deltas[names.index("jawOpen")][skin, 1]
    is_lower_S = dropped_S > 0.5 * np.abs(dropped_S).max()
    is_upper_S = dropped_S < 0.15 * np.abs(dropped_S).max()
    weights_NS = np.zeros((NUM_LANDMARKS, len(skin)))
    lower_lip = set(topo.LIPS_INNER_LOWER[1:-1]) | set(topo.LIPS_OUTER_LOWER[2:-2])
    upper_lip = set(topo.LIPS_INNER_UPPER[1:-1]) | set(topo.LIPS_OUTER_UPPER[1:-1])
    for landmark in range(NUM_LANDMARKS):
        if landmark in lower_lip:
            allowed = np.flatnonzero(is_lower_S)
        elif landmark in upper_lip:
            allowed = np.flatnonzero(is_upper_S)
        else:
            allowed = np.arange(len(skin))
        distance, index = cKDTree(warped_S3[allowed]).query(canonical_N3[landmark], k=_NEAREST)
        share = 1.0 / (distance + 1e-3)
        weights_NS[landmark, allowed[index]] = share / share.sum()
    shapes = {name: weights_NS @ delta[skin] for name, delta in zip(names, deltas, strict=True)}
    return shapes, canonical_N3


def mouth_basis() -> FloatArray:
    """The dual basis (K, N, 3) in head space."""
    shapes, canonical_N3 = landmark_expressions()
    prototypes_KN3 = np.stack(
        [sum(weight * shapes[name] for name, weight in mix.items()) for mix in PROTOTYPES.values()]
    )
    mirrored_KN3 = prototypes_KN3[:, topo.mirror_map()] * np.array([-1.0, 1.0, 1.0])
    prototypes_KN3 = 0.5 * (prototypes_KN3 + mirrored_KN3)
    mouth_y = canonical_N3[topo.LIPS, 1].mean()
    above = mouth_y - canonical_N3[:, 1]
    prototypes_KN3 *= np.clip((_REACH[0] - above) / _REACH[1], 0.0, 1.0)[:, None]
    basis_KN3 = _dual(_with_lip_line(_dual(prototypes_KN3), canonical_N3))
    return basis_KN3.astype(np.float32)


def _dual(prototypes_KN3: Floats) -> Floats:
    """Mixtures of the prototypes that change one measured length by one each, or none."""
    measured_KQ = mouth_lengths(prototypes_KN3)
    dual_QQ = np.linalg.inv(measured_KQ[:NUM_LENGTHS])
    basis_KN3 = prototypes_KN3.copy()
    basis_KN3[:NUM_LENGTHS] = np.tensordot(dual_QQ, prototypes_KN3[:NUM_LENGTHS], axes=1)
    basis_KN3[NUM_LENGTHS:] -= np.tensordot(
        measured_KQ[NUM_LENGTHS:], basis_KN3[:NUM_LENGTHS], axes=1
    )
    return basis_KN3


def _with_lip_line(basis_KN3: Floats, canonical_N3: Floats) -> Floats:
    """Give the aperture an oval opening, and every other coefficient lips that stay together."""
    upper, lower = topo.LIPS_INNER_UPPER, topo.LIPS_INNER_LOWER
    x = canonical_N3[lower, 0] / np.abs(canonical_N3[lower, 0]).max()
    oval = np.power(np.maximum(1.0 - x**2, 0.0), 0.6)
    oval /= oval[4:7].mean()
    gaps_KL = basis_KN3[:, lower, 1] - basis_KN3[:, upper, 1]
    wanted_KL = np.zeros_like(gaps_KL)
    wanted_KL[COEFFICIENTS.index("aperture")] = oval
    missing_KL = wanted_KL - gaps_KL
    missing_KL[:, (0, -1)] = 0.0  # both edges share the corners
    corrected_KN3 = basis_KN3.copy()
    corrected_KN3[:, :, 1] += 0.8 * missing_KL @ lip_spread(False).T
    corrected_KN3[:, :, 1] -= 0.2 * missing_KL @ lip_spread(True).T
    return corrected_KN3


def main() -> None:
    """Write the basis where the run time reads it."""
    parser = argparse.ArgumentParser(description=mouth_basis.__doc__)
    parser.add_argument("--output", type=Path, default=BASIS_PATH)
    arguments = parser.parse_args()
    basis_KN3 = mouth_basis()
    assert basis_KN3.shape == (NUM_COEFFICIENTS, NUM_LANDMARKS, 3)
    np.savez_compressed(
        arguments.output,
        basis_KN3=basis_KN3.astype(np.float16),
        coefficients=np.array(COEFFICIENTS),
    )


if __name__ == "__main__":
    main()
