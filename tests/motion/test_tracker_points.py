"""Landmark lists read from their wire format."""

from __future__ import annotations

import numpy as np
from mediapipe.framework.formats import landmark_pb2

from avatar.motion.tracker_points import points_of


def landmark_list(points: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> object:
    result = landmark_pb2.NormalizedLandmarkList()
    for x, y, z in points:
        result.landmark.add(x=x, y=y, z=z)
    return result


def test_points_read_from_the_wire_are_those_that_were_written() -> None:
    points = np.random.default_rng(0).normal(size=(478, 3))
    points[0] = 0.0
    np.testing.assert_array_equal(points_of(landmark_list(points)), points.astype(np.float32))


def test_landmarks_that_say_more_or_less_are_read_all_the_same() -> None:
    points = np.random.default_rng(1).normal(size=(21, 3))
    seen = landmark_list(points)
    for landmark in seen.landmark:  # type: ignore[attr-defined]
        landmark.visibility = 0.5
    np.testing.assert_array_equal(points_of(seen), points.astype(np.float32))
    flat = landmark_pb2.NormalizedLandmarkList()
    flat.landmark.add(x=0.25, y=0.75)
    np.testing.assert_array_equal(points_of(flat), [[0.25, 0.75, 0.0]])
