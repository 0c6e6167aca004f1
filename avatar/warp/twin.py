"""The far half of a head that the reference shows turned aside, borrowed from its near half.

A reference in three-quarter view shows one cheek, ear and half of the hair well, and a sliver of
the other. When the head turns back, that sliver would be drawn out into a second profile. So the
near half of the mesh is mirrored to the far side as a layer of its own (the twin), lit like the far
side as far as the picture tells, and the reference gives way to it there.

Knows one reference at rest and how far a head has turned from it; does not draw.

Legend: V vertices of the mesh (face, then G surround), T triangles, N face landmarks, H, W canvas
pixels, h, w a coarse grid over them, 2 and 3 coordinates, 3 colours, 4 with alpha.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from avatar.frames import ByteArray, FloatArray, ReferenceGeometry
from avatar.motion.geometry import place_head
from avatar.motion.rotation import yaw_pitch_roll
from avatar.motion.topology import CHIN, FACE_OVAL, canonical_face, mirror_map, neighbours
from avatar.warp.mesh import NUM_FACE_VERTICES, Label, ReferenceMesh
from avatar.warp.polygon import smoothstep
from avatar.warp.raster import RasterTarget, rasterise

LEAST_YAW_RAD = 0.12
"""A reference turned less than this shows both sides equally well."""
SHOWN_FACING = (0.18, 0.45)
"""Cosine between skin and camera below which its pixels are useless, above which good."""
FACE_TURN_RAD = (0.02, 0.10)
RIM_TURN_RAD = (0.12, 0.26)
"""Turns back towards the camera over which face and rim (hair, ear, jaw line) go to the twin."""
CHEEK_3 = np.array([0.88, 0.12, -0.46], np.float32)
"""Outward direction of cheek and jaw on a far side at positive x."""
RIM_FROM_IOD = (0.05, 0.45)
"""Distance from the head's middle, towards the far side, over which hair becomes the twin's."""
RIM_HEAD_WEIGHT = (0.6, 0.9)
BELOW_CHIN_IOD = (0.0, 0.3)
"""What follows the head less (shoulders) or lies lower (neck, collar) is nobody's mirror image."""
_BEYOND_MIDDLE_IOD = 0.2
_OCCLUDED_IOD = 0.06
_GAIN_LIMITS = (0.55, 1.5)
_GAIN_CELL_PX = 16


@dataclass(frozen=True, slots=True)
class Twin:
    """The near half of a reference, mirrored to the far side."""

    mesh: ReferenceMesh
    """Vertices numbered as the reference's; those of the far half are placed by the near half."""
    texture_HW4: ByteArray
    """The reference, lit so that its near half looks as the far half would."""
    far_share_V: FloatArray
    """Of the reference's own mesh: 0 keeps its pixels, 1 goes over to the twin."""
    is_rim_V: FloatArray
    """1 on the surround and the face's outline, 0 inside the face."""
    rim_share_V: FloatArray
    """Of the twin's mesh: how much of it may show where the reference ends."""
    cheek_3: FloatArray
    """Outward direction of the far cheek in head space."""
    facing_rad: float
    """How far that direction is turned to the camera in the reference."""

    def opacities(self, rotation_33: FloatArray) -> tuple[FloatArray, FloatArray] | None:
        """Opacity of the twin's vertices and of the reference's at a head rotation.

        None while the far side is turned no further to the camera than in the reference.
        """
        back = np.array(_facing_rad(rotation_33, self.cheek_3) - self.facing_rad, np.float32)
        face, rim = (float(smoothstep(*turn, back)) for turn in (FACE_TURN_RAD, RIM_TURN_RAD))
        if face == 0.0:
            return None
        turned_V = face + (rim - face) * self.is_rim_V
        # First the twin appears underneath, then the reference gives way: nothing shines through.
        twin_V = np.minimum(2.0 * turned_V, 1.0) * self.rim_share_V
        own_V = 1.0 - np.maximum(2.0 * turned_V - 1.0, 0.0) * self.far_share_V
        return twin_V.astype(np.float32), own_V.astype(np.float32)


def build_twin(
    mesh: ReferenceMesh, reference: ReferenceGeometry, texture_HW4: ByteArray
) -> Twin | None:
    """Mirror the near half of a reference; None where it shows both halves."""
    yaw, _, _ = yaw_pitch_roll(reference.rotation_33)
    if abs(yaw) < LEAST_YAW_RAD:
        return None
    side = 1.0 if yaw > 0 else -1.0
    cheek_3 = CHEEK_3 * np.array([side, 1.0, 1.0], np.float32)
    twin_mesh = _mirrored(mesh, reference, side)
    far_V = side * np.concatenate(
        [reference.shape_N3[:NUM_FACE_VERTICES, 0], mesh.head_shape_G3[:, 0]]
    )
    below_chin_G = mesh.head_shape_G3[:, 1] - reference.shape_N3[CHIN, 1]
    follows_G = smoothstep(*RIM_HEAD_WEIGHT, mesh.head_weight_G) * (
        1.0 - smoothstep(*BELOW_CHIN_IOD, below_chin_G)
    )
    seen_N = _seen(mesh, reference)
    far_share_V = np.concatenate(
        [
            _far_share(seen_N, far_V[:NUM_FACE_VERTICES]),
            smoothstep(*RIM_FROM_IOD, far_V[NUM_FACE_VERTICES:]) * follows_G,
        ]
    )
    is_rim_V = np.ones(len(far_V), np.float32)
    is_rim_V[:NUM_FACE_VERTICES] = 0.0
    is_rim_V[FACE_OVAL] = 1.0
    return Twin(
        mesh=twin_mesh,
        texture_HW4=_relit(texture_HW4, reference, seen_N, side),
        far_share_V=far_share_V.astype(np.float32),
        is_rim_V=is_rim_V,
        rim_share_V=np.concatenate(
            [np.ones(NUM_FACE_VERTICES, np.float32), follows_G * _is_on_canvas(mesh, reference)]
        ),
        cheek_3=cheek_3,
        facing_rad=_facing_rad(reference.rotation_33, cheek_3),
    )


def _facing_rad(rotation_33: FloatArray, direction_3: FloatArray) -> float:
    """Elevation of a direction of head space over the picture's plane, towards the camera."""
    towards = -float(rotation_33[2] @ direction_3)
    return float(np.arcsin(np.clip(towards, -1.0, 1.0)))


def _is_on_canvas(mesh: ReferenceMesh, reference: ReferenceGeometry) -> FloatArray:
    """1 for surround vertices that sample the picture itself, 0 beyond its rim."""
    texture_G2 = mesh.texture_X2[NUM_FACE_VERTICES:]
    size = np.array(reference.canvas_hw[::-1], np.float32)
    return ((texture_G2 >= 0) & (texture_G2 <= size)).all(1).astype(np.float32)


def _mirrored(mesh: ReferenceMesh, reference: ReferenceGeometry, side: float) -> ReferenceMesh:
    """The near half of a mesh on the far side."""
    mirror = mirror_map()[:NUM_FACE_VERTICES]
    flip = np.array([-1.0, 1.0, 1.0], np.float32)
    place_of = {int(landmark): k for k, landmark in enumerate(FACE_OVAL)}
    partner_O = np.array([place_of[int(mirror[landmark])] for landmark in FACE_OVAL])
    oval_weight_GO = mesh.oval_weight_GO[:, partner_O]
    # Faces are not quite symmetric: near the face the mirrored rim follows the real outline.
    shape_N3 = reference.shape_N3
    outline_O3 = shape_N3[FACE_OVAL] - flip * shape_N3[mirror[FACE_OVAL]]
    head_shape_G3 = (flip * mesh.head_shape_G3 + oval_weight_GO @ outline_O3).astype(np.float32)
    placed_G3 = place_head(
        head_shape_G3, reference.rotation_33, reference.translation_2, reference.scale
    )
    new_index_V = np.concatenate([mirror, np.arange(NUM_FACE_VERTICES, len(mesh.position_V3))])
    near_V = -side * np.concatenate([shape_N3[:NUM_FACE_VERTICES, 0], mesh.head_shape_G3[:, 0]])
    follows_V = np.concatenate([np.ones(NUM_FACE_VERTICES), mesh.head_weight_G])
    is_near_T = (near_V[mesh.triangle_T3] > -_BEYOND_MIDDLE_IOD).all(1)
    is_near_T &= (follows_V[mesh.triangle_T3] > 0.5 * RIM_HEAD_WEIGHT[0]).any(1)
    face_texture_N2 = mesh.texture_X2[:NUM_FACE_VERTICES][mirror]
    return replace(
        mesh,
        position_V3=np.concatenate([mesh.position_V3[:NUM_FACE_VERTICES], placed_G3]),
        texture_X2=np.concatenate([face_texture_N2, mesh.texture_X2[NUM_FACE_VERTICES:]]),
        # Mirroring turns triangles over; they are wound back.
        triangle_T3=new_index_V[mesh.triangle_T3[is_near_T][:, ::-1]].astype(np.int32),
        label_T=np.full(int(is_near_T.sum()), Label.SKIN, np.uint8),
        oval_weight_GO=oval_weight_GO,
        head_shape_G3=head_shape_G3,
    )


def _seen(mesh: ReferenceMesh, reference: ReferenceGeometry) -> FloatArray:
    """0..1 per landmark: how well the reference shows the skin there."""
    face_V3 = mesh.position_V3[:NUM_FACE_VERTICES]
    triangle_T3 = mesh.triangle_T3[(mesh.triangle_T3 < NUM_FACE_VERTICES).all(1)]
    a, b, c = (face_V3[triangle_T3[:, k]] for k in range(3))
    normal_T3 = np.cross(b - a, c - a)
    normal_N3 = np.zeros_like(face_V3)
    for corner in range(3):
        np.add.at(normal_N3, triangle_T3[:, corner], normal_T3)
    facing_N = normal_N3[:, 2] / np.maximum(np.linalg.norm(normal_N3, axis=1), 1e-6)
    seen_N = smoothstep(*SHOWN_FACING, facing_N)
    target = RasterTarget.of_size(*reference.canvas_hw)
    rasterise(
        face_V3,
        mesh.texture_X2,
        triangle_T3,
        np.ones(len(triangle_T3), np.uint8),
        target.map_HW2,
        target.depth_HW,
        target.label_HW,
    )
    rows, columns = reference.canvas_hw
    x, y = np.rint(face_V3[:, :2]).astype(int).T
    is_inside = (x >= 0) & (x < columns) & (y >= 0) & (y < rows)
    depth_N = target.depth_HW[y.clip(0, rows - 1), x.clip(0, columns - 1)]
    seen_N[face_V3[:, 2] > depth_N + _OCCLUDED_IOD * reference.scale] = 0.0
    seen_N[~is_inside] = 0.0
    return seen_N


def _far_share(seen_N: FloatArray, far_N: FloatArray) -> FloatArray:
    """How much of each landmark's skin the twin shows, on the far side, where it is the better."""
    better_N = np.clip(seen_N[mirror_map()[:NUM_FACE_VERTICES]] - seen_N, 0.0, 1.0)
    share_N = better_N * smoothstep(0.0, 0.08, far_N)
    for _ in range(2):  # softly over the mesh, without giving up what nothing is known of
        softened_N = share_N.copy()
        for index, linked in enumerate(neighbours()[:NUM_FACE_VERTICES]):
            linked = linked[linked < NUM_FACE_VERTICES]
            if linked.size:
                softened_N[index] = 0.5 * share_N[index] + 0.5 * share_N[linked].mean()
        share_N = np.maximum(softened_N, share_N) * smoothstep(0.0, 0.04, far_N)
    return share_N.astype(np.float32)


def _relit(
    texture_HW4: ByteArray, reference: ReferenceGeometry, seen_N: FloatArray, side: float
) -> ByteArray:
    """The picture times the light of the far side over that of the near one.

    The ratio is known where both sides show and goes on smoothly from there.
    """
    rows, columns = reference.canvas_hw
    soft_HW3 = cv2.GaussianBlur(texture_HW4[..., :3], (0, 0), 0.07 * reference.scale)
    x, y = np.rint(reference.landmarks_N3[:NUM_FACE_VERTICES, :2]).astype(int).T
    colour_N3 = soft_HW3[y.clip(0, rows - 1), x.clip(0, columns - 1)].astype(np.float32)
    mirror = mirror_map()[:NUM_FACE_VERTICES]
    known_N = np.minimum(seen_N, seen_N[mirror])
    ratio_N3 = np.log((colour_N3 + 8.0) / (colour_N3[mirror] + 8.0))
    place_N3 = canonical_face()[:NUM_FACE_VERTICES]
    distance_NN = np.linalg.norm(place_N3[:, None] - place_N3[None], axis=2)
    # With the distance to the nearest known skin the guess grows vaguer, never wilder.
    is_known = known_N > 0.3
    if is_known.sum() < 20:
        return texture_HW4
    nearest_N1 = distance_NN[:, is_known].min(1)[:, None]
    weight_NN = np.exp(-((distance_NN / (0.18 + 0.6 * nearest_N1)) ** 2)) * (known_N * is_known)
    light_N3 = weight_NN @ ratio_N3 / np.maximum(weight_NN.sum(1, keepdims=True), 1e-6)
    # Landmark n of the far side is drawn with the pixels about its mirror on the near side.
    is_far_N = side * place_N3[:, 0] > -0.05
    at_2 = reference.landmarks_N3[:NUM_FACE_VERTICES, :2][mirror][is_far_N]
    size = (max(2, columns // _GAIN_CELL_PX), max(2, rows // _GAIN_CELL_PX))
    grid_x, grid_y = np.meshgrid(
        (np.arange(size[0]) + 0.5) * columns / size[0], (np.arange(size[1]) + 0.5) * rows / size[1]
    )
    grid_2 = np.stack([grid_x.ravel(), grid_y.ravel()], 1).astype(np.float32)
    apart = np.linalg.norm(grid_2[:, None] - at_2[None], axis=2) / reference.scale
    apart = apart - apart.min(1, keepdims=True)
    share = np.exp(-((apart / 0.2) ** 2))
    gain = np.exp(share @ light_N3[is_far_N] / share.sum(1, keepdims=True))
    gain = np.clip(gain, *_GAIN_LIMITS).astype(np.float32).reshape(size[1], size[0], 3)
    gain_HW3 = cv2.resize(gain, (columns, rows), interpolation=cv2.INTER_CUBIC)
    lit_HW3 = np.clip(texture_HW4[..., :3] * gain_HW3, 0, 255).round().astype(np.uint8)
    return np.ascontiguousarray(np.dstack([lit_HW3, texture_HW4[..., 3]]))
