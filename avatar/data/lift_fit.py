"""A face in a photograph becomes the face model: identity, expression, gaze and camera.

Knows landmarks and geometry, no colours. The 478 tracked landmarks are matched through the landmark
table by Gauss-Newton steps with bounds (weights 0..1) and priors (identity ~ N(0, 1), small
expressions); what the model cannot express is added as a smooth shift of the surface, so that lids
and lips lie on the photograph's to a fraction of a pixel.

The head rests in its own axes and the camera stands where the photograph was taken from.
Shape legend: N landmarks, V model vertices, K identity, E expression weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from avatar.data.camera import Camera
from avatar.data.head import head_model, identity_shape
from avatar.data.landmark_map import (
    IRIS_DEPTH_CM,
    IRIS_LEFT,
    IRIS_RIGHT,
    NUM_FACE,
    landmark_map,
)

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

NUM_IDENTITY_FITTED = 60
DISTANCE_CM = 110.0
"""Photographs do not tell their distance; portraits are taken from about here."""
_STEPS = 10
_LANDMARK_SIGMA = 0.05
"""Inter-ocular units; neighbouring landmarks err together, so each counts for little."""
_EXPRESSION_SIGMA = 0.35
_DEPTH_SHARE = 0.2
"""Trust in the tracker's depth against its place on the picture."""
OVAL = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
"""The face's edge slides over the surface when a head turns: trusted less."""


@dataclass(frozen=True, slots=True)
class FaceFit:
    """The face model laid on a photograph."""

    identity_K: Floats
    expression_E: Floats
    """In the photograph."""
    gaze_22: Floats
    """In the photograph, [left, right] x [yaw, pitch]."""
    shift_V3: Floats
    """What identity weights cannot express (cm)."""
    camera: Camera
    error: float
    """Mean distance of landmarks before the shift, inter-ocular units."""

    @property
    def shape_V3(self) -> Floats:
        """The face at rest."""
        return identity_shape(self.identity_K) + self.shift_V3


def fit_face(landmarks_N3: Floats, size_hw: tuple[int, int]) -> FaceFit:
    """Fit the model to the landmarks of one picture (pixels; z smaller is nearer)."""
    model, table = head_model(), landmark_map()
    vertices, weights = table.vertices_N3[:NUM_FACE], table.weights_N3[:NUM_FACE]

    def at_landmarks(field: Floats) -> Floats:
        return np.einsum("nk,...nkc->...nc", weights, field[..., vertices, :])

    rest_N3 = at_landmarks(model.neutral_V3)
    identity_KN3 = at_landmarks(model.identity_KV3[:NUM_IDENTITY_FITTED])
    expression_EN3 = at_landmarks(model.expression_EV3)
    num_k, num_e = len(identity_KN3), len(expression_EN3)
    irises = landmarks_N3[IRIS_LEFT].mean(0) - landmarks_N3[IRIS_RIGHT].mean(0)
    iod = float(np.linalg.norm(irises))
    target = landmarks_N3[:NUM_FACE].astype(np.float64)
    trust = 1.0 / (0.5 + table.error_N[:NUM_FACE] / 0.02)
    trust[list(OVAL)] *= 0.4

    a, w = np.zeros(num_k), np.zeros(num_e)
    rotation, shift, focal = _first_pose(rest_N3, landmarks_N3[:NUM_FACE], size_hw)
    flip = np.array([1.0, -1.0, -1.0])
    middle = np.array([size_hw[1] / 2, size_hw[0] / 2])
    # unknowns per step: identity, expression, turn (3), shift (3, cm)
    prior = np.concatenate(
        [np.full(num_k, 1.0), np.full(num_e, 1 / _EXPRESSION_SIGMA), np.full(6, 1e-3)]
    )
    lowest = np.concatenate([np.full(num_k, -3.0), np.zeros(num_e), np.full(6, -np.inf)])
    highest = np.concatenate([np.full(num_k, 3.0), np.ones(num_e), np.full(6, np.inf)])
    sigma = _LANDMARK_SIGMA * iod
    for step in range(_STEPS):
        face = rest_N3 + np.tensordot(a, identity_KN3, 1) + np.tensordot(w, expression_EN3, 1)
        turned = face @ rotation.T
        c = (turned + shift) * flip  # camera axes: x right, y down, z away
        u = focal * c[:, :2] / c[:, 2:] + middle
        depth = focal / DISTANCE_CM  # px per cm at the head
        gap_2 = (target[:, :2] - u) * trust[:, None] / sigma
        own_z = (c[:, 2] - c[:, 2].mean()) * depth
        gap_z = (target[:, 2] - target[:, 2].mean() - own_z) * trust * _DEPTH_SHARE / sigma

        basis = np.concatenate([identity_KN3, expression_EN3]).astype(np.float64)
        moves = (basis @ rotation.T) * flip
        spin = np.stack([np.cross(np.eye(3)[k], turned) for k in range(3)]) * flip
        slide = np.broadcast_to((np.eye(3) * flip)[:, None], (3, len(face), 3))
        d = np.concatenate([moves, spin, slide])  # (P, N, 3) in camera axes
        du = focal * (d[..., :2] - d[..., 2:] * (c[:, :2] / c[:, 2:])) / c[:, 2:]
        rows_2 = du * trust[:, None] / sigma
        rows_z = (d[..., 2] - d[..., 2].mean(1, keepdims=True)) * depth * trust * _DEPTH_SHARE
        matrix = np.concatenate([rows_2.reshape(len(d), -1), rows_z / sigma], 1).T
        right = np.concatenate([gap_2.ravel(), gap_z])
        now = np.concatenate([a, w, np.zeros(6)])
        ease = 3.0 if step < 2 else 1.0  # first the pose, then the shape
        damp = prior * ease
        found = _bounded(
            matrix.T @ matrix + np.diag(damp**2),
            matrix.T @ (right + matrix @ now),
            np.clip(now, lowest, highest),
            lowest,
            highest,
        )
        a, w = found[:num_k], found[num_k : num_k + num_e]
        turn = found[-6:-3]
        rotation = Rotation.from_rotvec(np.clip(turn, -0.5, 0.5)).as_matrix() @ rotation
        shift = shift + found[-3:]
        # focal and distance cannot be told apart: the distance stays, the focal length takes over
        focal *= DISTANCE_CM / -shift[2]
        shift[2] = -DISTANCE_CM
    camera = Camera(
        (np.diag(flip) @ rotation).astype(np.float32),
        (-rotation.T @ shift).astype(np.float32),
        float(focal),
        (float(middle[0]), float(middle[1])),
        size_hw,
    )
    identity, expression_E = a.astype(np.float32), w.astype(np.float32)
    posed = identity_shape(identity) + np.tensordot(expression_E, model.expression_EV3, 1)
    gap = camera.project(at_landmarks(posed))[:, :2] - target[:, :2]
    error = float(np.linalg.norm(gap, axis=1).mean() / iod)
    extra = _surface_shift(posed, camera, landmarks_N3)
    gaze = _gaze_of(identity_shape(identity) + extra, camera, landmarks_N3)
    return FaceFit(identity, expression_E, gaze, extra, camera, error)


def _bounded(
    matrix_PP: Doubles, right_P: Doubles, start_P: Doubles, low_P: Doubles, high_P: Doubles
) -> Doubles:
    """Least squares within bounds from normal equations, by coordinate descent."""
    x = start_P.copy()
    for _ in range(80):
        for k in range(len(x)):
            step = (right_P[k] - matrix_PP[k] @ x) / matrix_PP[k, k]
            x[k] = min(max(x[k] + step, low_P[k]), high_P[k])
    return x


def _first_pose(
    rest_N3: Floats, landmarks_N3: Floats, size_hw: tuple[int, int]
) -> tuple[Doubles, Doubles, float]:
    """(rotation to an upright camera, shift cm, focal px): a 3D similarity (Umeyama 1991)."""
    p = rest_N3.astype(np.float64)
    q = landmarks_N3.astype(np.float64) * [1, -1, -1]
    pm, qm = p.mean(0), q.mean(0)
    u, s, vt = np.linalg.svd((q - qm).T @ (p - pm))
    sign = np.diag([1, 1, np.sign(np.linalg.det(u @ vt))])
    rotation = u @ sign @ vt
    scale = float((s * np.diag(sign)).sum() / ((p - pm) ** 2).sum())  # px per cm
    at = np.array([(qm[0] - size_hw[1] / 2) / scale, (qm[1] + size_hw[0] / 2) / scale, 0.0])
    shift = at - rotation @ pm
    shift[2] = -DISTANCE_CM
    return rotation, shift, scale * DISTANCE_CM


def _surface_shift(posed_V3: Floats, camera: Camera, landmarks_N3: Floats) -> Floats:
    """A smooth shift (cm) that brings the surface's landmarks onto the photograph's."""
    model, table = head_model(), landmark_map()
    vertices, weights = table.vertices_N3[:NUM_FACE], table.weights_N3[:NUM_FACE]
    points = np.einsum("nk,nkc->nc", weights, posed_V3[vertices])
    screen = camera.project(points)
    gap = landmarks_N3[:NUM_FACE, :2] - screen[:, :2]
    in_camera = np.concatenate([gap / screen[:, 2:] / camera.focal_px, 0 * gap[:, :1]], 1)
    # told apart where lips part: distances are taken on a face whose mouth is open
    apart = model.neutral_V3 + 0.4 * model.expression_EV3[model.expression_index("jawOpen")]
    at = np.einsum("nk,nkc->nc", weights, apart[vertices])
    spread = RBFInterpolator(at, in_camera @ camera.rotation_33, smoothing=0.5)
    out = np.zeros_like(posed_V3)
    surface = np.unique(model.triangles_T3[np.isin(model.region_T, (0, 1))])
    far, _ = cKDTree(at).query(apart[surface])
    fade = np.exp(-((np.maximum(far - 0.8, 0) / 1.8) ** 2))[:, None]
    out[surface] = spread(apart[surface]) * fade
    for side in range(2):  # an eyeball moves with the rim of its socket
        ball = model.eyeball_vertices[side]
        centre = model.eye_centre_23[side] + [0, 0, 1.2]
        near = np.linalg.norm(apart[surface] - centre, axis=1) < 1.9
        out[ball] = out[surface[near]].mean(0)
    return out.astype(np.float32)


def _gaze_of(shape_V3: Floats, camera: Camera, landmarks_N3: Floats) -> Floats:
    """[left, right] x [yaw, pitch] that put the iris centres where the tracker saw them."""
    model = head_model()
    out = np.zeros((2, 2), np.float32)
    for side, rows in ((0, IRIS_LEFT), (1, IRIS_RIGHT)):
        ball = model.eyeball_vertices[side]
        centre = model.eye_centre_23[side] + (shape_V3[ball] - model.neutral_V3[ball]).mean(0)
        target = landmarks_N3[rows.start, :2]

        def place(angles: Doubles, centre: Floats = centre) -> Doubles:
            yaw, pitch = angles
            axis = [np.sin(yaw) * np.cos(pitch), -np.sin(pitch), np.cos(yaw) * np.cos(pitch)]
            at = camera.project((centre + IRIS_DEPTH_CM * np.array(axis))[None])[0, :2]
            return np.asarray(at, np.float64)

        angles, h = np.zeros(2), 0.02
        for _ in range(6):  # Newton
            now = place(angles)
            slope = np.stack([(place(angles + d) - now) / h for d in np.eye(2) * h], 1)
            angles = np.clip(angles + np.linalg.solve(slope, target - now), -0.6, 0.6)
        out[side] = angles
    return out
