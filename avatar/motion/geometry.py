"""Landmarks become a face's pose, shape, gaze and apertures; and a reference's geometry.

Knows one set of landmarks at a time; does not know trackers, time, or drivers' neutrals.

The head pose is a weighted similarity fit (Umeyama 1991) of the landmarks that expression hardly
moves to the canonical face, re-weighted by residual (Huber 1964) so that a raised brow or a dropped
jaw is not read as a nod.
"""

from __future__ import annotations

import numpy as np

from avatar.frames import FaceMotion, FloatArray, ReferenceGeometry
from avatar.motion import topology as topo
from avatar.motion.rotation import yaw_pitch_roll

EYEBALL_RADIUS = 0.17
"""Distance of the iris' centre from the eyeball's, inter-ocular units (about 10.5 mm of 63)."""
EYEBALL_DEPTH = 0.03
"""The eyeball's centre lies this far behind the outer corner of its eye."""

_FIT_ITERATIONS = 4
_HUBER = 0.03
"""Residual (inter-ocular units) from which a landmark loses weight."""
_DEPTH_WEIGHT = 0.5
"""Residuals along the tracker's inferred depth count for half of those seen in the picture."""

_RIGID = topo.RIGID
_RIGID_PRIOR = np.where(
    np.isin(_RIGID, (10, 338, 297, 332, 284, 109, 67, 103, 54, 151)), 0.5, 1.0
).astype(np.float64)
"""The forehead's landmarks slide with hair and brows: half the weight."""

_LID_PAIRS = (
    (topo.LEFT_LID_UPPER[2:7], topo.LEFT_LID_LOWER[2:7], topo.EYE_CORNERS[:2]),
    (topo.RIGHT_LID_UPPER[2:7], topo.RIGHT_LID_LOWER[2:7], topo.EYE_CORNERS[2:]),
)
_LIP_PAIRS = (topo.LIPS_INNER_UPPER[4:7], topo.LIPS_INNER_LOWER[4:7])


def fit_pose(landmarks_N3: FloatArray) -> tuple[FloatArray, FloatArray, float, float]:
    """Rotation (3, 3), translation (3) and scale of the head, and the fit's residual.

    `landmarks = scale * rotation @ head + translation` in picture pixels (z too). The residual is
    the weighted mean distance in inter-ocular units: below 0.1 for faces, large for nonsense.
    """
    head = topo.canonical_face()[_RIGID].astype(np.float64)
    seen = landmarks_N3[_RIGID].astype(np.float64)
    weights = _RIGID_PRIOR.copy()
    rotation, scale, translation = np.eye(3), 1.0, np.zeros(3)
    residual = np.zeros(len(_RIGID))
    for _ in range(_FIT_ITERATIONS):
        w = weights / weights.sum()
        head_mean, seen_mean = w @ head, w @ seen
        h, s = head - head_mean, seen - seen_mean
        u, d, vt = np.linalg.svd(s.T @ (h * w[:, None]))
        sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
        rotation = (u * sign) @ vt
        scale = float((d * sign).sum() / (w @ (h**2).sum(1)))
        translation = seen_mean - scale * rotation @ head_mean
        error = (seen - scale * head @ rotation.T - translation) / max(scale, 1e-6)
        error[:, 2] *= _DEPTH_WEIGHT
        residual = np.linalg.norm(error, axis=1)
        weights = _RIGID_PRIOR * np.minimum(1.0, _HUBER / np.maximum(residual, 1e-6))
    mean_residual = float(weights @ residual / weights.sum())
    return (
        rotation.astype(np.float32),
        translation.astype(np.float32),
        scale,
        mean_residual,
    )


def gaze_of(shape_N3: FloatArray, rotation_33: FloatArray) -> FloatArray:
    """Gaze (2, 2) of both eyes: where the line of sight to each iris meets its eyeball.

    The tracker's iris depth is a guess, so only the iris' place in the picture is used: the ray of
    the camera through it, in head space, is cut with a sphere about the eyeball's centre.
    """
    ray = rotation_33.T[:, 2].astype(np.float64)  # the camera's axis in head space
    gaze = np.zeros((2, 2), dtype=np.float32)
    for side, (outer, inner, iris) in enumerate(((263, 362, 473), (33, 133, 468))):
        corner_out, corner_in = shape_N3[outer].astype(np.float64), shape_N3[inner]
        centre = 0.5 * (corner_out + corner_in)
        centre[2] = corner_out[2] + EYEBALL_DEPTH
        offset = shape_N3[iris] - centre
        along = float(offset @ ray)
        across = offset - along * ray
        # Beyond the rim (noise, half-shut lids) the ray is bent back to the sphere's outline.
        size = float(np.linalg.norm(across))
        if size > 0.95 * EYEBALL_RADIUS:
            across *= 0.95 * EYEBALL_RADIUS / size
            size = 0.95 * EYEBALL_RADIUS
        x, y, z = across - ray * np.sqrt(EYEBALL_RADIUS**2 - size**2)
        gaze[side] = np.arctan2(x, -z), np.arctan2(y, np.hypot(x, z))
    return gaze


def lid_apertures_of(shape_N3: FloatArray) -> FloatArray:
    """[left, right] mean lid gap over the eye's middle, divided by the eye's width."""
    apertures = []
    for upper, lower, corners in _LID_PAIRS:
        gap = np.linalg.norm(shape_N3[upper] - shape_N3[lower], axis=1).mean()
        width = np.linalg.norm(shape_N3[corners[0]] - shape_N3[corners[1]])
        apertures.append(gap / max(float(width), 1e-6))
    return np.array(apertures, dtype=np.float32)


def lip_aperture_of(shape_N3: FloatArray) -> float:
    """Mean gap between the inner lips' middles, inter-ocular units."""
    upper, lower = _LIP_PAIRS
    return float(np.linalg.norm(shape_N3[upper] - shape_N3[lower], axis=1).mean())


def inter_ocular_px(landmarks_N3: FloatArray) -> float:
    """Distance in pixels between the mean points of both eyes' corners, depth included."""
    corners = landmarks_N3[topo.EYE_CORNERS]
    return float(np.linalg.norm(corners[:2].mean(0) - corners[2:].mean(0)))


def face_motion(landmarks_N3: FloatArray) -> FaceMotion:
    """Everything a `FaceMotion` holds, from landmarks in picture pixels."""
    rotation, translation, scale, residual = fit_pose(landmarks_N3)
    shape = ((landmarks_N3 - translation) @ rotation / scale).astype(np.float32)
    # What the fit cannot explain and what a far-turned head hides is worth less trust.
    yaw, pitch, _ = yaw_pitch_roll(rotation)
    turned = np.cos(min(abs(yaw), 1.5)) * np.cos(min(abs(pitch), 1.5))
    confidence = float(np.clip(1.3 - residual / 0.12, 0.0, 1.0) * np.clip(turned * 2.0, 0.0, 1.0))
    return FaceMotion(
        landmarks_N3=landmarks_N3.astype(np.float32, copy=False),
        rotation_33=rotation,
        translation_2=translation[:2].copy(),
        scale=scale,
        shape_N3=shape,
        gaze_22=gaze_of(shape, rotation),
        lid_apertures_2=lid_apertures_of(shape),
        lip_aperture=lip_aperture_of(shape),
        confidence=confidence,
    )


def place_head(
    shape_N3: FloatArray, rotation_33: FloatArray, translation_2: FloatArray, scale: float
) -> FloatArray:
    """Landmarks in the picture of a head-space shape; the head's centre has z = 0."""
    placed = (scale * shape_N3 @ rotation_33.T).astype(np.float32)
    placed[:, :2] += translation_2
    return placed


def reference_geometry(
    landmarks_N3: FloatArray,
    canvas_hw: tuple[int, int],
    *,
    joints_J3: FloatArray | None = None,
    visibility_J: FloatArray | None = None,
) -> ReferenceGeometry:
    """Geometry of a reference from landmarks (and joints) in pixels of its canvas."""
    face = face_motion(landmarks_N3)
    return ReferenceGeometry(
        canvas_hw=canvas_hw,
        # z re-based to the head's centre, as every retargeted landmark has it
        landmarks_N3=place_head(face.shape_N3, face.rotation_33, face.translation_2, face.scale),
        rotation_33=face.rotation_33,
        translation_2=face.translation_2,
        scale=face.scale,
        shape_N3=face.shape_N3,
        gaze_22=face.gaze_22,
        lid_apertures_2=face.lid_apertures_2,
        lip_aperture=face.lip_aperture,
        joints_J3=joints_J3,
        visibility_J=visibility_J,
    )
