"""From a coarse person mask to a soft matte: hair edges kept, background halo removed.

The mask says where the person surely is and surely is not; in between, closed-form matting (Levin,
Lischinski and Weiss 2008: alpha is locally an affine function of colour) decides, at a reduced
resolution, and a guided filter (He, Sun and Tang 2013) carries the result to full resolution.
Knows colours, masks and a face's outline; does not know where the mask comes from.

Shape legend: H, W pixels; h, w pixels of the reduced picture; P unknown pixels; 3 colours;
N face landmarks; M other people; 2 components of a point.
"""

from __future__ import annotations

import cv2
import numpy as np
import scipy.sparse as sparse
import scipy.sparse.linalg as sparse_linalg
from numpy.typing import NDArray

from avatar.frames import ByteArray, FloatArray
from avatar.motion.topology import FACE_OVAL

_SOLVE_SIDE_PX = 320
"""Long side at which the linear system is solved: 0.3 s instead of 2 s."""
_WINDOW_RADIUS = 1
_COLOUR_EPSILON = 3e-5
_HAZE = 0.06
_PRIOR = 4e-3
"""Pull towards the coarse mask; decides where colours cannot."""


def refine_matte(rgb_HW3: ByteArray, coarse_HW: FloatArray, *, band_px: float) -> FloatArray:
    """Return alpha in 0..1 from a coarse coverage in 0..1.

    `band_px` is the half width of the uncertain band along the mask's edge, in pixels of `rgb_HW3`.
    """
    rows, columns = rgb_HW3.shape[:2]
    ratio = min(1.0, _SOLVE_SIDE_PX / max(rows, columns))
    size = (max(8, round(columns * ratio)), max(8, round(rows * ratio)))
    small_hw3 = cv2.resize(rgb_HW3, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    mask_hw = cv2.resize(coarse_HW, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    known_hw, is_unknown_hw = _trimap(mask_hw, max(2.0, band_px * ratio))
    alpha_hw = _solve_closed_form(small_hw3, known_hw, is_unknown_hw, mask_hw)
    alpha_HW = _upsample(rgb_HW3, small_hw3, alpha_hw)
    # A trace of coverage far from the edge shows as haze once the person moves: cut it off.
    return np.asarray(np.clip((alpha_HW - _HAZE) / (1.0 - 2.0 * _HAZE), 0.0, 1.0), np.float32)


def _trimap(mask_hw: FloatArray, band: float) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Sure values (0 or 1) and where nothing is sure."""
    is_inside = (mask_hw > 0.5).astype(np.uint8)
    # Beyond the picture the mask goes on as it is: no band along the border.
    padded = cv2.copyMakeBorder(is_inside, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    depth_in = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1]
    depth_out = cv2.distanceTransform(1 - padded, cv2.DIST_L2, 3)[1:-1, 1:-1]
    is_unknown = (depth_in <= band * 0.8) & (depth_out <= band)
    # Where the mask itself hesitates (a value between), it is not sure either.
    is_vague = (mask_hw > 0.1) & (mask_hw < 0.9)
    is_unknown |= is_vague & (depth_in <= 3 * band) & (depth_out <= 3 * band)
    return is_inside.astype(np.float32), is_unknown


def _solve_closed_form(
    rgb_hw3: FloatArray,
    known_hw: FloatArray,
    is_unknown_hw: NDArray[np.bool_],
    prior_hw: FloatArray,
) -> FloatArray:
    """Minimise alpha' L alpha + prior, with the sure pixels fixed."""
    num_unknown = int(is_unknown_hw.sum())
    if num_unknown == 0:
        return known_hw
    laplacian = _matting_laplacian(rgb_hw3, is_unknown_hw)
    unknown_P = np.flatnonzero(is_unknown_hw)
    rows = laplacian[unknown_P]
    system = rows[:, unknown_P] + sparse.identity(num_unknown, format="csr") * _PRIOR
    fixed = np.where(is_unknown_hw, 0.0, known_hw).ravel()
    right = _PRIOR * prior_hw.ravel()[unknown_P] - rows @ fixed
    diagonal = sparse.diags(1.0 / system.diagonal())
    guess = prior_hw.ravel()[unknown_P]
    solution, _ = sparse_linalg.cg(system, right, x0=guess, rtol=1e-4, maxiter=400, M=diagonal)
    alpha = known_hw.ravel().copy()
    alpha[unknown_P] = np.clip(solution, 0.0, 1.0)
    return np.asarray(alpha.reshape(known_hw.shape), np.float32)


def _matting_laplacian(rgb_hw3: FloatArray, is_needed_hw: NDArray[np.bool_]) -> sparse.csr_matrix:
    """Sum of all 3x3 windows' affinities (Levin 2008, eq. 12) that touch a needed pixel."""
    rows, columns = is_needed_hw.shape
    radius = _WINDOW_RADIUS
    side = 2 * radius + 1
    area = side * side
    touched = cv2.dilate(is_needed_hw.astype(np.uint8), np.ones((side, side), np.uint8)) > 0
    touched[:radius], touched[-radius:] = False, False
    touched[:, :radius], touched[:, -radius:] = False, False
    centre = np.flatnonzero(touched)
    step = np.arange(-radius, radius + 1)
    offsets = (step[:, None] * columns + step[None, :]).ravel()
    pixel_WA = centre[:, None] + offsets[None, :]
    colour_WA3 = rgb_hw3.reshape(-1, 3)[pixel_WA].astype(np.float64)
    centred = colour_WA3 - colour_WA3.mean(axis=1, keepdims=True)
    covariance = np.einsum("wai,waj->wij", centred, centred) / area
    covariance += np.eye(3) * (_COLOUR_EPSILON / area)
    affinity = (
        1.0
        + np.einsum("wai,wij,wbj->wab", centred, np.linalg.inv(covariance), centred, optimize=True)
    ) / area
    values = np.eye(area)[None] - affinity
    first = np.repeat(pixel_WA, area, axis=1).ravel()
    second = np.tile(pixel_WA, (1, area)).ravel()
    num_pixels = rows * columns
    return sparse.csr_matrix((values.ravel(), (first, second)), shape=(num_pixels, num_pixels))


def _upsample(rgb_HW3: ByteArray, small_hw3: FloatArray, alpha_hw: FloatArray) -> FloatArray:
    """Alpha as an affine function of full-resolution colour (fast guided filter)."""
    size = (rgb_HW3.shape[1], rgb_HW3.shape[0])
    smooth_HW = cv2.resize(alpha_hw, size, interpolation=cv2.INTER_CUBIC)
    if size == (alpha_hw.shape[1], alpha_hw.shape[0]):
        return np.clip(smooth_HW, 0.0, 1.0)
    guide = rgb_HW3.astype(np.float32) / 255
    radius = max(2, round(1.5 * size[0] / alpha_hw.shape[1]))
    sharp_HW = cv2.ximgproc.guidedFilter(guide, smooth_HW, radius, 1e-5)
    return np.asarray(np.clip(sharp_HW, 0.0, 1.0), np.float32)


def cover_face(coarse_HW: FloatArray, landmarks_N3: FloatArray) -> FloatArray:
    """Make sure that the face is inside: masks of drawings and strange light have holes there."""
    oval = landmarks_N3[FACE_OVAL, :2]
    inner = oval.mean(axis=0) + 0.92 * (oval - oval.mean(axis=0))
    face_HW = np.zeros(coarse_HW.shape, np.uint8)
    cv2.fillPoly(face_HW, [inner.round().astype(np.int32)], (255.0,))
    return np.maximum(coarse_HW, face_HW.astype(np.float32) / 255)


def keep_own_person(
    coarse_HW: FloatArray, own_2: FloatArray, others_M2: FloatArray, scale_px: float
) -> FloatArray:
    """Cut other people out of a mask that covers everybody.

    Every pixel goes to the nearest face; below the heads bodies widen, so the dividing line is
    followed at the faces' own distance. `own_2`, `others_M2` are chin points in pixels, `scale_px`
    the width over which the cut is softened.
    """
    if len(others_M2) == 0:
        return coarse_HW
    rows, columns = coarse_HW.shape
    x_HW, y_HW = np.meshgrid(
        np.arange(columns, dtype=np.float32), np.arange(rows, dtype=np.float32)
    )

    def distance(point_2: FloatArray) -> FloatArray:
        # Vertical distance counts little: a body lies under its head.
        separation = np.hypot(x_HW - point_2[0], 0.5 * (y_HW - point_2[1]))
        return np.asarray(separation, np.float32)

    own_distance = distance(own_2)
    nearest_other = np.min([distance(other) for other in others_M2], axis=0)
    share = np.clip(0.5 + (nearest_other - own_distance) / (2 * scale_px), 0.0, 1.0)
    return np.asarray(coarse_HW * share, np.float32)


def keep_connected(coarse_HW: FloatArray, landmarks_N3: FloatArray) -> FloatArray:
    """Drop what the segmenter took for a person apart from this one (bottles, posters, chairs)."""
    mask_HW = (coarse_HW > 0.3).astype(np.uint8)
    count, labels_HW = cv2.connectedComponents(mask_HW, connectivity=8)
    height, width = coarse_HW.shape
    points = np.clip(np.rint(landmarks_N3[:, :2]).astype(int), 0, [width - 1, height - 1])
    own = np.unique(labels_HW[points[:, 1], points[:, 0]])
    own = own[own > 0]
    if count <= 2 or len(own) == 0:
        return coarse_HW
    return np.where(np.isin(labels_HW, own) | (mask_HW == 0), coarse_HW, 0.0).astype(np.float32)
