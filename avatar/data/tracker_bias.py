"""What the tracker sees otherwise than the table says: a bias per landmark.

MediaPipe's outline points are no points of the surface: on a turned head they slide inwards, brows
and forehead follow its own idea of a face, a beard hides the jaw and light moves the nose. The bias
of every landmark is a smooth function of the head's turn plus, differently at every turn, a linear
function of the face's traits (`avatar.data.face_traits`): ridge regression on soft bumps over yaw
and pitch and on bumps x traits, which is kriging with a sum of product kernels (Rasmussen and
Williams 2006, ch. 2) cut to few bumps. Fitted on acted clips by `fit_bias` and kept in
`tracker_bias.npz` with the error that is left on people who were not in the fit. Knows numbers, no
mesh.

Shape legend: N 478 landmarks, S samples, T traits, B bumps, K features, R kept directions, 2, 3
components.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avatar.data.face_traits import (
    NUM_BEARD,
    NUM_EXPRESSION,
    NUM_LIGHT,
    NUM_NEAR,
    NUM_SHAPE,
    NUM_TRAITS,
)
from avatar.errors import AssetError
from avatar.frames import NUM_LANDMARKS

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

BIAS_PATH = Path(__file__).with_name("tracker_bias.npz")
MAX_YAW, MAX_PITCH = 1.05, 0.6
"""Radians within which the bias was fitted; beyond, it stays what it is there."""
_GROUPS = (NUM_NEAR + NUM_BEARD, NUM_SHAPE + NUM_EXPRESSION, NUM_LIGHT)
_TRAIT_GAIN = np.sqrt(np.repeat([0.1, 0.005, 0.03], _GROUPS))
_CROSS_GAIN = np.sqrt(np.repeat([0.1, 0.0075, 0.01], _GROUPS))
"""How freely a trait acts, at every turn alike and beside that at each turn by its own.

Sixty shapes and fifty expressions must not learn people. Chosen on held-out people."""
_RIDGE = 3.0
_MOST_TRAIT = 4.0
"""Standard deviations; what is rarer counts as that."""
_OUTLIER = 0.15
"""Median distance (inter-ocular) from which on the tracker is taken to have lost the face."""
_LEAST_ERROR, _NUM_REWEIGHTED = 0.012, 2
NUM_DIRECTIONS = 128
"""Directions of all landmarks together that the kept table has."""


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

    mean_T: Floats
    size_T: Floats
    """Mean and standard deviation of traits in the fit."""
    weights_KR: Floats
    directions_RN2: Floats
    """Inter-ocular units, in the head's upright picture axes."""
    error_N: Floats
    """Mean distance to the tracker on people not in the fit, inter-ocular units."""

    def __post_init__(self) -> None:
        rank = self.weights_KR.shape[1]
        if self.directions_RN2.shape != (rank, NUM_LANDMARKS, 2) or len(self.mean_T) != NUM_TRAITS:
            raise ValueError("parts do not fit together")


def _roll(rotation_33: Floats) -> Doubles:
    """(2, 2) the head's upright axes to the picture's."""
    angle = np.arctan2(rotation_33[1, 0], rotation_33[0, 0])
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s], [s, c]])


def _turn(rotation_33: Floats) -> Doubles:
    """(yaw, pitch) of the head made upright."""
    aside, down = _roll(rotation_33).T @ rotation_33[:2, 2]
    yaw = np.clip(np.arctan2(aside, rotation_33[2, 2]), -MAX_YAW, MAX_YAW)
    pitch = np.clip(np.arcsin(np.clip(-down, -1, 1)), -MAX_PITCH, MAX_PITCH)
    return np.array([yaw, pitch])


class _Bumps:
    """Gaussian bumps on a grid over turns, mixed so that they stand for their kernel (Nystroem)."""

    def __init__(self, num_yaw: int, num_pitch: int, width: float) -> None:
        yaws = np.linspace(-MAX_YAW, MAX_YAW, num_yaw)
        pitches = np.linspace(-MAX_PITCH, MAX_PITCH, num_pitch)
        self._centres = np.stack(np.meshgrid(yaws, pitches), -1).reshape(-1, 2)
        self._width = width
        values, vectors = np.linalg.eigh(self._kernel(self._centres))
        self._mix = vectors / np.sqrt(np.maximum(values, 1e-4)) @ vectors.T

    def _kernel(self, turns_S2: Doubles) -> Doubles:
        gap = ((turns_S2[:, None] - self._centres) ** 2).sum(-1)
        return np.asarray(np.exp(-0.5 * gap / self._width**2))

    def at(self, turns_S2: Doubles) -> Doubles:
        return np.asarray(self._kernel(turns_S2) @ self._mix)


@cache
def _bumps() -> tuple[_Bumps, _Bumps]:
    """For the turn alone, and for how traits act at a turn."""
    return _Bumps(9, 5, 0.3), _Bumps(5, 3, 0.5)


def _features(turns_S2: Doubles, traits_ST: Doubles) -> Doubles:
    """(S, K) of turns and standardised traits; the first ones, a plain polynomial, are free."""
    yaw, pitch = turns_S2.T
    plain = np.stack([np.ones_like(yaw), yaw, pitch, yaw**2, pitch**2, yaw * pitch, yaw**3], 1)
    alone, wide = _bumps()
    cross = wide.at(turns_S2)[:, :, None] * (traits_ST * _CROSS_GAIN)[:, None, :]
    return np.concatenate(
        [10 * plain, alone.at(turns_S2), traits_ST * _TRAIT_GAIN, cross.reshape(len(yaw), -1)], 1
    )


def _standardised(traits_ST: Doubles, mean_T: NDArray[Any], size_T: NDArray[Any]) -> Doubles:
    return np.clip((traits_ST - mean_T) / size_T, -_MOST_TRAIT, _MOST_TRAIT)


@cache
def tracker_bias() -> TrackerBias:
    """The table of this project; AssetError where the file is missing or damaged."""
    try:
        with BIAS_PATH.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return TrackerBias(
                *(archive[name].astype(np.float32) for name in TrackerBias.__dataclass_fields__)
            )
    except (OSError, ValueError, KeyError) as error:
        raise AssetError(
            f"{BIAS_PATH}: cannot be read ({error}); restore it from the repository."
        ) from error


def write_bias(table: TrackerBias, path: Path = BIAS_PATH) -> None:
    """Keep a table; half floats are finer than a hundredth of its error."""
    np.savez_compressed(
        path,
        mean_T=table.mean_T,
        size_T=table.size_T,
        weights_KR=table.weights_KR.astype(np.float16),
        directions_RN2=table.directions_RN2.astype(np.float16),
        error_N=table.error_N,
    )


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
    traits = np.zeros(NUM_TRAITS) if traits_T is None else np.asarray(traits_T, np.float64)
    standard = _standardised(traits[None], table.mean_T, table.size_T)
    features_K = _features(_turn(rotation_33)[None], standard)[0].astype(np.float32)
    weights_R = features_K @ table.weights_KR
    upright = (weights_R @ table.directions_RN2.reshape(len(weights_R), -1)).reshape(-1, 2)
    return (upright @ _roll(rotation_33).T * scale_px).astype(np.float32)


def _gaps(samples: Sequence[TrackedPose]) -> Doubles:
    """(S, N, 2) tracker minus table, inter-ocular units, upright."""
    return np.array(
        [(s.found_N2 - s.table_N2) / s.scale_px @ _roll(s.rotation_33) for s in samples]
    )


def _fit(samples: Sequence[TrackedPose]) -> TrackerBias:
    """Ridge regression, large errors counting less (the mean distance is judged, not its square).

    Frames where the tracker lost the face teach nothing.
    """
    gaps_SN2 = _gaps(samples)
    kept = np.median(np.linalg.norm(gaps_SN2, axis=2), axis=1) < _OUTLIER
    traits = np.array([s.traits_T for s in samples], np.float64)[kept]
    mean, size = traits.mean(0), traits.std(0) + 1e-6
    turns = np.array([_turn(s.rotation_33) for s in samples])[kept]
    features = _features(turns, _standardised(traits, mean, size))
    gaps = gaps_SN2[kept].reshape(kept.sum(), -1)
    # the dual form: as many equations as samples, however many features
    kernel = features @ features.T
    trust = np.ones(len(gaps))
    for _ in range(1 + _NUM_REWEIGHTED):
        shares = np.linalg.solve(kernel + np.diag(_RIDGE / trust), gaps)
        left = np.linalg.norm((gaps - kernel @ shares).reshape(len(gaps), -1, 2), axis=2)
        trust = 1 / np.maximum(left.mean(1), _LEAST_ERROR)
        trust /= trust.mean()
    said = kernel @ shares
    # few directions carry all that is said: the table stays small
    _, _, directions = np.linalg.svd(said, full_matrices=False)
    directions = directions[:NUM_DIRECTIONS]
    weights = features.T @ (shares @ directions.T)
    return TrackerBias(
        mean_T=mean.astype(np.float32),
        size_T=size.astype(np.float32),
        weights_KR=weights.astype(np.float32),
        directions_RN2=directions.reshape(-1, NUM_LANDMARKS, 2).astype(np.float32),
        error_N=np.zeros(NUM_LANDMARKS, np.float32),
    )


def held_out_errors(samples: Sequence[TrackedPose], num_folds: int = 5) -> Doubles:
    """(S, N) distances to the tracker; every person judged by a fit without that person."""
    person = np.array([s.person for s in samples])
    people = np.random.default_rng(0).permutation(np.unique(person))
    left = np.empty((len(samples), NUM_LANDMARKS))
    for fold in np.array_split(people, num_folds):
        judged = np.isin(person, fold)
        table = _fit([s for s, out in zip(samples, judged, strict=True) if not out])
        for k in np.flatnonzero(judged):
            s = samples[k]
            ours = s.table_N2 + bias_at(s.rotation_33, s.scale_px, s.traits_T, table)
            left[k] = np.linalg.norm(ours - s.found_N2, axis=1) / s.scale_px
    return left


def fit_bias(samples: Sequence[TrackedPose]) -> TrackerBias:
    """The bias fitted on all samples, with the error of held-out people beside it."""
    table = _fit(samples)
    error = held_out_errors(samples).mean(0).astype(np.float32)
    return replace(table, error_N=error)
