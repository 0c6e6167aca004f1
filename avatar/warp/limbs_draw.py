"""Limbs drawn at a motion, over the trunk or behind it.

Knows separated limbs and one motion; does not know how they were separated.

Legend: V vertices of a limb; H, W canvas pixels; 2, 3 canvas pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avatar.frames import ByteArray, FloatArray, ReferenceGeometry, RetargetedMotion
from avatar.warp.limbs import LimbRig
from avatar.warp.limbs_mesh import place_limb
from avatar.warp.raster import RasterTarget, rasterise, sample_over
from avatar.warp.skeleton import ARMS, limb_pose
from avatar.warp.torso import torso_displacement

_PROBE_PX = 4.0
_BEHIND_UNITS = 0.75
"""An arm is drawn behind the trunk where its hand is this many of its lengths behind the root."""


@dataclass(frozen=True, slots=True)
class PlacedLimb:
    """A limb where a motion puts it."""

    rig: LimbRig
    position_V3: FloatArray
    is_behind: bool


def place_limbs(
    limbs: tuple[LimbRig, ...], reference: ReferenceGeometry, motion: RetargetedMotion
) -> list[PlacedLimb]:
    """Every limb at a motion, in drawing order."""
    return [_place(limb, reference, motion) for limb in limbs]


def _place(limb: LimbRig, reference: ReferenceGeometry, motion: RetargetedMotion) -> PlacedLimb:
    mesh = limb.mesh
    root_2 = mesh.points_C2[0]
    # What the trunk does at the root, and how far it turns there.
    probe_2 = root_2 + np.array([0.0, _PROBE_PX], np.float32)
    rest_P2 = np.concatenate([mesh.rest_V2, root_2[None], probe_2[None]])
    moved_P2 = rest_P2 + torso_displacement(rest_P2, reference, motion)
    now_root_2, now_probe_2 = moved_P2[-2], moved_P2[-1]
    down_2 = now_probe_2 - now_root_2
    turn = float(np.arctan2(-down_2[0], down_2[1]))
    pose = limb_pose(limb.chain, reference, motion, turn)
    position_V3 = place_limb(mesh, pose, moved_P2[:-2], now_root_2, turn)
    length = float(np.abs(np.diff(mesh.points_C2[:3], axis=0)).sum())
    is_behind = limb.chain in ARMS and pose.depth > _BEHIND_UNITS * length
    return PlacedLimb(limb, position_V3, is_behind)


def draw_limb(
    placed: PlacedLimb, target: RasterTarget, rgb_HW3: ByteArray, alpha_HW: ByteArray
) -> None:
    """Composite a limb into a picture and its coverage."""
    mesh, texture = placed.rig.mesh, placed.rig.texture_hw4
    texture_V2 = mesh.rest_V2 - np.array(placed.rig.origin_2, np.float32)
    for triangle_T3 in (mesh.triangle_T3[: mesh.num_upper], mesh.triangle_T3[mesh.num_upper :]):
        if not len(triangle_T3):
            continue
        points_V2 = placed.position_V3[triangle_T3.ravel(), :2]
        window = target.window(points_V2)
        if window is None:
            continue
        left, top, part = window
        rasterise(
            placed.position_V3 - np.array([left, top, 0], np.float32),
            texture_V2,
            triangle_T3,
            np.ones(len(triangle_T3), np.uint8),
            part.map_HW2,
            part.depth_HW,
            part.label_HW,
        )
        sample_over(texture, part.map_HW2, part.label_HW, rgb_HW3, alpha_HW, left, top)
