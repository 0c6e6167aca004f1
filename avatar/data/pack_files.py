"""Reads the files that the open 3D assets come in: OBJ meshes and MakeHuman targets.

Knows text formats only; what a mesh means is in `avatar.data.pack_face` and `pack_body`.

Shape legend: V vertices, U texture places, P polygons, T triangles.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from avatar.errors import AssetError

Doubles = NDArray[np.float64]
Ints = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Mesh:
    """An OBJ file (Wavefront, 1995): polygons of three or four corners."""

    vertices_V3: Doubles
    places_U2: Doubles
    polygons_P4: Ints
    """Vertices; -1 in the last column for triangles."""
    polygon_places_P4: Ints
    group_P: Ints
    groups: tuple[str, ...]
    """Names that `usemtl` or `g` lines give, in their order."""

    def triangles(self, *, is_shorter_cut: bool = True) -> tuple[Ints, Ints, Ints]:
        """(vertices T3, places T3, polygon T) of polygons cut along their shorter diagonal.

        With `is_shorter_cut` off all are cut from their first corner.
        """
        q, places = self.polygons_P4, self.polygon_places_P4
        at = self.vertices_V3
        is_four = q[:, 3] >= 0
        first = np.linalg.norm(at[q[:, 0]] - at[q[:, 2]], axis=1)
        second = np.linalg.norm(at[q[:, 1]] - at[q[:, 3]], axis=1)
        cut = np.where(is_four & (first > second) & is_shorter_cut, 1, 0)
        corners = np.array([[[0, 1, 2], [0, 2, 3]], [[0, 1, 3], [1, 2, 3]]])
        index, row = corners[cut].reshape(-1, 3), np.repeat(np.arange(len(q)), 2)
        kept = np.repeat(is_four, 2) | (np.arange(2 * len(q)) % 2 == 0)
        index, row = index[kept], row[kept]
        return (
            q[row[:, None], index].astype(np.int32),
            places[row[:, None], index].astype(np.int32),
            row.astype(np.int32),
        )


def read_text(path: Path) -> str:
    """A text file; AssetError names one that is missing or not text."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise AssetError(
            f"{path}: cannot be read ({error}). Fetch it again: data assets --fetch."
        ) from error


def numbers(path: Path, lines: list[str], columns: int) -> Doubles:
    """(rows, columns) of lines of numbers; AssetError names a file whose lines differ."""
    flat = np.array(" ".join(lines).split())
    if len(flat) != columns * len(lines):
        raise AssetError(f"{path}: expected {columns} numbers a line. Fetch it again.")
    try:
        return flat.astype(np.float64).reshape(-1, columns)
    except ValueError as error:
        raise AssetError(f"{path}: {error}. Fetch it again.") from error


def read_vertices(path: Path) -> Doubles:
    """Vertices (V, 3) of an OBJ file."""
    lines = [line[2:] for line in read_text(path).splitlines() if line.startswith("v ")]
    return numbers(path, lines, 3)


def read_mesh(path: Path, group_by: str) -> Mesh:
    """A whole OBJ file; `group_by` is the keyword that begins a group: usemtl or g."""
    vertices, places, faces, owners = [], [], [], []
    groups: list[str] = []
    for line in read_text(path).splitlines():
        word, _, rest = line.partition(" ")
        if word == "v":
            vertices.append(rest)
        elif word == "vt":
            places.append(" ".join(rest.split()[:2]))
        elif word == "f":
            faces.append(rest)
            owners.append(len(groups) - 1)
        elif word == group_by:
            groups.append(rest.strip())
    polygons, polygon_places = [], []
    for face in faces:
        corners = [(corner.split("/") + ["0"])[:2] for corner in face.split()]
        if len(corners) not in (3, 4):
            raise AssetError(f"{path}: a polygon of {len(corners)} corners; must be 3 or 4.")
        corners += [["0", "0"]] * (4 - len(corners))
        polygons.append([int(v) - 1 for v, _ in corners])
        polygon_places.append([int(t or 0) - 1 for _, t in corners])
    return Mesh(
        numbers(path, vertices, 3),
        numbers(path, places, 2),
        np.array(polygons, np.int32).reshape(-1, 4),
        np.array(polygon_places, np.int32).reshape(-1, 4),
        np.array(owners, np.int32),
        tuple(groups),
    )


def read_target(path: Path) -> tuple[NDArray[np.int64], Doubles]:
    """(vertices, displacements (rows, 3)) of a MakeHuman target."""
    lines = [s for s in read_text(path).splitlines() if s.strip() and not s.startswith("#")]
    rows = numbers(path, lines, 4)
    return rows[:, 0].astype(np.int64), rows[:, 1:]


def islands(triangles_T3: NDArray[Any]) -> Ints:
    """(T,) which connected piece each triangle belongs to."""
    used, flat = np.unique(triangles_T3, return_inverse=True)
    t = flat.reshape(-1, 3)
    ends = (t[:, [0, 1]].ravel(), t[:, [1, 2]].ravel())
    graph = coo_matrix((np.ones(len(ends[0])), ends), shape=(len(used), len(used)))
    return np.asarray(connected_components(graph, directed=False)[1][t[:, 0]], np.int32)
