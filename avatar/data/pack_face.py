"""The face pack from ICT-FaceKit's FaceXModel: meshes of one topology become arrays.

Knows that model's order of vertices and its uv sheets; nothing of people. Deltas below 1e-4 cm
are noise of the files' decimals and become 0.

Shape legend: V 26719 vertices, T triangles, K identities, E expressions.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avatar.data.pack_files import Mesh, islands, read_mesh, read_text, read_vertices
from avatar.errors import AssetError

Arrays = dict[str, NDArray[Any]]
Doubles = NDArray[np.float64]

REGIONS = (
    ("face", 9409), ("head_neck", 1839), ("mouth_socket", 2046), ("eye_socket_left", 384),
    ("eye_socket_right", 384), ("gums_tongue", 2977), ("teeth", 4412), ("eyeball_left", 1570),
    ("eyeball_right", 1570), ("lacrimal_left", 204), ("lacrimal_right", 204),
    ("eye_blend_left", 24), ("eye_blend_right", 24), ("eye_occlusion_left", 152),
    ("eye_occlusion_right", 152), ("eyelashes_left", 684), ("eyelashes_right", 684),
)  # fmt: skip
"""Pieces of the model in the order of their vertices (its own README), and their sizes."""
NUM_VERTICES = sum(size for _, size in REGIONS)
NUM_IDENTITIES = 100
SIDED = {"_L": "Left", "_R": "Right"}
WHOLE = ("browInnerUp", "cheekPuff")
"""ARKit has no sides of these: the sum of both halves."""
_LEAST_CM = 1e-4
_CORNEA, _IRIS = 0.13907, 0.46
"""Radii on the sheets of sclera and iris within which the cornea's cap and the iris lie."""
SEATS: tuple[tuple[str, float, float, tuple[float, float, float]], ...] = (
    ("male_young_mix", 0.09661178, 3.5470865, (0.0, -0.03216072, -0.00753872)),
    ("female_young_mix", 0.08864219, 1.5855931, (0.0, 0.00270528, 0.01868837)),
    ("androgynous_young_mix", 0.09255863, 2.6566303, (0.0, -0.01157640, 0.00728498)),
)
"""This head on MakeHuman bodies: scale, pitch (degrees), offset (dm) from the middle of the eyes.

Fitted once by iterative closest points of the neutral face against the bodies' heads.
"""


def _delta(path: Path, neutral_V3: Doubles) -> Doubles:
    vertices = read_vertices(path)
    if vertices.shape != neutral_V3.shape:
        raise AssetError(f"{path}: {len(vertices)} vertices, expected {len(neutral_V3)}.")
    delta = vertices - neutral_V3
    delta[np.abs(delta) < _LEAST_CM] = 0
    return delta


def _lists(path: Path) -> tuple[list[str], list[int]]:
    """(names of the expressions, vertices of the 68 landmarks)."""
    try:
        lists = json.loads(read_text(path))
        return list(lists["expressions"]), list(lists["idx_to_landmark_verts"])
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise AssetError(f"{path}: damaged ({error}). Fetch it again.") from error


def _expressions(
    folder: Path, names: list[str], neutral_V3: Doubles
) -> tuple[list[str], list[Doubles]]:
    """ARKit names and shapes."""
    found: dict[str, Doubles] = {}
    for name in names:
        side = SIDED.get(name[-2:], "")
        stem = name[:-2] if side else name
        arkit = stem if stem in WHOLE else stem + side
        delta = _delta(folder / f"{name}.obj", neutral_V3)
        found[arkit] = found[arkit] + delta if arkit in found else delta
    return list(found), list(found.values())


def _fit_sphere(points_P3: Doubles) -> tuple[Doubles, float]:
    """(centre, radius) by least squares."""
    p = points_P3
    solved = np.linalg.lstsq(np.c_[2 * p, np.ones(len(p))], (p * p).sum(1), rcond=None)[0]
    return solved[:3], float(np.sqrt(solved[3] + solved[:3] @ solved[:3]))


def _eyes(mesh: Mesh, tri: NDArray[Any], tri_uv: NDArray[Any], material: NDArray[Any]) -> Arrays:
    """Centres, radii and axes of the eyeballs, and which part of an eye each triangle is."""
    on_sheet = np.linalg.norm(mesh.places_U2 % 1 - 0.5, axis=1)
    corner, middle = on_sheet[tri_uv], (mesh.places_U2[tri_uv] % 1).mean(1) - 0.5
    part = np.zeros(len(tri), np.uint8)
    centres, radii, axes = [], [], []
    for side in ("Left", "Right"):
        white = material == mesh.groups.index(f"M_Sclera{side}")
        iris = material == mesh.groups.index(f"M_Iris{side}")
        part[white] = np.where(corner[white].max(1) < _CORNEA, 2, 1)
        part[iris] = np.where(np.linalg.norm(middle[iris], axis=1) < _IRIS, 3, 4)
        centre, radius = _fit_sphere(mesh.vertices_V3[np.unique(tri[white])])
        pole = tri[white].ravel()[corner[white].argmin()]
        axis = mesh.vertices_V3[pole] - centre
        centres.append(centre)
        radii.append(radius)
        axes.append(axis / np.linalg.norm(axis))
    return {
        "eye_tri_part": part,
        "eye_center": np.array(centres, np.float32),
        "eye_radius": np.array(radii, np.float32),
        "eye_axis": np.array(axes, np.float32),
    }


def _tongue(mesh: Mesh, tri: NDArray[Any], tri_uv: NDArray[Any], in_mouth: Any) -> NDArray[Any]:
    """1 for the tongue's vertices: two islands of the mouth's sheet, narrow and below the teeth."""
    rows = np.flatnonzero(in_mouth)
    piece = islands(tri_uv[rows])
    mask = np.zeros(len(mesh.vertices_V3), np.uint8)
    for k in range(piece.max() + 1):
        vertices = np.unique(tri[rows[piece == k]])
        at = mesh.vertices_V3[vertices]
        if 1.5 < np.abs(at[:, 0]).max() < 2.2 and at[:, 1].max() < -2.5:
            mask[vertices] = 1
    return mask


def face_pack(folder: Path) -> Arrays:
    """The arrays of `face.npz` from the folder FaceXModel.

    Raises AssetError that names a file which is missing, damaged or of another model.
    """
    path = folder / "generic_neutral_mesh.obj"
    mesh = read_mesh(path, "usemtl")
    neutral = mesh.vertices_V3
    if len(neutral) != NUM_VERTICES:
        raise AssetError(f"{path}: {len(neutral)} vertices, expected {NUM_VERTICES}.")
    originals, landmarks = _lists(folder / "vertex_indices.json")
    region = np.repeat(np.arange(len(REGIONS)), [n for _, n in REGIONS]).astype(np.uint8)
    tri, tri_uv, polygon = mesh.triangles()
    material = mesh.group_P[polygon]
    tri_region = region[tri].max(1)
    names = [name for name, _ in REGIONS]
    people = [
        _delta(folder / f"identity{k:03d}.obj", neutral).astype(np.float16)
        for k in range(NUM_IDENTITIES)
    ]
    expression_names, expressions = _expressions(folder, originals, neutral)
    return {
        "neutral": neutral.astype(np.float32),
        "tri": tri,
        "tri_uv": tri_uv,
        "uv": mesh.places_U2.astype(np.float32),
        "tri_region": tri_region,
        "vertex_region": region,
        "region_names": np.array(names),
        "tri_material": material.astype(np.uint8),
        "material_names": np.array([re.sub("^M_", "", name) for name in mesh.groups]),
        "identity": np.array(people),
        "expr": np.array(expressions, np.float16),
        "expr_names": np.array(expression_names),
        "landmarks68": np.array(landmarks, np.int32),
        "tongue_mask": _tongue(mesh, tri, tri_uv, tri_region == names.index("gums_tongue")),
        **_eyes(mesh, tri, tri_uv, material),
        "mh_align_names": np.array([name for name, *_ in SEATS]),
        "mh_align_scale": np.array([scale for _, scale, _, _ in SEATS], np.float32),
        "mh_align_pitch_deg": np.array([pitch for _, _, pitch, _ in SEATS], np.float32),
        "mh_align_offset_from_mid_eye": np.array([o for *_, o in SEATS], np.float32),
    }
