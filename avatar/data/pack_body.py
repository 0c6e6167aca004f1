"""Body and wardrobe packs from MakeHuman's base mesh, targets, rig and clothes (CC0 data).

Knows those files' meaning; nothing of people. Decimetres throughout.

Shape legend: V 19158 vertices, T triangles, B bones, J joints, N garment vertices.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avatar.data.pack_files import read_mesh, read_target, read_text
from avatar.errors import AssetError

Arrays = dict[str, NDArray[Any]]

TARGET_SCALE = 0.001
"""Targets have three decimals: 16-bit integers hold them without loss."""
_NOT_ADULT = re.compile(r"baby|child|genital|penis|bulge|nipple|(min|max)firmness")
JOINTS = "joint-cubes"


def _targets(folder: Path) -> Arrays:
    """Shapes of adults, sparse: target k owns rows ptr[k] to ptr[k + 1]."""
    paths = {
        path.relative_to(folder).with_suffix("").as_posix(): path
        for path in sorted(folder.rglob("*.target"))
    }
    names = [name for name in sorted(paths) if not _NOT_ADULT.search(name)]
    if not names:
        raise AssetError(f"{folder}: no targets. Fetch it again: data assets --fetch.")
    index, delta, ptr, kept = [], [], [0], []
    for name in names:
        vertices, moved = read_target(paths[name])
        whole = np.rint(moved / TARGET_SCALE).astype(np.int16)
        used = whole.any(1)
        if not used.any():
            continue
        kept.append(name)
        index.append(vertices[used].astype(np.uint16))
        delta.append(whole[used])
        ptr.append(ptr[-1] + int(used.sum()))
    return {
        "target_names": np.array(kept),
        "target_ptr": np.array(ptr, np.int64),
        "target_idx": np.concatenate(index),
        "target_delta": np.concatenate(delta),
        "target_scale": np.array(TARGET_SCALE, np.float32),
    }


def _json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(read_text(path)))
    except (json.JSONDecodeError, TypeError, ValueError) as error:
        raise AssetError(f"{path}: damaged ({error}). Fetch it again.") from error


def _in_order(bones: dict[str, Any]) -> list[str]:
    """Bone names branch by branch, so that parents come before their children."""
    order: list[str] = []
    waiting = [name for name, bone in bones.items() if not bone["parent"]]
    while waiting:
        order.append(waiting.pop(0))
        waiting = [n for n, b in bones.items() if b["parent"] == order[-1]] + waiting
    return order


def _rig(folder: Path, base_V3: NDArray[np.float64]) -> Arrays:
    """Bones, the joints that follow the mesh, and skin weights."""
    rig = _json(folder / "default.mhskel")
    bones, joints = rig["bones"], rig["joints"]
    names, joint_names = _in_order(bones), list(joints)
    at = {name: k for k, name in enumerate(joint_names)}
    ptr = np.cumsum([0, *(len(joints[name]) for name in joint_names)])
    places = np.array([base_V3[joints[name]].mean(0) for name in joint_names], np.float32)
    head = np.array([at[bones[name]["head"]] for name in names], np.int16)
    tail = np.array([at[bones[name]["tail"]] for name in names], np.int16)
    rows: list[list[tuple[int, float]]] = [[] for _ in base_V3]
    weights = _json(folder / "default_weights.mhw")["weights"]
    for b, name in enumerate(names):
        for vertex, weight in weights.get(name, []):
            rows[vertex].append((b, weight))
    bone, value = [], []
    four_bones = np.zeros((len(rows), 4), np.uint8)
    four_weights = np.zeros((len(rows), 4), np.float64)
    for v, row in enumerate(rows):
        total = sum(w for _, w in row)
        row = [(b, w / total) for b, w in row] if total > 0 else [(0, 1.0)]
        bone += [b for b, _ in row]
        value += [w for _, w in row]
        rows[v] = row
        best = sorted(row, key=lambda pair: -pair[1])[:4]
        share = sum(w for _, w in best)
        for k, (b, w) in enumerate(best):
            four_bones[v, k], four_weights[v, k] = b, w / share
    return {
        "bone_names": np.array(names),
        "bone_parent": np.array(
            [names.index(p) if (p := bones[n]["parent"]) else -1 for n in names], np.int16
        ),
        "bone_head_joint": head,
        "bone_tail_joint": tail,
        "bone_head": places[head],
        "bone_tail": places[tail],
        "joint_names": np.array(joint_names),
        "joint_ptr": ptr.astype(np.int32),
        "joint_vert": np.concatenate([joints[name] for name in joint_names]).astype(np.uint16),
        "weight_ptr": np.cumsum([0, *(len(row) for row in rows)]).astype(np.int32),
        "weight_bone": np.array(bone, np.uint8),
        "weight_val": np.array(value, np.float16),
        "top4_bone": four_bones,
        "top4_weight": four_weights.astype(np.float16),
    }


def body_pack(folder: Path) -> Arrays:
    """The arrays of `body.npz` from the folder makehuman/data.

    Raises AssetError that names a file which is missing or damaged.
    """
    mesh = read_mesh(folder / "3dobjs" / "base.obj", "g")
    groups = list(dict.fromkeys(g for g in mesh.groups if not g.startswith("joint-"))) + [JOINTS]
    row_of = np.array([groups.index(g) if g in groups else len(groups) - 1 for g in mesh.groups])
    tri, tri_uv, polygon = mesh.triangles()
    group = row_of[mesh.group_P[polygon]]
    drawn = group != len(groups) - 1
    return {
        "base": mesh.vertices_V3.astype(np.float32),
        "tri": tri[drawn],
        "tri_uv": tri_uv[drawn],
        "tri_group": group[drawn].astype(np.uint8),
        "group_names": np.array(groups),
        "uv": mesh.places_U2.astype(np.float32),
        **_targets(folder / "targets"),
        **_rig(folder / "rigs", mesh.vertices_V3),
    }


def _deleted(words: list[str]) -> NDArray[np.int32]:
    """Vertices that runs like `3 - 7` and single numbers name."""
    out: list[int] = []
    k = 0
    while k < len(words):
        if words[k] == "-":
            out += range(out[-1] + 1, int(words[k + 1]) + 1)
            k += 2
        else:
            out.append(int(words[k]))
            k += 1
    return np.array(out, np.int32)


def _garment(path: Path) -> tuple[str, Arrays]:
    """One .mhclo file and its mesh."""
    head: dict[str, list[str]] = {}
    rows: list[list[float]] = []
    deleted: list[str] = []
    part = ""
    for line in read_text(path).splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] in ("verts", "delete_verts"):
            part = words[0]
        elif part == "verts" and words[0].lstrip("-").isdigit():
            values = [float(w) for w in words]
            exact = [values[0], 0, 1, 1, 0, 0, 0, 0, 0]  # one number: on that vertex
            rows.append(values if len(values) == 9 else exact)
        elif part == "delete_verts" and (words[0] == "-" or words[0].isdigit()):
            deleted += words
        else:
            head[words[0]] = words[1:]
    try:
        name = head["name"][0]
        mesh = read_mesh(path.parent / head["obj_file"][0], "g")
        scales = [head.get(f"{axis}_scale", ["-1", "-1", "1"]) for axis in "xyz"]
        table = np.array(rows, np.float64).reshape(-1, 9)
    except (KeyError, IndexError, ValueError) as error:
        raise AssetError(f"{path}: damaged ({error}). Fetch it again.") from error
    if len(table) != len(mesh.vertices_V3):
        raise AssetError(f"{path}: {len(table)} rows for {len(mesh.vertices_V3)} vertices.")
    tri, tri_uv, _ = mesh.triangles(is_shorter_cut=False)
    return name, {
        "verts": mesh.vertices_V3.astype(np.float32),
        "tri": tri,
        "tri_uv": tri_uv,
        "uv": mesh.places_U2.astype(np.float32),
        "ref": table[:, :3].astype(np.uint16),
        "ref_w": table[:, 3:6].astype(np.float32),
        "offset": table[:, 6:].astype(np.float32),
        "scale_verts": np.array([[int(a), int(b)] for a, b, _ in scales], np.int32),
        "scale_denom": np.array([float(c) for *_, c in scales], np.float32),
        "delete_verts": _deleted(deleted),
    }


def wardrobe_pack(folder: Path) -> Arrays:
    """The arrays of `wardrobe.npz` that this project wears: clothes and shoes of base/clothes.

    Raises AssetError that names a file which is missing or damaged.
    """
    paths = sorted((folder / "clothes").rglob("*.mhclo"))
    if not paths:
        raise AssetError(f"{folder / 'clothes'}: no clothes. Fetch it again: data assets --fetch.")
    out: Arrays = {}
    names = []
    for path in paths:
        name, arrays = _garment(path)
        names.append(name)
        out.update({f"{name}/{key}": value for key, value in arrays.items()})
    out["names"] = np.array(names)
    return out
