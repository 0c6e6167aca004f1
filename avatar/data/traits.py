"""Named directions in the face model's identity space: sex, age, origins.

The face model's components have no names; the body's targets do. Each named difference of the
body's head is carried to the face model by nearest points and expressed in its components by
ridge regression. Knows geometry only.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from avatar.data.body import NUM_BODY_VERTICES, Build, body_shape, seat_head
from avatar.data.head import head_model

Floats = NDArray[np.float32]

NUM_TRAIT_COMPONENTS = 50
_RIDGE = 0.6

_EVEN = {"african": 1.0, "asian": 1.0, "caucasian": 1.0}


def _pair(name: str) -> tuple[Build, Build]:
    """(with, without) the trait."""
    if name == "male":
        return Build(male=1.0), Build(male=0.0)
    if name == "old":
        return Build(old=0.8), Build(old=0.0)
    weights = {race: (1.0 if race == name else 0.0) for race in _EVEN}
    return (
        Build(african=weights["african"], asian=weights["asian"], caucasian=weights["caucasian"]),
        Build(),
    )


TRAITS = ("male", "old", "african", "asian", "caucasian")


@cache
def trait_direction(name: str) -> Floats:
    """(50,) identity weights of the full trait; KeyError for an unknown name."""
    if name not in TRAITS:
        raise KeyError(f"unknown trait '{name}'; one of {', '.join(TRAITS)}")
    model = head_model()
    middle = body_shape(Build())
    seat = seat_head(middle, 0.5)
    on_face = np.flatnonzero(
        (model.neutral_V3[:, 2] > 0) & (model.neutral_V3[:, 1] > -8.5)
        & (model.neutral_V3[:, 1] < 10)
    )  # fmt: skip
    outer = np.unique(model.triangles_T3[model.region_T == 0])
    on_face = np.intersect1d(on_face, outer)[::3]
    base = seat.to_head_cm(middle[:NUM_BODY_VERTICES])
    gap, nearest = cKDTree(base).query(model.neutral_V3[on_face], k=4)
    blend = 1 / (gap + 0.05)
    blend /= blend.sum(1, keepdims=True)
    used = np.unique(nearest)
    with_it, without = _pair(name)
    shapes = []
    for build in (with_it, without):
        points = seat.to_head_cm(body_shape(build)[:NUM_BODY_VERTICES])
        shapes.append(_aligned(points, base, used))
    delta = (shapes[0] - shapes[1])[nearest]
    target = (blend[..., None] * delta).sum(1).reshape(-1)
    basis = model.identity_KV3[:NUM_TRAIT_COMPONENTS, on_face].reshape(NUM_TRAIT_COMPONENTS, -1)
    gram = basis @ basis.T
    scale = np.trace(gram) / NUM_TRAIT_COMPONENTS
    weights = np.linalg.solve(
        gram + _RIDGE * 0.02 * scale * np.eye(NUM_TRAIT_COMPONENTS), basis @ target
    )
    return weights.astype(np.float32)


def _aligned(points: Floats, base: Floats, used: NDArray[np.integer[Any]]) -> Floats:
    """Points moved by the rotation and shift that bring their used part nearest to the base.

    Size is kept out as well: a bigger body is not a different face.
    """
    p, q = points[used], base[used]
    p0, q0 = p.mean(0), q.mean(0)
    u, s, vt = np.linalg.svd((p - p0).T @ (q - q0))
    flip = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = u @ flip @ vt
    scale = (s * np.diag(flip)).sum() / ((p - p0) ** 2).sum()
    return np.asarray(scale * (points - p0) @ rotation + q0, np.float32)
