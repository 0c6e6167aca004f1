"""Everything the warp computes once per character.

Knows a framed reference (picture, matte, geometry); does not know motion. Frozen and picklable: it
is built where the character is opened and used where it is animated.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from avatar.frames import ByteArray, FloatArray, ReferenceGeometry
from avatar.motion.topology import FACE_OVAL
from avatar.warp.eyes import EyeRig, build_eyes
from avatar.warp.lids import LidRig, build_lids
from avatar.warp.limbs import take_apart
from avatar.warp.limbs_layers import LimbRig
from avatar.warp.mesh import Label, ReferenceMesh, build_mesh
from avatar.warp.mouth import MouthRig, build_mouth
from avatar.warp.plate import StillBackground, still_background
from avatar.warp.twin import Twin, build_twin

LEAST_WHITE = 170.0
"""Brightest channel of what passes for white."""


@dataclass(frozen=True, slots=True)
class WarpRig:
    """A reference ready to be warped."""

    reference: ReferenceGeometry
    texture_HW4: ByteArray
    """The person without the limbs, straight alpha, with plain eyeballs."""
    mesh: ReferenceMesh
    twin: Twin | None
    """What stands in for the far half of a head that is turned aside; None for a frontal one."""
    eyes: tuple[EyeRig, ...]
    lids: tuple[LidRig, ...]
    mouth: MouthRig
    limbs: tuple[LimbRig, ...]
    """In drawing order; empty for portraits."""
    notes: tuple[str, ...]
    """Sentences for the user about what cannot move, and why."""
    still: StillBackground | None = None
    """The picture's own background; None where what lies behind the person is known anyway."""


def build_rig(
    reference: ReferenceGeometry,
    rgb_HW3: ByteArray,
    alpha_HW: ByteArray,
    picture_HW3: ByteArray | None = None,
) -> WarpRig:
    """Precompute the warp of a reference.

    `rgb_HW3` holds the person's colours (continued beyond the matte), `alpha_HW` the matte, both of
    the size `reference.canvas_hw`. `picture_HW3`, the picture as it is, is wanted where the
    background behind the person is a guess: the rest of it is then left alone.
    """
    assert rgb_HW3.shape[:2] == reference.canvas_hw
    assert alpha_HW.shape == reference.canvas_hw
    plain_HW3, eyes, white_3 = build_eyes(rgb_HW3, reference)
    from_skin_3 = _white_from_skin(rgb_HW3, reference)
    if white_3 is None:
        white_3 = from_skin_3
    # The white of an eye lies in its lids' shade; in a small face it is mostly lashes.
    white_3 = np.maximum(white_3, 0.92 * from_skin_3)
    # Where neither tells (flat drawings of dark skin), teeth are still the lightest thing there is.
    white_3 = white_3 * max(1.0, LEAST_WHITE / float(white_3.max()))
    body = take_apart(reference, plain_HW3, alpha_HW)
    mesh = build_mesh(reference)
    twin = build_twin(mesh, reference, body.trunk_HW4)
    if twin is not None:
        twin = replace(twin, mesh=_without_empty_triangles(twin.mesh, twin.texture_HW4[..., 3]))
    return WarpRig(
        reference=reference,
        texture_HW4=body.trunk_HW4,
        mesh=_without_empty_triangles(mesh, body.trunk_HW4[..., 3]),
        twin=twin,
        eyes=eyes,
        lids=build_lids(rgb_HW3, reference),
        mouth=build_mouth(rgb_HW3, reference, white_3),
        limbs=body.limbs,
        notes=body.notes,
        still=None if picture_HW3 is None else still_background(picture_HW3, rgb_HW3, alpha_HW),
    )


def _without_empty_triangles(mesh: ReferenceMesh, alpha_HW: ByteArray) -> ReferenceMesh:
    """Drop surround triangles that carry nothing of the person: half the cost of a frame."""
    height, width = alpha_HW.shape
    margin = int(np.ceil(-min(float(mesh.texture_X2.min()), -1.0))) + 1
    # Sampling reflects at the rim, so a triangle beyond it shows what lies before it.
    around = cv2.copyMakeBorder(alpha_HW, margin, margin, margin, margin, cv2.BORDER_REFLECT_101)
    corner_T32 = mesh.texture_X2[mesh.triangle_T3] + margin
    limit = np.array([width - 1, height - 1]) + 2 * margin
    low_T2 = np.clip(np.floor(corner_T32.min(1)), 0, limit).astype(int)
    high_T2 = np.clip(np.ceil(corner_T32.max(1)), 0, limit).astype(int) + 1
    is_kept = mesh.label_T != Label.SURROUND
    for t in np.flatnonzero(~is_kept):
        (left, top), (right, bottom) = low_T2[t], high_T2[t]
        is_kept[t] = around[top:bottom, left:right].any()
    return replace(mesh, triangle_T3=mesh.triangle_T3[is_kept], label_T=mesh.label_T[is_kept])


def _white_from_skin(rgb_HW3: ByteArray, reference: ReferenceGeometry) -> FloatArray:
    """A guess at white where the eyes show none: the face's brightest tone, mostly desaturated."""
    height, width = reference.canvas_hw
    oval = np.rint(reference.landmarks_N3[FACE_OVAL, :2]).astype(int)
    left, top = np.clip(oval.min(0), 0, [width - 2, height - 2])
    right, bottom = np.clip(oval.max(0), [left + 1, top + 1], [width, height])
    bright = np.percentile(rgb_HW3[top:bottom, left:right].reshape(-1, 3), 90, axis=0)
    return (0.7 * bright.max() + 0.3 * bright).astype(np.float32)
