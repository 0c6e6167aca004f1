"""How alike two motions are: landmarks, apertures, head rotation, jerk, and what leaks.

Knows series of faces measured on two clips; does not know pictures. A series holds None where no
face was seen. Every function returns None where there is too little to say anything.

Shape legend: F frames; N landmarks; 3 components; 33 rotation matrices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from avatar.frames import FaceMotion, FloatArray
from avatar.motion.geometry import inter_ocular_px

Series = Sequence[FaceMotion | None]

MIN_FRAMES = 8
"""Fewer common faces say nothing about correlation or jerk."""
MIN_SWING = 0.01
"""An aperture that moves less than this (inter-ocular units, eye widths) is noise."""
_STANDSTILL = 0.0015
"""A still picture's aperture wanders by less: the tracker's own noise."""
MAX_LAG_FRAMES = 6
_FACE = slice(0, 468)


def landmark_distance(truth: FaceMotion, output: FaceMotion) -> float:
    """Mean distance of landmarks in the picture over the truth's inter-ocular distance."""
    difference = truth.landmarks_N3[_FACE, :2] - output.landmarks_N3[_FACE, :2]
    distance = float(np.linalg.norm(difference, axis=1).mean())
    return distance / max(inter_ocular_px(truth.landmarks_N3), 1e-6)


def rotation_error_deg(truth_33: FloatArray, output_33: FloatArray) -> float:
    """Geodesic angle between two head rotations."""
    cosine = (float(np.trace(truth_33.T @ output_33)) - 1.0) / 2.0
    return float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))


def mean_rotation_error_deg(truth: Series, output: Series) -> float | None:
    """Mean over all frames in which both faces are seen."""
    errors = [rotation_error_deg(t.rotation_33, o.rotation_33) for t, o in _common(truth, output)]
    return float(np.mean(errors)) if errors else None


def relative_rotation_error_deg(
    driving: Series,
    output: Series,
    driving_rest_33: FloatArray,
    reference_rest_33: FloatArray,
) -> float | None:
    """As above between turns away from each one's own rest pose."""
    errors = [
        rotation_error_deg(d.rotation_33 @ driving_rest_33.T, o.rotation_33 @ reference_rest_33.T)
        for d, o in _common(driving, output)
    ]
    return float(np.mean(errors)) if errors else None


def mouth_correlation(truth: Series, output: Series) -> float | None:
    """Pearson correlation of the lip apertures."""
    return _correlation(*_apertures(truth, output, _lips))


def eye_correlation(truth: Series, output: Series) -> float | None:
    """Pearson correlation of the mean lid apertures."""
    return _correlation(*_apertures(truth, output, _lids))


def mouth_lag_frames(truth: Series, output: Series) -> int | None:
    """Frames by which the output's lips follow the truth's: the lag of the best correlation."""
    x, y = _apertures(truth, output, _lips)
    if len(x) < MIN_FRAMES + 2 * MAX_LAG_FRAMES:
        return None
    best: tuple[float, int] | None = None
    for lag in range(-MAX_LAG_FRAMES, MAX_LAG_FRAMES + 1):
        earlier, later = (x, y) if lag >= 0 else (y, x)
        size = len(x) - abs(lag)
        score = _correlation(earlier[:size], later[abs(lag) :])
        if score is not None and (best is None or score > best[0]):
            best = (score, lag)
    return None if best is None else best[1]


def jerk_ratio(truth: Series, output: Series) -> float | None:
    """Mean size of the landmarks' third difference, output over truth; 1 is as calm as the truth.

    Landmarks are divided by each one's inter-ocular distance, and taken where four frames in a row
    show both faces.
    """
    truth_jerk, output_jerk = [], []
    for start in range(len(truth) - 3):
        window = list(zip(truth[start : start + 4], output[start : start + 4], strict=True))
        if all(t is not None and o is not None for t, o in window):
            truth_jerk.append(_third_difference([t for t, _ in window]))
            output_jerk.append(_third_difference([o for _, o in window]))
    if len(truth_jerk) < MIN_FRAMES:
        return None
    return float(np.mean(output_jerk) / max(float(np.mean(truth_jerk)), 1e-6))


def expression_error(
    driving: Series, output: Series, driving_rest_N3: FloatArray, reference_rest_N3: FloatArray
) -> float | None:
    """Mean landmark distance, in inter-ocular units, between both faces' departures from rest."""
    errors = []
    for d, o in _common(driving, output):
        driven = d.shape_N3[_FACE] - driving_rest_N3[_FACE]
        shown = o.shape_N3[_FACE] - reference_rest_N3[_FACE]
        errors.append(np.linalg.norm((driven - shown)[:, :2], axis=1).mean())
    return float(np.mean(errors)) if errors else None


def shape_leak(
    driving: Series, output: Series, driving_rest_N3: FloatArray, reference_rest_N3: FloatArray
) -> float | None:
    """How far the output's face is the driver's: 0 the reference's shape, 1 the driver's.

    The mean shape of the output, freed of the mean expression that was driven, is projected on the
    way from the reference's rest shape to the driver's. None where both have the same shape.
    """
    common = list(_common(driving, output))
    if len(common) < MIN_FRAMES:
        return None
    driven = np.mean([d.shape_N3[_FACE, :2] for d, _ in common], axis=0)
    shown = np.mean([o.shape_N3[_FACE, :2] for _, o in common], axis=0)
    rest, driver_rest = reference_rest_N3[_FACE, :2], driving_rest_N3[_FACE, :2]
    way = driver_rest - rest
    if float(np.linalg.norm(way, axis=1).mean()) < 0.02:
        return None
    departure = (shown - rest) - (driven - driver_rest)
    return float((departure * way).sum() / (way * way).sum())


def exact_shape_leak(
    truth: Series, output: Series, own: Sequence[FaceMotion], driver: Sequence[FaceMotion]
) -> float | None:
    """`shape_leak` where the true output is known: 0 the character's face, 1 the driver's.

    `own` and `driver` are the character and the driver at the same motion; how the output's mean
    shape departs from the truth's (both measured alike) is projected on the way between them.
    """
    common = list(_common(truth, output))
    if len(common) < MIN_FRAMES:
        return None

    def mean_shape(faces: Sequence[FaceMotion]) -> NDArray[np.float32]:
        return np.asarray(np.mean([face.shape_N3[_FACE, :2] for face in faces], axis=0))

    way = mean_shape(driver) - mean_shape(own)
    if float(np.linalg.norm(way, axis=1).mean()) < 0.02:
        return None
    departure = mean_shape([o for _, o in common]) - mean_shape([t for t, _ in common])
    return float((departure * way).sum() / (way * way).sum())


def bone_leak(reference: float, driving: float, output: float) -> float | None:
    """The same for one bone length in inter-ocular units; None where both are alike."""
    if abs(driving - reference) < 0.05 * reference:
        return None
    return (output - reference) / (driving - reference)


def _common(first: Series, second: Series) -> list[tuple[FaceMotion, FaceMotion]]:
    return [(a, b) for a, b in zip(first, second, strict=True) if a is not None and b is not None]


def _lips(face: FaceMotion) -> float:
    return face.lip_aperture


def _lids(face: FaceMotion) -> float:
    return float(face.lid_apertures_2.mean())


def _apertures(
    first: Series, second: Series, measure: Callable[[FaceMotion], float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    pairs = [(measure(a), measure(b)) for a, b in _common(first, second)]
    values = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    return values[:, 0], values[:, 1]


def _correlation(x: NDArray[np.float64], y: NDArray[np.float64]) -> float | None:
    """Pearson's r; None without swing in the truth, 0 for an output that does not move."""
    if len(x) < MIN_FRAMES or float(np.std(x)) < MIN_SWING:
        return None
    if float(np.std(y)) < _STANDSTILL:
        return 0.0
    return float(np.corrcoef(x, y)[0, 1])


def _third_difference(faces: Sequence[FaceMotion | None]) -> float:
    points = []
    for face in faces:
        assert face is not None
        points.append(face.landmarks_N3[_FACE, :2] / max(inter_ocular_px(face.landmarks_N3), 1e-6))
    return float(np.linalg.norm(np.diff(np.stack(points), n=3, axis=0)[0], axis=1).mean())
