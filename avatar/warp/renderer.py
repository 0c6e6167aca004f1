"""The classical renderer: a rigged reference drawn at a motion by warping its landmark mesh.

Knows one frame at a time; does not know time, sessions or cameras. Everything uncovered behind the
moving person is the background plate, which keeps still (`plate`).

Legend: X drawn vertices, G surround vertices, H, W canvas pixels.
"""

from __future__ import annotations

import numpy as np

from avatar.frames import ByteArray, FloatArray, ReferenceGeometry, RetargetedMotion
from avatar.motion.topology import FACE_OVAL
from avatar.warp.eyes import draw_eyes
from avatar.warp.lids import draw_lids
from avatar.warp.limbs_draw import draw_limb, place_limbs
from avatar.warp.mesh import BORDER, NUM_FACE_VERTICES, ReferenceMesh
from avatar.warp.mouth import draw_mouth
from avatar.warp.plate import Plate
from avatar.warp.raster import OPAQUE_HW, RasterTarget, extended, rasterise, sample_over
from avatar.warp.rig import WarpRig
from avatar.warp.torso import torso_displacement

_CROWN_IOD = 1.5
"""Radius of a head's top with its hair, inter-ocular distances."""


class WarpRenderer:
    """Draws one character; keeps buffers between frames, no state."""

    def __init__(self, rig: WarpRig, background_HW3: ByteArray) -> None:
        assert background_HW3.shape == (*rig.reference.canvas_hw, 3)
        self._rig = rig
        self._plate = Plate(background_HW3, rig.still)
        self._target = RasterTarget.of_size(*rig.reference.canvas_hw)
        self._sampled_HW4 = np.empty((*rig.reference.canvas_hw, 4), np.uint8)
        self._opacity_HW = np.zeros(rig.reference.canvas_hw, np.float32)
        # Beyond its rim the mesh samples what the picture's rim cuts off.
        self._margin_px = round(BORDER * max(rig.reference.canvas_hw)) + 1
        crown_px = _CROWN_IOD * rig.reference.scale
        self._texture_HW4 = extended(rig.texture_HW4, self._margin_px, crown_px)
        if rig.twin is not None:
            self._twin_texture_HW4 = extended(rig.twin.texture_HW4, self._margin_px, crown_px)

    def render(self, motion: RetargetedMotion) -> tuple[ByteArray, ByteArray]:
        """Return the picture (H, W, 3) and the character's coverage (H, W) at a motion."""
        rig, target = self._rig, self._target
        rgb_HW3 = self._plate.rest_HW3.copy()
        alpha_HW = np.zeros(rgb_HW3.shape[:2], np.uint8)
        limbs = place_limbs(rig.limbs, rig.reference, motion)
        for limb in limbs:
            if limb.is_behind:
                draw_limb(limb, target, rgb_HW3, alpha_HW)
        opacities = None if rig.twin is None else rig.twin.opacities(motion.rotation_33)
        if rig.twin is None or opacities is None:
            self._draw(rig.mesh, self._texture_HW4, None, motion, rgb_HW3, alpha_HW)
        else:
            twin_V, own_V = opacities
            self._draw(rig.twin.mesh, self._twin_texture_HW4, twin_V, motion, rgb_HW3, alpha_HW)
            self._draw(rig.mesh, self._texture_HW4, own_V, motion, rgb_HW3, alpha_HW)
        draw_eyes(rgb_HW3, target.label_HW, rig.eyes, rig.reference, motion)
        draw_lids(rgb_HW3, rig.lids, motion)
        draw_mouth(rgb_HW3, target.label_HW, rig.mouth, motion)
        for limb in limbs:
            if not limb.is_behind:
                draw_limb(limb, target, rgb_HW3, alpha_HW)
        self._plate.uncover(rgb_HW3, alpha_HW)
        return rgb_HW3, alpha_HW

    def _draw(
        self,
        mesh: ReferenceMesh,
        texture_HW4: ByteArray,
        opacity_V: FloatArray | None,
        motion: RetargetedMotion,
        rgb_HW3: ByteArray,
        alpha_HW: ByteArray,
    ) -> None:
        """Composite a mesh of head and trunk; labels and depths are left in the target."""
        opacities = () if opacity_V is None else (opacity_V, self._opacity_HW)
        target = self._target
        target.clear()
        rasterise(
            place_mesh(mesh, self._rig.reference, motion),
            mesh.texture_X2 + np.float32(self._margin_px),
            mesh.triangle_T3,
            mesh.label_T,
            target.map_HW2,
            target.depth_HW,
            target.label_HW,
            *opacities,
        )
        sample_over(
            texture_HW4,
            target.map_HW2,
            target.label_HW,
            rgb_HW3,
            alpha_HW,
            opacity_HW=OPAQUE_HW if opacity_V is None else self._opacity_HW,
            scratch_HW4=self._sampled_HW4,
        )


def place_vertices(rig: WarpRig, motion: RetargetedMotion) -> FloatArray:
    """Where every vertex of the rig's mesh is at a motion: (X, 3) canvas pixels and depth."""
    return place_mesh(rig.mesh, rig.reference, motion)


def place_mesh(
    mesh: ReferenceMesh, reference: ReferenceGeometry, motion: RetargetedMotion
) -> FloatArray:
    """Where every vertex of a mesh of the reference is at a motion: (X, 3), as above."""
    expression_O3 = motion.shape_N3[FACE_OVAL] - reference.shape_N3[FACE_OVAL]
    shape_G3 = mesh.head_shape_G3 + mesh.oval_weight_GO @ expression_O3
    head_G3 = motion.scale * shape_G3 @ motion.rotation_33.T
    head_G3[:, :2] += motion.translation_2
    rest_G3 = mesh.position_V3[NUM_FACE_VERTICES:]
    body_G3 = rest_G3.copy()
    body_G3[:, :2] += torso_displacement(rest_G3[:, :2], reference, motion)
    weight_G1 = mesh.head_weight_G[:, None]
    surround_G3 = weight_G1 * head_G3 + (1.0 - weight_G1) * body_G3
    face_N3 = motion.landmarks_N3[:NUM_FACE_VERTICES]
    return np.concatenate([face_N3, surround_G3]).astype(np.float32)
