"""What of a face, beside its turn, moves the tracker's landmarks off the table: numbers per frame.

Shape (how far the face is along the model's identities, measured at the landmarks, so that any
shape can be asked), expression, beard, how near the camera is, and the light. Zero is an average,
resting, shaven face at a usual distance in usual light. Knows the face model and the landmark
table, no tracker.

Shape legend: V model vertices, N 468 landmarks, K identities, E expressions, T traits.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from avatar.data.facial_hair import BeardStyle
from avatar.data.head import head_model
from avatar.data.landmark_map import NUM_FACE, landmark_map
from avatar.data.light import LightStyle, direction

Floats = NDArray[np.float32]

NUM_NEAR, NUM_BEARD, NUM_SHAPE, NUM_EXPRESSION, NUM_LIGHT = 1, 4, 60, 51, 5
NUM_TRAITS = NUM_NEAR + NUM_BEARD + NUM_SHAPE + NUM_EXPRESSION + NUM_LIGHT
_USUAL_NEARNESS = 0.075
"""Inter-ocular distance / distance to the camera, about a webcam's."""
_MOST_SHAPE = 3.0
_USUAL_LIGHT = np.array([0.0, 0.43, 0.43, 0.0, 1.97])
"""Mean of `_light_traits` over random situations."""


def _at_landmarks(shape_V3: Floats) -> Floats:
    table = landmark_map()
    corners = shape_V3[table.vertices_N3[:NUM_FACE]]
    return np.einsum("nk,nkc->nc", table.weights_N3[:NUM_FACE], corners).astype(np.float32)


@cache
def _to_shape() -> tuple[Floats, Floats]:
    """(the mean face at the landmarks, least-squares solver (K, 3 N) for identity weights)."""
    model = head_model()
    rows = np.array([_at_landmarks(v).ravel() for v in model.identity_KV3[:NUM_SHAPE]])
    # the least pronounced identities hardly show at the landmarks: hold them back
    solver = np.linalg.solve(rows @ rows.T + 0.05 * np.eye(NUM_SHAPE), rows)
    return _at_landmarks(model.neutral_V3).ravel(), solver.astype(np.float32)


def _light_traits(light: LightStyle) -> NDArray[np.float64]:
    """(5,) key's direction x its share of all light, rim from the side, brightness of the front."""
    towards = direction(light.key_yaw, light.key_pitch)
    key = towards * light.key / (0.5 * light.key + light.ambient + light.fill)
    side = direction(light.rim_yaw, 10.0)[0] * light.rim / (light.key + light.ambient)
    front = light.ambient + light.fill + light.key * max(float(towards[2]), 0.0)
    return np.array([*key, side, light.exposure * front])


def face_traits(
    shape_V3: Floats,
    expression_E: Floats,
    beard: BeardStyle | None,
    nearness: float,
    light: LightStyle | None = None,
) -> Floats:
    """(T,) of one face in one frame.

    `nearness` is the inter-ocular distance divided by the distance to the camera; no light stands
    for the usual one.
    """
    mean, solver = _to_shape()
    shape = np.clip(solver @ (_at_landmarks(shape_V3).ravel() - mean), -_MOST_SHAPE, _MOST_SHAPE)
    hair = np.zeros(NUM_BEARD)
    if beard is not None:
        hair[("beard", "goatee", "mustache").index(beard.where)] = 1.0
        hair[3] = beard.length
    near = 10.0 * (nearness - _USUAL_NEARNESS)
    lit = np.zeros(NUM_LIGHT) if light is None else _light_traits(light) - _USUAL_LIGHT
    parts = [near], hair, shape, np.clip(expression_E, 0, 1), lit
    return np.concatenate(parts).astype(np.float32)
