"""What the tracker sees otherwise than the table says: a bias per landmark.

MediaPipe's outline points are no points of the surface: on a turned head they slide inwards, brows
and forehead follow its own idea of a face, and a beard hides the jaw. The bias of every landmark
is a quadratic (cubic in yaw) of the head's turn plus a linear function of the face's traits
(`avatar.data.face_traits`), fitted on acted clips by `fit_bias` and kept in `tracker_bias.npz` with
the error that is left on people who were not in the fit. Knows numbers, no mesh.

Shape legend: N 478 landmarks, S samples, T traits, K features, 2, 3 components.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avatar.data.face_traits import NUM_BEARD, NUM_EXPRESSION, NUM_NEAR, NUM_SHAPE, NUM_TRAITS
from avatar.errors import AssetError

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

BIAS_PATH = Path(__file__).with_name("tracker_bias.npz")
MAX_YAW, MAX_PITCH = 0.87, 0.45
"""Radians within which the bias was fitted; beyond, it stays what it is there."""
_RIDGE = np.repeat(
    [5.0, 5.0, 20.0, 1200.0, 1200.0], [7, NUM_NEAR, NUM_BEARD, NUM_SHAPE, NUM_EXPRESSION]
)
"""How far each feature is held back; sixty shapes and fifty expressions must not learn people."""
_OUTLIER = 0.12
"""Median distance (inter-ocular) from which on the tracker is taken to have lost the face."""


@dataclass(frozen=True, slots=True)
class TrackedPose:
    """A posed head: where its landmarks are by the table, and where the tracker found them."""

    person: int
    rotation_33: Floats
    """Head to camera, as in `avatar.data.labels.HeadPose`."""
    scale_px: float
    """Inter-ocular distance facing the camera."""
    table_N2: Floats
    found_N2: Floats
    traits_T: Floats


@dataclass(frozen=True, slots=True)
class TrackerBias:
    """The kept table."""

    weights_KN2: Floats
    """Inter-ocular units per feature, in the head's upright picture axes."""
    error_N: Floats
    """Mean distance to the tracker on people not in the fit, inter-ocular units."""


def _roll(rotation_33: Floats) -> Doubles:
    """(2, 2) the head's upright axes to the picture's."""
    angle = np.arctan2(rotation_33[1, 0], rotation_33[0, 0])
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s], [s, c]])


def _features(rotation_33: Floats, traits_T: Floats) -> Doubles:
    """(K,) 1, powers of yaw and pitch of the head made upright, nearness x yaw, traits."""
    aside, down = _roll(rotation_33).T @ rotation_33[:2, 2]
    yaw = float(np.clip(np.arctan2(aside, rotation_33[2, 2]), -MAX_YAW, MAX_YAW))
    pitch = float(np.clip(np.arcsin(np.clip(-down, -1, 1)), -MAX_PITCH, MAX_PITCH))
    turn = [1.0, yaw, pitch, yaw * yaw, pitch * pitch, yaw * pitch, yaw**3, traits_T[0] * yaw]
    return np.concatenate([turn, traits_T])


@cache
def tracker_bias() -> TrackerBias:
    """The table of this project; AssetError where the file is missing or damaged."""
    try:
        with BIAS_PATH.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return TrackerBias(archive["weights"].astype(np.float32), archive["error"])
    except (OSError, ValueError, KeyError) as error:
        raise AssetError(
            f"{BIAS_PATH}: cannot be read ({error}); restore it from the repository."
        ) from error


def bias_at(
    rotation_33: Floats,
    scale_px: float,
    traits_T: Floats | None = None,
    bias: TrackerBias | None = None,
) -> Floats:
    """(478, 2) pixels to add to the table's landmarks of a head that is turned so.

    Without traits of an average face at rest.
    """
    table = bias or tracker_bias()
    traits = np.zeros(NUM_TRAITS, np.float32) if traits_T is None else traits_T
    upright = np.tensordot(_features(rotation_33, traits), table.weights_KN2, 1)
    return (upright @ _roll(rotation_33).T * scale_px).astype(np.float32)


def _gaps(samples: Sequence[TrackedPose]) -> Doubles:
    """(S, N, 2) tracker minus table, inter-ocular units, upright."""
    return np.array(
        [(s.found_N2 - s.table_N2) / s.scale_px @ _roll(s.rotation_33) for s in samples]
    )


def _solve(features_SK: Doubles, gaps_SN2: Doubles) -> Doubles:
    """Ridge regression; the constant is not held back."""
    kept = np.median(np.linalg.norm(gaps_SN2, axis=2), axis=1) < _OUTLIER
    features, gaps = features_SK[kept], gaps_SN2[kept].reshape(kept.sum(), -1)
    size = features.std(0) + 1e-9
    size[0] = 1.0
    scaled = features / size
    ridge = np.diag(np.concatenate([[1e-6], _RIDGE]))
    weights = np.linalg.solve(scaled.T @ scaled + ridge, scaled.T @ gaps)
    return (weights / size[:, None]).reshape(len(size), -1, 2)


def _all_features(samples: Sequence[TrackedPose]) -> Doubles:
    return np.array([_features(s.rotation_33, s.traits_T) for s in samples])


def held_out_errors(samples: Sequence[TrackedPose], num_folds: int = 5) -> Doubles:
    """(S, N) distances to the tracker; every person judged by a fit without that person."""
    features, gaps = _all_features(samples), _gaps(samples)
    person = np.array([s.person for s in samples])
    people = np.random.default_rng(0).permutation(np.unique(person))
    left = np.empty(gaps.shape[:2])
    for fold in np.array_split(people, num_folds):
        judged = np.isin(person, fold)
        weights = _solve(features[~judged], gaps[~judged])
        guess = np.tensordot(features[judged], weights, 1)
        left[judged] = np.linalg.norm(gaps[judged] - guess, axis=2)
    return left


def fit_bias(samples: Sequence[TrackedPose]) -> TrackerBias:
    """The bias fitted on all samples, with the error of held-out people beside it."""
    weights = _solve(_all_features(samples), _gaps(samples))
    error = held_out_errors(samples).mean(0)
    return TrackerBias(weights.astype(np.float32), error.astype(np.float32))
