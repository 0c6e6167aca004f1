"""Motion capture on the bodies: clips of the open motion pack become body poses.

Knows the pack's skeletons and how their joints map to the body's bones; no shapes. Rotations are
taken against the chest, where the head sits, so that heads keep their own acting; the chest's own
lean and turn come as a rotation of the whole person.

Retargeting: a driven bone's global rotation is the joint's times the shortest rotation from the
body's rest direction to the skeleton's. Shape legend: F frames, J joints.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from avatar.data.assets import load_pack
from avatar.data.limbs import BodyPose, shortest

Doubles = NDArray[np.float64]

FPS = 30.0
MAX_CHEST_TURN = np.radians(50.0)
"""Frames in which the chest turns farther from the clip's own front are not used."""
MAX_ROLL = np.radians(65.0)
"""A hand's roll against its forearm; motion capture joints roll farther than skin can."""
_CHEST_BONES = ("spine01", "spine02")
_KEEPS_OWN = ("root", "spine", "neck", "head", "clavicle", "foot")
"""Bones whose rest direction is the skeleton's: no correction."""


@dataclass(frozen=True, slots=True)
class _Skeleton:
    parents_J: NDArray[np.int16]
    quat_FJ4: NDArray[np.float16]
    bones_J: tuple[tuple[str, ...], ...]
    adjust_J33: Doubles
    chest: int
    spans: tuple[tuple[int, int], ...]
    """Runs of frames without marker swaps: (first, length)."""


@cache
def _skeleton(name: str) -> _Skeleton:
    pack, body = load_pack("motion"), load_pack("body")
    names = [str(n) for n in body["bone_names"]]
    heads, tails = body["bone_head"], body["bone_tail"]
    offsets, parents = pack[f"{name}/offsets"], pack[f"{name}/parents"]
    bones = tuple(tuple(b for b in str(n).split(",") if b) for n in pack[f"{name}/mh_bones"])
    adjust = np.tile(np.eye(3), (len(parents), 1, 1))
    chest = -1
    for j, driven in enumerate(bones):
        if set(driven) & set(_CHEST_BONES):
            chest = j
        if not driven or driven[0].startswith(_KEEPS_OWN):
            continue
        children = [c for c in np.flatnonzero(parents == j) if np.linalg.norm(offsets[c]) > 1e-3]
        end = offsets[children[0]] if children else pack[f"{name}/end_offsets"][j]
        if np.linalg.norm(end) < 1e-3:
            continue
        rest = tails[names.index(driven[-1])] - heads[names.index(driven[0])]
        adjust[j] = shortest(rest.astype(np.float64), end.astype(np.float64))
    spans = []
    bad = pack[f"{name}/bad_step"]
    for first, long in zip(pack[f"{name}/clip_start"], pack[f"{name}/clip_len"], strict=True):
        cuts = [int(first), *(int(first) + np.flatnonzero(bad[first : first + long]))]
        for start, end in zip(cuts, [*cuts[1:], int(first + long)], strict=True):
            if end - start > 20:
                spans.append((int(start), int(end - start)))
    return _Skeleton(parents, pack[f"{name}/quat"], bones, adjust, chest, tuple(spans))


def _globals(skeleton: _Skeleton, frame: int) -> Doubles:
    quat = skeleton.quat_FJ4[frame].astype(np.float64)
    quat /= np.linalg.norm(quat, axis=1, keepdims=True)
    local = Rotation.from_quat(quat[:, [1, 2, 3, 0]]).as_matrix()
    out = np.empty_like(local)
    for j, parent in enumerate(skeleton.parents_J):
        out[j] = local[j] if parent < 0 else out[parent] @ local[j]
    return out


@dataclass(frozen=True, slots=True)
class Captured:
    """One frame of motion capture."""

    pose: BodyPose
    chest_rotvec_3: Doubles
    """Turn and lean of the chest against the clip's front."""


def _heading(chest_33: Doubles) -> float:
    return float(np.arctan2(chest_33[0, 2], chest_33[2, 2]))


def play(seed: int, num_frames: int, fps: float = 25.0) -> list[Captured]:
    """A random stretch of motion capture in which the chest stays turned to the front."""
    rng = np.random.default_rng([seed, 22])
    names = [str(n) for n in load_pack("motion")["skeletons"]]
    weights = np.array([sum(s[1] for s in _skeleton(n).spans) for n in names], np.float64)
    weights = np.sqrt(weights)
    best: list[Captured] = []
    best_turn = np.inf
    for _ in range(12):
        skeleton = _skeleton(names[int(rng.choice(len(names), p=weights / weights.sum()))])
        spans = [s for s in skeleton.spans if s[1] > num_frames * FPS / fps + 1]
        if not spans:
            continue
        first, long = spans[int(rng.integers(len(spans)))]
        start = first + rng.uniform(0, long - num_frames * FPS / fps - 1)
        frames = [int(start + k * FPS / fps) for k in range(num_frames)]
        world = [_globals(skeleton, f) for f in frames]
        chests = [w[skeleton.chest] for w in world]
        front = np.arctan2(*np.mean([[np.sin(_heading(c)), np.cos(_heading(c))] for c in chests],
                                    axis=0))  # fmt: skip
        square = Rotation.from_euler("y", -front).as_matrix()
        turns = [Rotation.from_matrix(square @ c).as_rotvec() for c in chests]
        worst = max(float(np.linalg.norm(t)) for t in turns)
        if worst < best_turn:
            best_turn = worst
            best = [
                Captured(_pose(skeleton, w), t) for w, t in zip(world, turns, strict=True)
            ]  # fmt: skip
        if worst < MAX_CHEST_TURN:
            break
    limit = max(best_turn / MAX_CHEST_TURN, 1.0)
    return [Captured(c.pose, c.chest_rotvec_3 / limit) for c in best]


@cache
def forearm_axes() -> dict[str, Doubles]:
    """Unit directions of the forearms in the body's rest pose."""
    body = load_pack("body")
    names = [str(n) for n in body["bone_names"]]
    axes = {}
    for side in ("L", "R"):
        run = body["bone_head"][names.index(f"wrist.{side}")].astype(np.float64)
        run = run - body["bone_head"][names.index(f"lowerarm01.{side}")]
        axes[side] = run / np.linalg.norm(run)
    return axes


def spread_twist(turns: dict[str, Doubles]) -> None:
    """Limit a hand's roll against its forearm and let the forearm's lower half carry half of it.

    Linear skinning pinches a joint that rolls far; bones roll along the forearm, not at the wrist.
    `turns` are changed in place.
    """
    for side, axis in forearm_axes().items():
        upper, hand = turns.get(f"lowerarm01.{side}"), turns.get(f"wrist.{side}")
        if upper is None or hand is None:
            continue
        x, y, z, w = Rotation.from_matrix(upper.T @ hand).as_quat()
        roll = 2 * np.arctan2(np.dot([x, y, z], axis), w)
        roll = (roll + np.pi) % (2 * np.pi) - np.pi
        kept = float(np.clip(roll, -MAX_ROLL, MAX_ROLL))
        back = Rotation.from_rotvec(axis * (kept - roll)).as_matrix()
        for bone in turns:
            if bone.endswith(f".{side}") and bone.startswith(("wrist", "metacarpal", "finger")):
                turns[bone] = turns[bone] @ back
        turns[f"lowerarm02.{side}"] = upper @ Rotation.from_rotvec(axis * kept / 2).as_matrix()


def _pose(skeleton: _Skeleton, world_J33: Doubles) -> BodyPose:
    against = world_J33[skeleton.chest].T
    turns = {}
    for j, driven in enumerate(skeleton.bones_J):
        for bone in driven:
            if not bone.startswith(("neck", "head", "eye")) and bone not in _CHEST_BONES:
                turns[bone] = against @ world_J33[j] @ skeleton.adjust_J33[j]
    spread_twist(turns)
    return BodyPose(turns=turns)
