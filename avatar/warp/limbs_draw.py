"""Limbs drawn at a motion, over the trunk or behind it.

Knows separated limbs and one motion; does not know how they were separated.

Legend: L limbs; V vertices; H, W canvas pixels; 2, 3 canvas pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avatar.frames import ByteArray, FloatArray, ReferenceGeometry, RetargetedMotion
from avatar.warp.limbs_layers import LimbRig
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
    if not limbs:
        return []
    # What the trunk does at every vertex, at every root, and beside it: how far it turns there.
    roots_L2 = np.stack([limb.mesh.points_C2[0] for limb in limbs])
    probes_L2 = roots_L2 + np.array([0.0, _PROBE_PX], np.float32)
    rest_V2 = np.concatenate([limb.mesh.rest_V2 for limb in limbs] + [roots_L2, probes_L2])
    moved_V2 = rest_V2 + torso_displacement(rest_V2, reference, motion)
    num_limbs = len(limbs)
    placed, start = [], 0
    for index, limb in enumerate(limbs):
        root_2, probe_2 = moved_V2[index - 2 * num_limbs], moved_V2[index - num_limbs]
        down_2 = probe_2 - root_2
        turn = float(np.arctan2(-down_2[0], down_2[1]))
        pose = limb_pose(limb.chain, reference, motion, turn)
        stop = start + len(limb.mesh.rest_V2)
        position_V3 = place_limb(limb.mesh, pose, moved_V2[start:stop], root_2, turn)
        start = stop
        length = float(np.abs(np.diff(limb.mesh.points_C2[:3], axis=0)).sum())
        is_behind = limb.chain in ARMS and pose.depth > _BEHIND_UNITS * length
        placed.append(PlacedLimb(limb, position_V3, is_behind))
    return placed


def draw_limb(
    placed: PlacedLimb, target: RasterTarget, rgb_HW3: ByteArray, alpha_HW: ByteArray
) -> None:
    """Composite a limb into a picture and its coverage."""
    mesh = placed.rig.mesh
    for triangle_T3, part in zip(mesh.part_T3, placed.rig.parts, strict=True):
        corners_V3 = placed.position_V3[triangle_T3.min() : triangle_T3.max() + 1]
        window = target.window(corners_V3[:, :2])
        if window is None:
            continue
        left, top, view = window
        rasterise(
            placed.position_V3 - np.array([left, top, 0], np.float32),
            mesh.rest_V2 - np.array(part.origin_2, np.float32),
            triangle_T3,
            np.ones(len(triangle_T3), np.uint8),
            view.map_HW2,
            view.depth_HW,
            view.label_HW,
        )
        sample_over(part.texture_hw4, view.map_HW2, view.label_HW, rgb_HW3, alpha_HW, left, top)
