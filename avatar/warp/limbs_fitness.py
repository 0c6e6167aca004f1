"""Which limbs of a picture can be moved, and what keeps the others on the body.

Knows joints, their visibility and the matte; does not know how limbs are separated.

Legend: H, W canvas pixels; C points of a limb; 2 canvas pixels.
"""

from __future__ import annotations

import numpy as np

from avatar.frames import ByteArray, FloatArray, ReferenceGeometry
from avatar.warp.limbs_partition import LIMB_CORE
from avatar.warp.skeleton import ARMS, CHAINS, HIPS, LEGS, Chain, body_unit, chain_points, is_seen
from avatar.warp.skeleton_mask import outline_points

_MIN_BONE_UNITS = 0.15
"""A bone that shows shorter than this points at the camera: there is too little to bend."""
_MIN_COVERED = 0.8
"""How much of its bones the matte must cover."""
_MAX_CROSSED = 0.35
"""How much of a limb may lie on another one."""
_FOLDED_UNITS = 0.25
"""A hand nearer than this to the other forearm or hand lies on it: neither shows whole."""
_SKIRT_WIDTHS = 1.45
"""Knees that are this many times as wide as two legs are under a skirt or a coat."""
_NOT_SHOWN = "the picture does not show enough of it"
_ARM_NAMES = tuple(arm.name for arm in ARMS)


def unmovable(
    reference: ReferenceGeometry, alpha_HW: ByteArray, bone_distance: dict[str, FloatArray]
) -> tuple[set[str], tuple[str, ...]]:
    """Names of the limbs that stay on the body, and sentences that say why.

    `bone_distance` holds each limb's distances (H, W) to its bones. What nobody expects to move
    (the legs of a half body, a portrait's arms) is not mentioned.
    """
    assert reference.joints_J3 is not None
    assert reference.visibility_J is not None
    unit = body_unit(reference.joints_J3)
    reasons: dict[str, str] = {}
    for chain in CHAINS:
        reason = _unfit(chain, reference, alpha_HW, unit)
        if reason:
            reasons[chain.name] = reason
    if not all(leg.name in reasons for leg in LEGS) and _is_skirt(reference, alpha_HW, unit):
        reasons |= {leg.name: "a skirt or coat hides it" for leg in LEGS}
    if not any(arm.name in reasons for arm in ARMS):
        left, right = (bone_distance[arm.name] < LIMB_CORE for arm in ARMS)
        if (left & right).sum() > _MAX_CROSSED * min(left.sum(), right.sum()):
            reasons |= {arm.name: "the arms are crossed" for arm in ARMS}
    if any(_is_folded(arm, other, reference, unit) for arm, other in (ARMS, ARMS[::-1])):
        for arm in ARMS:
            reasons.setdefault(arm.name, "the hands lie on each other")
    is_body = is_seen(reference.visibility_J, HIPS)
    notes = tuple(
        f"The {name} moves with the body only: {reason}."
        for name, reason in reasons.items()
        if reason != _NOT_SHOWN or (is_body and name in _ARM_NAMES)
    )
    return set(reasons), notes


def _unfit(
    chain: Chain, reference: ReferenceGeometry, alpha_HW: ByteArray, unit: float
) -> str | None:
    """Why a limb cannot be separated, or None where it can."""
    assert reference.joints_J3 is not None
    assert reference.visibility_J is not None
    rows, columns = reference.canvas_hw
    points_C2 = chain_points(chain, reference.joints_J3)[:, :2]
    is_inside_C = (points_C2 >= 0).all(1) & (points_C2 < [columns, rows]).all(1)
    if not is_inside_C[:2].all() or not is_seen(reference.visibility_J, chain.joints[:2]):
        return _NOT_SHOWN
    # A hand that the picture's rim cuts would be torn off there.
    tip_2 = outline_points(chain, reference.joints_J3)[3]
    is_whole = chain not in ARMS or bool((tip_2 >= 0).all() and (tip_2 < [columns, rows]).all())
    is_seen_whole = is_whole and is_seen(reference.visibility_J, chain.joints)
    if not is_inside_C[2:].all() or not is_seen_whole:
        end = "hand" if chain in ARMS else "foot"
        return f"its {end} is not in the picture"
    lengths = np.linalg.norm(np.diff(points_C2, axis=0), axis=1)
    if lengths[:2].min() < _MIN_BONE_UNITS * unit:
        return "it points at the camera"
    covered = []
    for start, end_ in ((0, 1), (1, 2)):
        along = np.linspace(0, 1, 16)[:, None]
        points = points_C2[start] + along * (points_C2[end_] - points_C2[start])
        x, y = points.round().astype(int).T
        covered.append(float((alpha_HW[y.clip(0, rows - 1), x.clip(0, columns - 1)] > 127).mean()))
    if min(covered) < _MIN_COVERED:
        return "its outline was not found"
    return None


def _is_folded(arm: Chain, other: Chain, reference: ReferenceGeometry, unit: float) -> bool:
    """True where the arm's hand lies on the other arm's forearm or hand."""
    assert reference.joints_J3 is not None
    assert reference.visibility_J is not None
    if not is_seen(reference.visibility_J, arm.joints + other.joints[1:]):
        return False
    hand_2 = outline_points(arm, reference.joints_J3)[2:]
    lower_2 = outline_points(other, reference.joints_J3)[1:]
    along_P1 = np.linspace(0, 1, 24)[:, None]
    hand_P2 = hand_2[0] + along_P1 * (hand_2[1] - hand_2[0])
    for start_2, end_2 in zip(lower_2[:-1], lower_2[1:], strict=True):
        bone_P2 = start_2 + along_P1 * (end_2 - start_2)
        apart = np.linalg.norm(hand_P2[:, None] - bone_P2[None], axis=2).min()
        if apart < _FOLDED_UNITS * unit:
            return True
    return False


def _is_skirt(reference: ReferenceGeometry, alpha_HW: ByteArray, unit: float) -> bool:
    """True where what shows at the knees is much wider than two knees, in one piece."""
    assert reference.joints_J3 is not None
    rows, columns = reference.canvas_hw
    knees = reference.joints_J3[[25, 26], :2]
    row = round(float(knees[:, 1].mean()))
    if not 0 <= row < rows:
        return False
    left, right = sorted(int(np.clip(x, 0, columns - 1)) for x in knees[:, 0])
    covered = alpha_HW[row] > 127
    if right - left < 4 or not covered[left : right + 1].all():
        return False
    gaps = np.flatnonzero(~covered)
    start = int(gaps[gaps < left].max(initial=-1)) + 1
    stop = int(gaps[gaps > right].min(initial=columns))
    expected = (right - left) + 2.0 * LEGS[0].radii_C[1] * unit
    is_wide = stop - start > _SKIRT_WIDTHS * expected
    # Legs apart with cloth between them.
    return is_wide or right - left > 3.0 * LEGS[0].radii_C[1] * unit
