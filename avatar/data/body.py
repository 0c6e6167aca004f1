"""The open body (MakeHuman data): build, skeleton, skinning, and where the head sits on it.

Knows shape and pose; no clothes, no colours. The body lives in decimetres in its own axes; what
leaves this file for a scene is in the head's centimetres (`to_head_cm`).
Shape legend: V body vertices (19158, helpers included), B bones, 3 components.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from avatar.data.assets import load_pack
from avatar.data.head import head_model
from avatar.jit import kernel

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Doubles = NDArray[np.float64]

NUM_BODY_VERTICES = 13380
"""Vertices of the body proper; the rest are helpers that clothes are fitted to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """An adult body; every number 0..1."""

    male: float = 0.5
    old: float = 0.1
    """0 is 25 years, 1 is 90."""
    african: float = 1 / 3
    asian: float = 1 / 3
    caucasian: float = 1 / 3
    muscle: float = 0.5
    weight: float = 0.5


@cache
def _target_rows() -> dict[str, int]:
    return {str(name): k for k, name in enumerate(load_pack("body")["target_names"])}


def add_target(vertices_V3: Floats, name: str, amount: float) -> None:
    """Add a sparse MakeHuman target in place; absent all-zero targets are skipped."""
    pack = load_pack("body")
    k = _target_rows().get(name)
    if k is None or abs(amount) < 1e-4:
        return
    rows = slice(int(pack["target_ptr"][k]), int(pack["target_ptr"][k + 1]))
    vertices_V3[pack["target_idx"][rows]] += pack["target_delta"][rows] * (
        pack["target_scale"] * amount
    )


def _spread(value: float, low: str, middle: str, high: str) -> list[tuple[str, float]]:
    if value < 0.5:
        return [(low, 1 - 2 * value), (middle, 2 * value)]
    return [(middle, 2 - 2 * value), (high, 2 * value - 1)]


def body_shape(build: Build) -> Floats:
    """Bind-pose vertices (19158, 3) in dm."""
    out = load_pack("body")["base"].astype(np.float32).copy()
    total = build.african + build.asian + build.caucasian
    races = (("african", build.african), ("asian", build.asian), ("caucasian", build.caucasian))
    for gender, g in (("male", build.male), ("female", 1 - build.male)):
        for age, a in (("old", build.old), ("young", 1 - build.old)):
            for race, r in races:
                add_target(out, f"macrodetails/{race}-{gender}-{age}", g * a * r / total)
            for muscle, m in _spread(build.muscle, "min", "average", "max"):
                for weight, w in _spread(build.weight, "min", "average", "max"):
                    add_target(
                        out,
                        f"macrodetails/universal-{gender}-{age}-{muscle}muscle-{weight}weight",
                        g * a * m * w,
                    )
    return out


@dataclass(frozen=True, slots=True)
class Seat:
    """The similarity between head centimetres and body decimetres."""

    scale: float
    rotation_33: Floats
    head_point_3: Floats
    body_point_3: Floats

    def to_head_cm(self, body_dm_V3: Floats) -> Floats:
        """Body points in the head's space."""
        return (
            (body_dm_V3 - self.body_point_3) @ self.rotation_33 / self.scale + self.head_point_3
        ).astype(np.float32)


def seat_head(body_V3: Floats, male: float) -> Seat:
    """Where the face model sits on a morphed body (fits made once, see docs/DATA.md)."""
    face = load_pack("face")
    k = 0 if male > 0.66 else 1 if male < 0.34 else 2
    pitch = float(np.radians(face["mh_align_pitch_deg"][k]))
    c, s = np.cos(pitch), np.sin(pitch)
    eyes = (body_V3[14598:14670].mean(0) + body_V3[14670:14742].mean(0)) / 2
    return Seat(
        float(face["mh_align_scale"][k]),
        np.array([[1, 0, 0], [0, c, -s], [0, s, c]], np.float32),
        head_model().eye_centre_23.mean(0),
        (eyes + face["mh_align_offset_from_mid_eye"][k]).astype(np.float32),
    )


@cache
def _bone_rows() -> dict[str, int]:
    return {str(name): b for b, name in enumerate(load_pack("body")["bone_names"])}


@dataclass(frozen=True, slots=True)
class Skeleton:
    """Bones of one morphed body in bind pose."""

    names: tuple[str, ...]
    parents_B: NDArray[np.int16]
    heads_B3: Floats
    tails_B3: Floats

    def index(self, name: str) -> int:
        """Bone by MakeHuman name."""
        return _bone_rows()[name]


def fit_skeleton(body_V3: Floats) -> Skeleton:
    """Joints are means of mesh vertices, so that they follow every build."""
    pack = load_pack("body")
    ptr, vert = pack["joint_ptr"], pack["joint_vert"]
    joints = np.add.reduceat(body_V3[vert], ptr[:-1].astype(np.int64), axis=0)
    joints /= np.diff(ptr)[:, None]
    return Skeleton(
        tuple(str(n) for n in pack["bone_names"]),
        pack["bone_parent"],
        joints[pack["bone_head_joint"]].astype(np.float32),
        joints[pack["bone_tail_joint"]].astype(np.float32),
    )


@kernel
def chain_bones(
    parents_B: NDArray[np.int16], heads_B3: Floats, turns_B33: Doubles,
    is_fixed_B: NDArray[np.bool_], rotation_B33: Doubles, shift_B3: Doubles,
) -> None:  # fmt: skip
    """v' = R_b v + t_b of every bone, parents before children.

    A turn is a rotation in bind-pose world axes about the bone's own head: on top of its parent's,
    or instead of it where the bone is fixed.
    """
    for b in range(parents_B.shape[0]):
        parent = parents_B[b]
        for r in range(3):
            for c in range(3):
                if is_fixed_B[b] or parent < 0:
                    rotation_B33[b, r, c] = turns_B33[b, r, c]
                else:
                    rotation_B33[b, r, c] = (
                        rotation_B33[parent, r, 0] * turns_B33[b, 0, c]
                        + rotation_B33[parent, r, 1] * turns_B33[b, 1, c]
                        + rotation_B33[parent, r, 2] * turns_B33[b, 2, c]
                    )
        for r in range(3):
            at = heads_B3[b, r] * 1.0
            if parent >= 0:
                at = shift_B3[parent, r]
                for c in range(3):
                    at += rotation_B33[parent, r, c] * heads_B3[b, c]
            for c in range(3):
                at -= rotation_B33[b, r, c] * heads_B3[b, c]
            shift_B3[b, r] = at


@kernel
def blend_skin(
    points_V3: Floats, bones_VK: Ints, weights_VK: Floats, rotation_B33: Floats, shift_B3: Floats,
    out_V3: Floats,
) -> None:  # fmt: skip
    """Linear blend skinning with K bones per vertex."""
    for v in range(points_V3.shape[0]):
        x, y, z = points_V3[v, 0], points_V3[v, 1], points_V3[v, 2]
        for k in range(bones_VK.shape[1]):
            w = weights_VK[v, k]
            if w == 0.0:
                continue
            b = bones_VK[v, k]
            for c in range(3):
                out_V3[v, c] += w * (
                    rotation_B33[b, c, 0] * x
                    + rotation_B33[b, c, 1] * y
                    + rotation_B33[b, c, 2] * z
                    + shift_B3[b, c]
                )


@cache
def _four_bones() -> tuple[Ints, Floats]:
    pack = load_pack("body")
    return pack["top4_bone"].astype(np.int32), pack["top4_weight"].astype(np.float32)


def skin_body(body_V3: Floats, rotation_B33: Floats, shift_B3: Floats) -> Floats:
    """The posed body mesh, four bones per vertex."""
    out = np.zeros_like(body_V3)
    blend_skin(body_V3, *_four_bones(), rotation_B33, shift_B3, out)
    return out


@cache
def hand_weight() -> Floats:
    """Share of the bones from the wrist on per body vertex."""
    pack = load_pack("body")
    names = [str(n) for n in pack["bone_names"]]
    parents = pack["bone_parent"]
    above = set()
    for b, name in enumerate(names):
        if name.startswith("wrist") or int(parents[b]) in above:
            above.add(b)
    ptr = pack["weight_ptr"]
    part = np.isin(pack["weight_bone"], list(above)) * pack["weight_val"].astype(np.float32)
    return np.add.reduceat(part, ptr[:-1].astype(np.int64)).astype(np.float32)


def turn_about(axis: str, degrees: float) -> NDArray[np.float64]:
    """Rotation matrix about x, y or z."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    if axis == "x":
        return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    if axis == "y":
        return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


ARMS_DOWN = {
    "clavicle.L": turn_about("z", -8),
    "clavicle.R": turn_about("z", 8),
    "upperarm01.L": turn_about("z", -27),
    "upperarm01.R": turn_about("z", 27),
    "upperleg01.L": turn_about("z", -4),
    "upperleg01.R": turn_about("z", 4),
}
"""The rest pose: the model's own stands with its arms away from the body."""
