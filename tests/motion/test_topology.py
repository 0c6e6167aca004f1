"""The face mesh as data."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from avatar.errors import AssetError
from avatar.motion import topology as topo


def all_triangles() -> np.ndarray:
    return np.concatenate([topo.face_triangles(), topo.mouth_triangles(), *topo.eye_triangles()])


def test_face_has_852_triangles_over_all_skin_landmarks():
    triangles = topo.face_triangles()
    assert triangles.shape == (852, 3)
    assert set(np.unique(triangles)) == set(range(468))


def test_interior_strips_close_the_holes_so_that_only_the_oval_is_open():
    edges = Counter(
        tuple(sorted(edge)) for t in all_triangles().tolist() for edge in combinations(t, 2)
    )
    assert max(edges.values()) == 2
    border = {edge for edge, uses in edges.items() if uses == 1}
    oval = topo.FACE_OVAL.tolist()
    ring = {tuple(sorted((a, b))) for a, b in zip(oval, oval[1:] + oval[:1], strict=True)}
    assert border == ring


def test_triangles_of_the_canonical_face_wind_clockwise_on_the_picture():
    face = topo.canonical_face()[:, :2].astype(float)
    a, b, c = (face[topo.face_triangles()[:, i]] for i in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    assert (area > 0).all()


def test_mirror_map_is_its_own_inverse_and_swaps_named_parts():
    mirror = topo.mirror_map()
    assert (mirror[mirror] == np.arange(478)).all()
    for left, right in (
        (topo.LEFT_LID_UPPER, topo.RIGHT_LID_UPPER),
        (topo.LEFT_LID_LOWER, topo.RIGHT_LID_LOWER),
        (topo.LEFT_LID_UPPER_CREASE, topo.RIGHT_LID_UPPER_CREASE),
        (topo.LEFT_LID_LOWER_CREASE, topo.RIGHT_LID_LOWER_CREASE),
        (topo.LEFT_BROW_UPPER, topo.RIGHT_BROW_UPPER),
        (topo.LEFT_BROW_LOWER, topo.RIGHT_BROW_LOWER),
        (topo.LIPS_INNER_UPPER[::-1], topo.LIPS_INNER_UPPER),
        (topo.LIPS_OUTER_LOWER[::-1], topo.LIPS_OUTER_LOWER),
        (topo.FACE_OVAL[1:][::-1], topo.FACE_OVAL[1:]),
    ):
        assert mirror[left].tolist() == right.tolist()
    assert mirror[473] == 468
    for group in (topo.LIPS, topo.NOSE, topo.RIGID):
        assert set(mirror[group]) == set(group)


def test_canonical_face_is_symmetric_with_inter_ocular_distance_one():
    face = topo.canonical_face()
    flipped = (face * [-1.0, 1.0, 1.0])[topo.mirror_map()]
    np.testing.assert_allclose(flipped, face, atol=1e-5)
    corners = face[topo.EYE_CORNERS]
    assert np.linalg.norm(corners[:2].mean(0) - corners[2:].mean(0)) == pytest.approx(1.0, abs=1e-5)
    assert face[topo.NOSE_TIP, 2] < face[topo.EAR_SIDES, 2].min() - 1.0


def test_left_parts_lie_on_picture_right():
    face = topo.canonical_face()
    for part in (topo.LEFT_LID_UPPER, topo.LEFT_BROW_LOWER, topo.LEFT_IRIS, topo.MOUTH_CORNERS[:1]):
        assert (face[part, 0] > 0).all()


def test_contours_run_in_order():
    face = topo.canonical_face()
    for contour in (topo.LIPS_OUTER_UPPER, topo.LIPS_INNER_LOWER):
        assert (np.diff(face[contour, 0]) > 0).all()
    for lid in (topo.RIGHT_LID_UPPER, topo.RIGHT_LID_LOWER):
        assert (np.diff(face[lid, 0]) > 0).all()
    steps = np.linalg.norm(np.diff(face[topo.FACE_OVAL], axis=0), axis=1)
    assert steps.max() < 0.6


def test_neighbours_are_mutual():
    neighbours = topo.neighbours()
    assert all(i in neighbours[j] for i in range(468) for j in neighbours[i].tolist())
    assert neighbours[468].size == 0


def test_missing_data_is_named_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(topo, "TOPOLOGY_PATH", tmp_path / "gone.npz")
    topo._arrays.cache_clear()
    try:
        with pytest.raises(AssetError, match=r"gone\.npz.*canonical"):
            topo.face_triangles()
    finally:
        topo._arrays.cache_clear()
