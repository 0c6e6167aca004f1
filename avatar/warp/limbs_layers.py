"""A body's layers: each limb's own pixels as two parts that turn, and the trunk made whole.

Knows which pixels belong to which limb; does not know how that was found (see `limbs_partition`) or
motion (see `limbs_draw`). What others hide is continued from what shows.

Legend: H, W canvas pixels; h, w pixels of a part's window; C points of a limb; 2, 3, 4 components.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar.frames import ByteArray, FloatArray, ReferenceGeometry
from avatar.warp.fill import push_pull
from avatar.warp.fill_patches import continue_texture
from avatar.warp.limbs_mesh import LimbMesh, build_limb_mesh, nearest_bone
from avatar.warp.polygon import smoothstep
from avatar.warp.skeleton import Chain, body_unit, chain_points
from avatar.warp.skeleton_mask import head_mask, limb_distance, limb_radii

BoolArray = NDArray[np.bool_]
_STUMP = 0.65
"""Radius of what stays of a limb at its root, in the root's radii."""
_CLOSED_UNITS = 0.17
"""Limbs narrower than twice this do not hide an end of the trunk behind them."""
_MIN_PART_PX = 40
_SKIN_LAB = (70.0, 10.0, 12.0)
"""How far skin may be from the face's own (8-bit Lab): light varies, hue does not."""
_MIN_CLOTH = 0.3
"""Of what shows of the trunk: with less than this in clothes it is bare itself."""
_SHARED = 1.4
"""Both parts of a limb hold the disc about the joint between them: radius in the joint's radii."""
_FAINT = 13
"""Matte below which a pixel counts as background."""
_FRINGE_PX = 1.0
"""Pixels beside a cut are mixed of both sides: the limb, drawn on top, takes them."""
_UNDERLAP_PX = 3.0
"""The trunk goes on this far under a limb, so that no seam shows where both are soft."""


@dataclass(frozen=True, slots=True)
class LimbTexture:
    """The pixels of one part of a limb."""

    texture_hw4: ByteArray
    """Straight alpha, with colours continued beyond the part."""
    origin_2: tuple[int, int]
    """Column and row of the first pixel on the canvas."""


@dataclass(frozen=True, slots=True)
class LimbRig:
    """One limb, ready to be moved."""

    chain: Chain
    mesh: LimbMesh
    parts: tuple[LimbTexture, ...]
    """One per part of the mesh."""


def lift_limb(
    chain: Chain,
    reference: ReferenceGeometry,
    rgb_HW3: ByteArray,
    alpha_HW: ByteArray,
    is_own_HW: BoolArray,
    is_hidden_HW: BoolArray,
) -> LimbRig | None:
    """The limb's own layers; None where too little of it shows.

    `is_hidden_HW` is where another limb lies in front of it.
    """
    assert reference.joints_J3 is not None
    unit = body_unit(reference.joints_J3)
    points_C2 = chain_points(chain, reference.joints_J3)[:, :2]
    radii_C = limb_radii(chain, unit)
    is_lower_HW, near_joint_HW, fade_HW = _at_joint(
        reference.canvas_hw, points_C2, float(radii_C[1])
    )
    upper_distance_HW = limb_distance(points_C2[:2], radii_C[:2], reference.canvas_hw)
    # What of a hand lies behind the other limb is anybody's guess: it stays hidden.
    is_hidden_HW = is_hidden_HW & ~_at_tip(reference.canvas_hw, points_C2)
    is_crossed_HW = is_own_HW & is_lower_HW & (upper_distance_HW < 0.8)
    upper = is_own_HW & (~is_lower_HW | near_joint_HW)
    lower = is_own_HW & (is_lower_HW | near_joint_HW)
    if min(upper.sum(), lower.sum()) < _MIN_PART_PX:
        return None
    textures, coverages = [], []
    for is_part_HW, is_under_HW, share_HW in (
        (upper, (is_hidden_HW & ~is_lower_HW) | (is_crossed_HW & ~near_joint_HW), None),
        (lower, is_hidden_HW & is_lower_HW, fade_HW),
    ):
        texture, coverage_HW = _cut_out(rgb_HW3, alpha_HW, is_part_HW, is_under_HW, share_HW)
        textures.append(texture)
        coverages.append(coverage_HW)
    inward = reference.joints_J3[chain.parent[1], :2] - reference.joints_J3[chain.parent[0], :2]
    inward_2 = np.asarray(inward / max(float(np.linalg.norm(inward)), 1e-6), np.float32)
    mesh = build_limb_mesh(coverages, points_C2, radii_C, inward_2)
    return LimbRig(chain, mesh, tuple(textures))


def _at_joint(
    canvas_hw: tuple[int, int], points_C2: FloatArray, radius_px: float
) -> tuple[BoolArray, BoolArray, FloatArray]:
    """What lies nearer to the lower bones than to the upper one; what both parts share; and how
    the lower part fades out over the upper one, so that their cloth goes over into each other."""
    rows, columns = canvas_hw
    grid = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), -1).reshape(-1, 2)
    grid = grid.astype(np.float32)
    is_lower = nearest_bone(grid, points_C2, (0, 1, 2)) > 0
    offset = grid - points_C2[1]
    is_near = np.linalg.norm(offset, axis=1) < _SHARED * radius_px
    into, out = (bone / max(np.linalg.norm(bone), 1e-6) for bone in np.diff(points_C2, axis=0)[:2])
    middle = into + out
    axis = middle / np.linalg.norm(middle) if np.linalg.norm(middle) > 0.35 else out
    fade = smoothstep(-_SHARED * radius_px, -0.1 * radius_px, np.asarray(offset @ axis, np.float32))
    fade = np.where(is_lower, np.float32(1.0), fade)
    return is_lower.reshape(canvas_hw), is_near.reshape(canvas_hw), fade.reshape(canvas_hw)


def _at_tip(canvas_hw: tuple[int, int], points_C2: FloatArray) -> BoolArray:
    """Pixels nearer to a limb's tip (hand, foot) than to its other bones."""
    rows, columns = canvas_hw
    grid = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), -1).reshape(-1, 2)
    nearest = nearest_bone(grid.astype(np.float32), points_C2, (0, 1, 2))
    return np.asarray((nearest == 2).reshape(canvas_hw))


def _cut_out(
    rgb_HW3: ByteArray,
    alpha_HW: ByteArray,
    is_own_HW: BoolArray,
    is_hidden_HW: BoolArray,
    fade_HW: FloatArray | None,
) -> tuple[LimbTexture, ByteArray]:
    """A layer of its own pixels and, filled in from them, of those hidden by others."""
    is_layer_HW = is_own_HW | is_hidden_HW
    # Against the background the matte is the edge; against the rest of the person the cut is.
    is_outside = alpha_HW < _FAINT
    share_HW = _soft(is_layer_HW | is_outside, _FRINGE_PX)
    coverage_HW = alpha_HW * share_HW
    coverage_HW[_soft(is_layer_HW, 4.0) < 0.5] = 0.0
    if fade_HW is not None:
        coverage_HW *= fade_HW
    filled = _filled(rgb_HW3, (alpha_HW > 200) & is_own_HW, 1)
    keep = _soft(is_own_HW | (is_outside & ~is_hidden_HW), _FRINGE_PX)[..., None]
    colour = filled + (rgb_HW3 - filled) * keep
    rows, columns = np.nonzero(coverage_HW >= 1.0)
    top, left = max(rows.min() - 2, 0), max(columns.min() - 2, 0)
    window = np.s_[top : rows.max() + 3, left : columns.max() + 3]
    texture = np.dstack([colour[window], coverage_HW[window]])
    return LimbTexture(
        texture_hw4=np.ascontiguousarray(np.clip(texture, 0, 255).round().astype(np.uint8)),
        origin_2=(int(left), int(top)),
    ), (coverage_HW >= 1.0).astype(np.uint8)


def on_bones(is_own_HW: BoolArray, points_C2: FloatArray) -> BoolArray:
    """A limb's pixels without the crumbs that none of its bones runs through."""
    _, label_HW = cv2.connectedComponents(is_own_HW.astype(np.uint8))
    line = np.zeros(is_own_HW.shape, np.uint8)
    cv2.polylines(line, [points_C2.round().astype(np.int32)], False, (1,), 3)
    on_bone = np.unique(label_HW[(line > 0) & is_own_HW])
    return np.isin(label_HW, on_bone[on_bone > 0])


def _without_holes(mask_HW: BoolArray) -> BoolArray:
    """With everything that the mask encloses."""
    padded = np.pad((~mask_HW).astype(np.uint8), 1, constant_values=1)
    _, label_HW = cv2.connectedComponents(padded, connectivity=4)
    return np.asarray(label_HW[1:-1, 1:-1] != label_HW[0, 0])


def trunk_layer(
    reference: ReferenceGeometry,
    rgb_HW3: ByteArray,
    alpha_HW: ByteArray,
    label_HW: ByteArray,
    chains: list[Chain],
    is_trunk_HW: BoolArray,
) -> ByteArray:
    """Head and trunk without the limbs, whole where they covered it."""
    assert reference.joints_J3 is not None
    unit = body_unit(reference.joints_J3)
    is_limb_HW = label_HW > 0
    # Rounded stumps stay: at any angle the limb's root turns over one.
    stumps = np.zeros(reference.canvas_hw, np.uint8)
    for chain in chains:
        x, y = reference.joints_J3[chain.joints[0], :2].round().astype(int).tolist()
        cv2.circle(stumps, (x, y), round(_STUMP * chain.radii_C[0] * unit), (1,), -1)
    # What limbs enclose with the trunk is the trunk's too: a skirt behind folded hands.
    size = 2 * round(_CLOSED_UNITS * unit) + 1
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    trunk = (~is_limb_HW & (alpha_HW > 127)).astype(np.uint8)
    closed = cv2.morphologyEx(trunk, cv2.MORPH_CLOSE, ellipse)
    is_trunk_HW = is_trunk_HW | _without_holes(closed > 0)
    is_kept_HW = ~is_limb_HW | is_trunk_HW | (stumps > 0)
    # Measured from the person's own pixels: the background must not creep in under a limb.
    share_HW = _soft(is_kept_HW & (alpha_HW >= _FAINT), _UNDERLAP_PX)
    share_HW[~cv2.dilate(is_limb_HW.astype(np.uint8), np.ones((9, 9), np.uint8)).astype(bool)] = 1.0
    # A stump is the limb's own root, not the clothes beside it.
    own_root = (stumps > 0) & is_limb_HW & ~is_trunk_HW
    keep = _soft(~is_limb_HW | own_root, -_FRINGE_PX - 1.0)[..., None]
    is_bare_HW = _eroded((alpha_HW > 200) & ~is_limb_HW, 4)
    is_cloth_HW = is_bare_HW & ~_like_face(reference, rgb_HW3)
    if is_cloth_HW.sum() > _MIN_CLOTH * is_bare_HW.sum():
        is_bare_HW = is_cloth_HW  # behind a bare arm are clothes, whatever of it is left beside it
    is_hole_HW = (keep[..., 0] < 1.0) & (share_HW > 0.0) & (alpha_HW > 0)
    filled = continue_texture(rgb_HW3.astype(np.float32), is_bare_HW, is_hole_HW)
    colour = filled + (rgb_HW3 - filled) * keep
    layer = np.dstack([colour, alpha_HW * share_HW])
    return np.ascontiguousarray(np.clip(layer, 0, 255).round().astype(np.uint8))


def _like_face(reference: ReferenceGeometry, rgb_HW3: ByteArray) -> BoolArray:
    """Pixels of the colour of the face's skin."""
    lab_HW3 = cv2.cvtColor(cv2.GaussianBlur(rgb_HW3, (0, 0), 1.5), cv2.COLOR_RGB2LAB)
    is_face_HW = head_mask(reference, 0.8) > 0
    if not is_face_HW.any():
        return np.zeros(rgb_HW3.shape[:2], bool)
    skin_3 = np.median(lab_HW3[is_face_HW], axis=0)
    apart_HW3 = np.abs(lab_HW3.astype(np.float32) - skin_3) / np.array(_SKIN_LAB, np.float32)
    return np.asarray((apart_HW3 < 1.0).all(axis=2))


def _soft(mask_HW: BoolArray, grow_px: float, soft_px: float = 1.0) -> FloatArray:
    """0..1: the mask grown by some pixels (negative shrinks), its edge softened."""
    inside = cv2.distanceTransform(mask_HW.astype(np.uint8), cv2.DIST_L2, 5)
    outside = cv2.distanceTransform((~mask_HW).astype(np.uint8), cv2.DIST_L2, 5)
    return np.asarray(
        np.clip((inside - outside + grow_px) / (2 * soft_px) + 0.5, 0.0, 1.0), np.float32
    )


def _filled(rgb_HW3: ByteArray, is_known_HW: BoolArray, margin_px: int) -> FloatArray:
    """The known colours (but for a margin, where they mix with others) continued everywhere."""
    known = _eroded(is_known_HW, margin_px).astype(np.float32)
    return push_pull(rgb_HW3.astype(np.float32), known)


def _eroded(mask_HW: BoolArray, margin_px: int) -> BoolArray:
    square = np.ones((2 * margin_px + 1, 2 * margin_px + 1), np.uint8)
    return np.asarray(cv2.erode(mask_HW.astype(np.uint8), square) > 0)
