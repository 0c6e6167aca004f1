"""A limb's mesh: a grid that bends at its joints like a sleeve, rigid in between.

Vertices near a joint turn by a share of its angle around the joint itself, so that the outline
keeps its width at every bend (blending positions linearly would pinch it). Where the limb grows out
of the trunk its vertices move with the trunk exactly: no seam. Knows one limb's points and pose;
does not know colours.

Legend: V vertices; T triangles; P parts; C the four points of a limb; B its three bones; H, W
canvas pixels; 2, 3 components.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar.frames import ByteArray, FloatArray
from avatar.warp.polygon import smoothstep
from avatar.warp.skeleton import LimbPose

IntArray = NDArray[np.int32]
PART_BONES = ((0,), (1, 2))
"""Bones of a limb's parts; the later one is drawn over the earlier."""
_CELLS_PER_RADIUS = 1.6
_MIN_CELL_PX = 5.0
_ROOT_BEND = (-0.7, 0.9)
"""Where the limb's root bends, in its radii along the limb."""
_JOINT_BEND = 0.75
"""Half length of a bend at the other joints, in the joint's radii."""
_HINGE = 0.35
_SOFT_BEND = (0.4, 1.1)
"""Turns of the middle joint, radians, between which it goes from bending to hinging."""
_JOINT_REACH = (0.9, 1.8)
"""Distances from a joint, in its radii, between which its bend ends at the latest."""


@dataclass(frozen=True, slots=True)
class LimbMesh:
    """A limb at rest, and which joint each vertex turns about."""

    rest_V2: FloatArray
    part_T3: tuple[IntArray, ...]
    """Triangles of the upper part (upper bone) and of the lower one (the others), which share no
    vertex: where the picture shows them side by side, they must come apart."""
    joint_V: NDArray[np.int64]
    """0 root, 1 middle, 2 end."""
    weight_V: FloatArray
    """Share of the joint's turn: 0 moves with the part before the joint, 1 with the one after."""
    rigid_weight_V: FloatArray
    """The same where the parts do not bend into each other but turn as they are."""
    points_C2: FloatArray
    direction_B2: FloatArray
    """Unit vectors along the bones at rest."""


def build_limb_mesh(
    coverage_PHW: Sequence[ByteArray],
    points_C2: FloatArray,
    radii_C: FloatArray,
    inward_2: FloatArray,
) -> LimbMesh:
    """Grids over the pixels (`coverage_PHW` > 0) of a limb's upper and lower part.

    `points_C2` are root, middle, end and tip; `inward_2` the direction of the body's bone that ends
    at the root.
    """
    assert len(coverage_PHW) == len(PART_BONES)
    bones_B2 = np.diff(points_C2, axis=0)
    direction_B2 = bones_B2 / np.maximum(np.linalg.norm(bones_B2, axis=1, keepdims=True), 1e-6)
    cell = max(float(radii_C[1]) / _CELLS_PER_RADIUS, _MIN_CELL_PX)
    rests, parts, joints, weights, rigids = [], [], [], [], []
    num_vertices = 0
    for coverage_HW, bones in zip(coverage_PHW, PART_BONES, strict=True):
        rest_V2, quads = _grid(coverage_HW, cell)
        joint_V, weight_V = _weights(rest_V2, points_C2, direction_B2, radii_C, inward_2, bones)
        a, b, c, d = quads.T + num_vertices
        triangles = np.concatenate([np.stack([a, b, c], 1), np.stack([b, d, c], 1)])
        rests.append(rest_V2)
        parts.append(np.ascontiguousarray(triangles.astype(np.int32)))
        joints.append(joint_V)
        weights.append(weight_V)
        rigids.append(np.where(joint_V == 1, np.float32(bones[0] > 0), weight_V))
        num_vertices += len(rest_V2)
    return LimbMesh(
        rest_V2=np.concatenate(rests),
        part_T3=tuple(parts),
        joint_V=np.concatenate(joints),
        weight_V=np.concatenate(weights),
        rigid_weight_V=np.concatenate(rigids).astype(np.float32),
        points_C2=points_C2.astype(np.float32),
        direction_B2=direction_B2.astype(np.float32),
    )


def place_limb(
    mesh: LimbMesh, pose: LimbPose, with_trunk_V2: FloatArray, root_2: FloatArray, turn: float
) -> FloatArray:
    """Vertices (V, 3) of a posed limb; depth lets the hand pass in front of its own arm.

    `with_trunk_V2` is where the trunk alone would take the vertices, `root_2` where it takes the
    root, `turn` by how much it turns there (radians).
    """
    before_B = np.concatenate([[turn], pose.turn_B[:-1]])
    length_before_B = np.concatenate([[1.0], pose.length_B[:-1]])
    # Where the joints are now: each bone hangs on the one before.
    now_B2 = np.empty((3, 2), np.float32)
    now_B2[0] = root_2
    rest_bones_B2 = np.diff(mesh.points_C2, axis=0)
    for bone in range(2):
        turned = _turned(rest_bones_B2[bone], float(pose.turn_B[bone]))
        now_B2[bone + 1] = now_B2[bone] + pose.length_B[bone] * turned

    joint_V = mesh.joint_V
    # Bent far, a sleeve would fold into itself: there its two parts turn over each other instead.
    bend = abs(float(pose.turn_B[1] - pose.turn_B[0]))
    soft = 1.0 - min(max((bend - _SOFT_BEND[0]) / (_SOFT_BEND[1] - _SOFT_BEND[0]), 0.0), 1.0)
    weight_V = mesh.rigid_weight_V + soft * (mesh.weight_V - mesh.rigid_weight_V)
    offset_V2 = mesh.rest_V2 - mesh.points_C2[joint_V]
    # Shorter or longer along the bones, never across: a limb that points at us keeps its width.
    after_V2 = _stretched(offset_V2, mesh.direction_B2[joint_V], pose.length_B[joint_V])
    bone_before_V = np.maximum(joint_V - 1, 0)
    stretch_before_V = np.where(joint_V == 0, 1.0, length_before_B[joint_V])
    before_V2 = _stretched(offset_V2, mesh.direction_B2[bone_before_V], stretch_before_V)
    shape_V2 = before_V2 + weight_V[:, None] * (after_V2 - before_V2)
    angle_V = before_B[joint_V] + weight_V * (pose.turn_B[joint_V] - before_B[joint_V])
    cos_V, sin_V = np.cos(angle_V), np.sin(angle_V)
    placed_V2 = now_B2[joint_V]
    placed_V2[:, 0] += cos_V * shape_V2[:, 0] - sin_V * shape_V2[:, 1]
    placed_V2[:, 1] += sin_V * shape_V2[:, 0] + cos_V * shape_V2[:, 1]
    # The trunk is not rigid: what it does beyond a turn at the root fades out along the limb.
    is_root_V = joint_V == 0
    offset_R2 = offset_V2[is_root_V]
    cos, sin = np.cos(turn), np.sin(turn)
    rigid_R2 = offset_R2 @ np.array([[cos, sin], [-sin, cos]], np.float32) + root_2
    placed_V2[is_root_V] += (1.0 - weight_V[is_root_V])[:, None] * (
        with_trunk_V2[is_root_V] - rigid_R2
    )
    return np.column_stack([placed_V2, -(joint_V + weight_V)]).astype(np.float32)


def _turned(vector_2: FloatArray, angle: float) -> FloatArray:
    x, y = vector_2
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([cos * x - sin * y, sin * x + cos * y], np.float32)


def _stretched(offset_V2: FloatArray, direction_V2: FloatArray, length_V: FloatArray) -> FloatArray:
    along_V = np.einsum("vi,vi->v", offset_V2, direction_V2)
    return np.asarray(offset_V2 + ((length_V - 1.0) * along_V)[:, None] * direction_V2, np.float32)


def _grid(coverage_HW: ByteArray, cell: float) -> tuple[FloatArray, IntArray]:
    """Vertices of the grid's cells that hold coverage, and the four corners of each cell."""
    rows, columns = np.nonzero(coverage_HW)
    left, top = float(columns.min()) - 1.5, float(rows.min()) - 1.5
    num_x = int(np.ceil((columns.max() + 1.5 - left) / cell))
    num_y = int(np.ceil((rows.max() + 1.5 - top) / cell))
    # Bilinear sampling reaches one pixel further than the coverage.
    grown = cv2.dilate(coverage_HW, np.ones((3, 3), np.uint8))
    rows, columns = np.nonzero(grown)
    cell_x = np.clip(((columns - left) / cell).astype(int), 0, num_x - 1)
    cell_y = np.clip(((rows - top) / cell).astype(int), 0, num_y - 1)
    cells = np.unique(cell_y * num_x + cell_x)
    y, x = np.divmod(cells, num_x)
    corner = y * (num_x + 1) + x
    quads = np.stack([corner, corner + 1, corner + num_x + 1, corner + num_x + 2], 1)
    used, renumbered = np.unique(quads, return_inverse=True)
    vy, vx = np.divmod(used, num_x + 1)
    rest_V2 = np.stack([left + vx * cell, top + vy * cell], 1).astype(np.float32)
    return rest_V2, renumbered.reshape(quads.shape).astype(np.int32)


def _weights(
    rest_V2: FloatArray,
    points_C2: FloatArray,
    direction_B2: FloatArray,
    radii_C: FloatArray,
    inward_2: FloatArray,
    bones: tuple[int, ...],
) -> tuple[NDArray[np.int64], FloatArray]:
    """For every vertex of a part made of some bones the joint it turns about, and its share."""
    incoming = [inward_2, direction_B2[0], direction_B2[1]]
    # A vertex lies along one bone and turns about an end of it: a bent limb's hand is near the
    # shoulder without being part of it.
    bone_V = nearest_bone(rest_V2, points_C2, bones)
    share_VJ = np.empty((len(rest_V2), 3), np.float32)
    for joint in range(3):
        into, out = incoming[joint], direction_B2[joint]
        middle = into + out
        size = float(np.linalg.norm(middle))
        # The bend lies across the line that halves it; a limb folded back has no such line.
        axis = middle / size if size > 0.35 else out
        along_V = (rest_V2 - points_C2[joint]) @ axis
        radius = float(radii_C[joint])
        low, high = _ROOT_BEND if joint == 0 else (-_JOINT_BEND, _JOINT_BEND)
        if joint > 0:
            # Parts that the picture shows folded onto each other unfold about a small hinge.
            radius *= max(size / 2, _HINGE)
        share_VJ[:, joint] = smoothstep(low * radius, high * radius, along_V)
        if joint > 0:
            # Where a bent limb lies beside itself the line runs far: joints act nearby only.
            away_V = np.linalg.norm(rest_V2 - points_C2[joint], axis=1) / radius
            side_V = (bone_V >= joint).astype(np.float32)
            local_V = 1.0 - smoothstep(*_JOINT_REACH, away_V)
            share_VJ[:, joint] = side_V + local_V * (share_VJ[:, joint] - side_V)
    vertices = np.arange(len(rest_V2))
    next_V = np.minimum(bone_V + 1, 2)
    is_at_start_V = (share_VJ[vertices, bone_V] < 1) | (share_VJ[vertices, next_V] == 0)
    joint_V = np.where(is_at_start_V, bone_V, next_V)
    return joint_V, share_VJ[vertices, joint_V]


def nearest_bone(
    rest_V2: FloatArray, points_C2: FloatArray, bones: tuple[int, ...]
) -> NDArray[np.int64]:
    """Which of some bones of a limb each point is nearest to."""
    distances = []
    for bone in bones:
        start_2, end_2 = points_C2[bone], points_C2[bone + 1]
        bone_2 = end_2 - start_2
        along_V = (rest_V2 - start_2) @ bone_2 / max(float(bone_2 @ bone_2), 1e-6)
        foot_V2 = start_2 + np.clip(along_V, 0.0, 1.0)[:, None] * bone_2
        distances.append(np.linalg.norm(rest_V2 - foot_V2, axis=1))
    return np.asarray(bones, np.int64)[np.argmin(distances, axis=0)]
