"""A body taken apart once per character: trunk and head on one layer, each movable limb on its own.

Knows a reference's pixels, matte and joints; does not know motion (see `limbs_draw`). Where the
picture does not show a limb well enough to move it, it stays part of the trunk, and a note says so.

Legend: H, W canvas pixels; L limbs; C points of a limb; 2, 3, 4 components.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avatar.frames import ByteArray, ReferenceGeometry
from avatar.warp.limbs_fitness import unmovable
from avatar.warp.limbs_hands import find_hand, not_of_hand
from avatar.warp.limbs_layers import LimbRig, lift_limb, on_bones, trunk_layer
from avatar.warp.limbs_partition import partition, with_islands
from avatar.warp.skeleton import (
    ARMS,
    CHAINS,
    HIPS,
    SHOULDERS,
    body_unit,
    chain_points,
    is_plausible,
)
from avatar.warp.skeleton_mask import (
    centred_points,
    head_mask,
    limb_distance,
    limb_radii,
    outline_points,
    polygon_mask,
    trunk_polygon,
)

HEAD_SWELL = 1.15
_MIN_UNIT_PX = 24.0
"""Shoulders narrower than this are too small to take apart."""
_HIDDEN = 0.9
"""Distance to its bones within which a limb goes on behind another one."""
_TYPICAL_RADIUS = 0.18
"""Of a limb, in body units."""


@dataclass(frozen=True, slots=True)
class TakenApart:
    """A body's layers."""

    trunk_HW4: ByteArray
    """Head and trunk, filled in where limbs lay in front; straight alpha."""
    limbs: tuple[LimbRig, ...]
    """In drawing order."""
    notes: tuple[str, ...]
    """Sentences for the user about limbs that cannot move, and why."""


def take_apart(reference: ReferenceGeometry, rgb_HW3: ByteArray, alpha_HW: ByteArray) -> TakenApart:
    """Separate the limbs of a reference.

    `rgb_HW3` holds the person's colours (continued beyond the matte), `alpha_HW` the matte. A
    portrait has no limbs to separate, and no note about it.
    """
    whole = np.ascontiguousarray(np.dstack([rgb_HW3, alpha_HW]))
    joints_J3 = reference.joints_J3
    if joints_J3 is None or not is_plausible(reference):
        return TakenApart(whole, (), ())
    unit, canvas_hw = body_unit(joints_J3), reference.canvas_hw
    if unit < _MIN_UNIT_PX:
        return TakenApart(whole, (), ())
    trunk_2 = joints_J3[list(SHOULDERS + HIPS), :2].mean(0)
    to_bone, to_limb = {}, {}
    for chain in CHAINS:
        radii_C = limb_radii(chain, unit)
        points_C2 = chain_points(chain, joints_J3)[:, :2]
        points_C2 = centred_points(points_C2, radii_C, alpha_HW, trunk_2)
        to_bone[chain.name] = limb_distance(points_C2, radii_C, canvas_hw)
        points_C2[3] = outline_points(chain, joints_J3)[3]
        to_limb[chain.name] = limb_distance(points_C2, radii_C, canvas_hw)
    staying, notes = unmovable(reference, alpha_HW, to_bone)
    chains = [chain for chain in CHAINS if chain.name not in staying]
    if not chains:
        return TakenApart(whole, (), notes)
    hands = [
        find_hand(
            rgb_HW3, alpha_HW, outline_points(chain, joints_J3), float(limb_radii(chain, unit)[3])
        )
        if chain in ARMS
        else np.zeros(canvas_hw, bool)
        for chain in chains
    ]
    is_trunk_HW = polygon_mask(trunk_polygon(joints_J3), canvas_hw) > 0
    label_HW = partition(
        rgb_HW3,
        alpha_HW,
        np.stack([to_bone[chain.name] for chain in chains]),
        np.stack([to_limb[chain.name] for chain in chains]),
        np.stack(hands),
        is_trunk_HW,
        head_mask(reference, HEAD_SWELL) > 0,
        _TYPICAL_RADIUS * unit,
    )
    for number, chain in enumerate(chains, start=1):
        is_own_HW = label_HW == number
        if chain in ARMS:
            outline_C2, radius_px = outline_points(chain, joints_J3), limb_radii(chain, unit)[3]
            is_own_HW &= ~not_of_hand(rgb_HW3, alpha_HW, outline_C2, float(radius_px))
        is_own_HW = on_bones(is_own_HW, chain_points(chain, joints_J3)[:, :2])
        label_HW[(label_HW == number) & ~is_own_HW] = 0  # crumbs stay on the trunk
    is_main_HW = is_trunk_HW | (head_mask(reference, HEAD_SWELL) > 0)
    label_HW = with_islands(label_HW, alpha_HW, is_main_HW)
    limbs = []
    for number, chain in enumerate(chains, start=1):
        is_own_HW = label_HW == number
        is_hidden_HW = (label_HW > number) & (to_bone[chain.name] < _HIDDEN)
        limb = lift_limb(chain, reference, rgb_HW3, alpha_HW, is_own_HW, is_hidden_HW)
        if limb is None:
            label_HW[is_own_HW] = 0
        else:
            limbs.append(limb)
    moving = [limb.chain for limb in limbs]
    trunk_HW4 = trunk_layer(reference, rgb_HW3, alpha_HW, label_HW, moving, is_trunk_HW)
    return TakenApart(trunk_HW4, tuple(limbs), notes)
