"""Lids and lips of a head-space shape set to a wanted opening, their surroundings carried along.

Knows the anatomy of opening and closing (which edge moves how far, what skin follows); does not
know whose face it is, or why it should open. Used for references, neutrals and every source of
motion, so that "closed" means closed whatever the face looked like before.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from avatar.frames import NUM_LANDMARKS, FloatArray
from avatar.motion import topology as topo
from avatar.motion.topology import IntArray

LID_CLOSED = 0.09
"""Lid aperture that trackers report for an eye that is shut (their lids never quite meet)."""
HEALTHY_LID_APERTURE = 0.30
"""Openness given to a face whose own eyes are shut or half shut."""
NARROWEST_HEALTHY = 0.19
"""Eyes open at least this far count as a person's own open eyes, however narrow."""

_MEETING_LIDS = 0.12
"""Lids meet this far up from the lower one: the upper lid does nearly all the way."""
_MEETING_LIPS = 0.85
"""Lips meet this far up from the lower one: the jaw does nearly all the way."""


@cache
def lid_spread(side: int, is_upper: bool) -> FloatArray:
    """Matrix (478, 9): how far each landmark follows each landmark of one lid.

    Rows of the lid itself are unit rows; skin beyond it follows less with distance.
    """
    upper, lower = _lid_contours(side)
    edge, other = (upper, lower) if is_upper else (lower, upper)
    reach = 0.10 if is_upper else 0.06
    return _spread(edge, other, reach=reach, smooth=0.05, away=-1.0 if is_upper else 1.0)


@cache
def lip_spread(is_upper: bool) -> FloatArray:
    """Matrix (478, 11): how far each landmark follows each landmark of one inner lip edge.

    Below the mouth the whole jaw follows (to the chin and along the jaw line); above it only the
    upper lip does.
    """
    edge, other = topo.LIPS_INNER_UPPER, topo.LIPS_INNER_LOWER
    if is_upper:
        return _spread(edge, other, reach=0.13, smooth=0.10, away=-1.0)
    return _spread(other, edge, reach=0.55, smooth=0.22, away=1.0)


def _spread(
    edge: IntArray, other: IntArray, *, reach: float, smooth: float, away: float
) -> FloatArray:
    face = topo.canonical_face()
    points = face[edge]
    distance = np.linalg.norm(face[:, None] - points[None], axis=2)
    nearest = distance.min(1)
    # Close by, skin follows its own stretch of the edge (or the edge would overtake it); further
    # off it follows the edge at large.
    width = np.minimum(0.03 + 0.5 * nearest, smooth)[:, None]
    kernel = np.exp(-0.5 * (distance**2 - nearest[:, None] ** 2) / width**2)
    weights = kernel / kernel.sum(1, keepdims=True)
    weights *= np.exp(-0.5 * (nearest / reach) ** 2)[:, None]
    # Only the edge's own side follows: the slit's middle line parts the face.
    order = np.argsort(points[:, 0])
    middle = 0.5 * (face[edge] + face[other])[order]
    slit_y = np.interp(face[:, 0], middle[:, 0], middle[:, 1])
    signed = away * (face[:, 1] - slit_y)
    # To the sides of the slit there is no edge to part it: fade over a soft line.
    weights *= np.clip(signed / 0.02, 0.0, 1.0)[:, None]
    weights[468:] = 0.0
    weights[other] = 0.0
    weights[edge] = np.eye(len(edge))
    # Both corners belong to both edges; they hold still.
    weights[:, (0, -1)] = 0.0
    weights = weights.astype(np.float32)
    weights.flags.writeable = False
    return np.asarray(weights, dtype=np.float32)


def _lid_contours(side: int) -> tuple[IntArray, IntArray]:
    if side == 0:
        return topo.LEFT_LID_UPPER, topo.LEFT_LID_LOWER
    return topo.RIGHT_LID_UPPER, topo.RIGHT_LID_LOWER


@cache
def _lid_profile(side: int) -> FloatArray:
    """Canonical gap along the lid (9), relative to the mean over the eye's middle."""
    upper, lower = _lid_contours(side)
    face = topo.canonical_face()
    gaps = np.linalg.norm(face[upper] - face[lower], axis=1)
    return np.asarray(gaps / gaps[2:7].mean(), dtype=np.float32)


def healthy_aperture(aperture: float) -> float:
    """What counts as this face's open eye, smoothly: its own, or a healthy one for closed eyes."""
    t = np.clip((aperture - LID_CLOSED) / (NARROWEST_HEALTHY - LID_CLOSED), 0.0, 1.0)
    weight = float(t * t * (3 - 2 * t))
    return weight * aperture + (1.0 - weight) * HEALTHY_LID_APERTURE


def with_lid_apertures(shape_N3: FloatArray, apertures_2: FloatArray) -> FloatArray:
    """The shape with both lid apertures (gap / eye width) set; 0 lets the lids meet."""
    result = shape_N3.astype(np.float32, copy=True)
    for side in (0, 1):
        upper, lower = _lid_contours(side)
        edge_u, edge_l = shape_N3[upper], shape_N3[lower]
        width = float(np.linalg.norm(edge_u[0] - edge_u[-1]))
        opening = edge_u - edge_l
        gaps = np.linalg.norm(opening, axis=1)
        mean_gap = float(gaps[2:7].mean())
        # A face's own lid line keeps its form, unless its eyes are shut and have none.
        trust = np.float32(np.clip(mean_gap / max(width, 1e-6) / 0.12, 0.0, 1.0) ** 2)
        own = gaps / max(mean_gap, 1e-6)
        profile = trust * own + (1 - trust) * _lid_profile(side)
        wanted = np.float32(apertures_2[side] * width) * profile
        up = np.array([0.0, -1.0, 0.0], dtype=np.float32)
        direction = trust * opening / np.maximum(gaps, 1e-6)[:, None] + (1 - trust) * up
        direction /= np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-6)
        meeting = edge_l + _MEETING_LIDS * opening
        to_upper = meeting + (1 - _MEETING_LIDS) * wanted[:, None] * direction - edge_u
        to_lower = meeting - _MEETING_LIDS * wanted[:, None] * direction - edge_l
        result += lid_spread(side, True) @ to_upper + lid_spread(side, False) @ to_lower
    return result


def with_lip_gap(shape_N3: FloatArray, gap: float, *, jaw_share: float = 1.0) -> FloatArray:
    """The shape with the mean inner-lip gap (inter-ocular units) brought to `gap`.

    Crossed lips (lower above upper, which adding an offset can cause) are parted first. Openings
    keep their own form; a mouth whose lips touch stays shut. `jaw_share` < 1 moves the jaw less.
    """
    upper, lower = topo.LIPS_INNER_UPPER, topo.LIPS_INNER_LOWER
    edge_u, edge_l = shape_N3[upper], shape_N3[lower]
    opening = edge_u - edge_l
    crossed = opening[:, 1] > 0.0
    gaps = np.where(crossed, 0.0, np.linalg.norm(opening, axis=1))
    mean_gap = float(gaps[4:7].mean())
    factor = min(gap / mean_gap, 1.5) if mean_gap > 1e-4 else 1.0
    wanted = np.where(crossed[:, None], 0.0, opening * np.float32(factor))
    meeting = edge_l + np.float32(_MEETING_LIPS) * opening
    to_upper = meeting + (1 - np.float32(_MEETING_LIPS)) * wanted - edge_u
    to_lower = meeting - np.float32(_MEETING_LIPS) * wanted - edge_l
    spread_l = lip_spread(False)
    if jaw_share != 1.0:
        is_edge = np.zeros(NUM_LANDMARKS, dtype=bool)
        is_edge[lower] = True
        spread_l = np.where(is_edge[:, None], spread_l, np.float32(jaw_share) * spread_l)
    return np.asarray(
        shape_N3 + lip_spread(True) @ to_upper + spread_l @ to_lower, dtype=np.float32
    )
