"""Which region of a character each face landmark belongs to: soft masks that add up to one.

Knows the face's geography; does not know sources or settings.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from avatar.frames import FloatArray
from avatar.motion import topology as topo
from avatar.regions import Region

FACE_REGIONS = (Region.MOUTH, Region.EYES, Region.BROWS)
_SMOOTHING_ROUNDS = 3


@cache
def region_weights() -> dict[Region, FloatArray]:
    """(478,) weights of MOUTH, EYES, BROWS; at each landmark they add up to 1.

    Hard seeds by place on the canonical face (below the nose's bridge: mouth, which includes
    cheeks, nose and jaw; about the eyes; above: brows and forehead), softened over the mesh so that
    switching one region leaves no seam.
    """
    face = topo.canonical_face()
    eye_y = float(face[topo.EYE_CORNERS, 1].mean())
    num = len(face)
    mouth, eyes, brows = np.zeros(num), np.zeros(num), np.zeros(num)
    lids = np.concatenate(
        [
            topo.LEFT_LID_UPPER,
            topo.LEFT_LID_LOWER,
            topo.RIGHT_LID_UPPER,
            topo.RIGHT_LID_LOWER,
            topo.LEFT_LID_UPPER_CREASE,
            topo.RIGHT_LID_UPPER_CREASE,
            topo.LEFT_LID_LOWER_CREASE,
            topo.RIGHT_LID_LOWER_CREASE,
            topo.LEFT_IRIS,
            topo.RIGHT_IRIS,
        ]
    )
    y = face[:, 1]
    mouth[y > eye_y + 0.17] = 1.0
    eyes[(y <= eye_y + 0.17) & (y > eye_y - 0.10)] = 1.0
    brows[y <= eye_y - 0.10] = 1.0
    for weights, value in ((mouth, 0.0), (brows, 0.0), (eyes, 1.0)):
        weights[lids] = value
    stack = np.stack([mouth, eyes, brows], axis=1)
    is_seed = np.zeros(num, dtype=bool)
    brow_points = np.concatenate(
        [
            topo.LEFT_BROW_UPPER,
            topo.LEFT_BROW_LOWER,
            topo.RIGHT_BROW_UPPER,
            topo.RIGHT_BROW_LOWER,
        ]
    )
    is_seed[np.concatenate([topo.LIPS, lids, brow_points])] = True
    stack[brow_points] = (0.0, 0.0, 1.0)
    neighbours = topo.neighbours()
    for _ in range(_SMOOTHING_ROUNDS):
        softened = stack.copy()
        for index, linked in enumerate(neighbours):
            if linked.size and not is_seed[index]:
                softened[index] = 0.5 * stack[index] + 0.5 * stack[linked].mean(0)
        stack = softened
    stack /= stack.sum(1, keepdims=True)
    result: dict[Region, FloatArray] = {}
    for column, region in enumerate(FACE_REGIONS):
        weights_N = stack[:, column].astype(np.float32)
        weights_N.flags.writeable = False
        result[region] = weights_N
    return result
