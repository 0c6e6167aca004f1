"""How a body stands: bone turns from motion capture, and hands that reach for places.

Knows bones and reaching (two-bone inverse kinematics); no motion over time. A `BodyPose` names
bones and places, not a skeleton, so that the same pose can be played on any build: hands reach the
chin of whoever plays it.

Shape legend: B bones; positions of goals in the head's rest space (cm), bones in decimetres.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from avatar.data.body import ARMS_DOWN, Seat, Skeleton, chain_bones

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

CHEST = "neck01"
"""The bone that stays where it is: the head's seat."""
FINGERS = tuple(
    tuple(f"finger{finger}-{joint}" for joint in (1, 2, 3)) for finger in (1, 2, 3, 4, 5)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HandGoal:
    """Where a hand is going."""

    place_3: tuple[float, float, float]
    """Of the wrist, head's rest space (cm)."""
    fingers_3: tuple[float, float, float] = (0.0, 1.0, 0.2)
    """Direction the fingers point in."""
    palm_3: tuple[float, float, float] = (0.0, 0.0, -1.0)
    """Direction the palm faces."""
    share: float = 1.0
    """0 hangs down at the side, 1 is there."""
    curl: float = 0.3
    """0 flat hand .. 1 fist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyPose:
    """One moment of a body below the head."""

    turns: Mapping[str, Doubles] = field(default_factory=dict)
    """Rotations of bones against the chest (3 x 3, bind axes); others hang from their parents."""
    hands: tuple[HandGoal | None, HandGoal | None] = (None, None)
    """[left, right]."""


def shortest(a_3: Doubles, b_3: Doubles) -> Doubles:
    """The smallest rotation that takes direction a to direction b."""
    a, b = a_3 / np.linalg.norm(a_3), b_3 / np.linalg.norm(b_3)
    axis, c = np.cross(a, b), float(a @ b)
    if c < -0.9999:
        side = np.cross(a, [0.0, 0.0, 1.0] if abs(a[2]) < 0.9 else [1.0, 0.0, 0.0])
        side /= np.linalg.norm(side)
        return np.asarray(2 * np.outer(side, side) - np.eye(3))
    k = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.asarray(np.eye(3) + k + k @ k / (1 + c))


class _Chain:
    """Rotations and positions of a skeleton, bone by bone."""

    def __init__(self, skeleton: Skeleton, pose: BodyPose) -> None:
        self.skeleton = skeleton
        self.own: dict[str, Doubles] = {}
        self.fixed: dict[str, Doubles] = dict(pose.turns)
        self.solve()

    def solve(self) -> None:
        skeleton = self.skeleton
        num = len(skeleton.names)
        turns, is_fixed = np.tile(np.eye(3), (num, 1, 1)), np.zeros(num, np.bool_)
        for source, fixed in ((ARMS_DOWN, False), (self.own, False), (self.fixed, True)):
            for name, turn in source.items():
                b = skeleton.index(name)
                turns[b], is_fixed[b] = turn, fixed
        self.rotation, self.shift = np.empty((num, 3, 3)), np.empty((num, 3))
        chain_bones(
            skeleton.parents_B, skeleton.heads_B3, turns, is_fixed, self.rotation, self.shift
        )
        chest = skeleton.index(CHEST)
        at = skeleton.heads_B3[chest]
        self.shift += at - (self.rotation[chest] @ at + self.shift[chest])

    def head(self, name: str) -> Doubles:
        b = self.skeleton.index(name)
        return np.asarray(self.rotation[b] @ self.skeleton.heads_B3[b] + self.shift[b])

    def bind(self, name: str) -> Doubles:
        return self.skeleton.heads_B3[self.skeleton.index(name)].astype(np.float64)

    def of(self, name: str) -> Doubles:
        return self.rotation[self.skeleton.index(name)].copy()


def pose_limbs(skeleton: Skeleton, seat: Seat, pose: BodyPose) -> tuple[Floats, Floats]:
    """(rotations B33, shifts B3) of a person's bones in a pose."""
    chain = _Chain(skeleton, pose)
    for side, goal in (("L", pose.hands[0]), ("R", pose.hands[1])):
        if goal is not None and goal.share > 0.01:
            _reach(chain, seat, side, goal)
    chain.solve()
    return chain.rotation.astype(np.float32), chain.shift.astype(np.float32)


def _from_head(seat: Seat, place_cm: tuple[float, float, float]) -> Doubles:
    at = np.array(place_cm) - seat.head_point_3
    return np.asarray(at * seat.scale @ seat.rotation_33.T + seat.body_point_3, np.float64)


def _reach(chain: _Chain, seat: Seat, side: str, goal: HandGoal) -> None:
    """Bend shoulder and elbow until the wrist is where the goal says; turn hand, curl fingers."""
    upper, lower, wrist = f"upperarm01.{side}", f"lowerarm01.{side}", f"wrist.{side}"
    away = 1.0 if side == "L" else -1.0
    ease = goal.share * goal.share * (3 - 2 * goal.share)
    shoulder, hanging = chain.head(upper), chain.head(wrist)
    target = hanging + ease * (_from_head(seat, goal.place_3) - hanging)
    # on its way up a hand passes in front of the body, not through it
    target = target + np.array([away * 0.6, 0.0, 1.6]) * np.sin(np.pi * ease)
    first = chain.bind(lower) - chain.bind(upper)
    second = chain.bind(wrist) - chain.bind(lower)
    a, b = float(np.linalg.norm(first)), float(np.linalg.norm(second))
    line = target - shoulder
    reach = float(np.clip(np.linalg.norm(line), abs(a - b) + 0.02, 0.995 * (a + b)))
    line = line / np.linalg.norm(line)
    target = shoulder + reach * line
    pole = np.array([0.55 * away, -1.0, -0.25])  # elbows hang down and a little outwards
    pole = pole - (pole @ line) * line
    pole /= np.linalg.norm(pole)
    along = (a * a - b * b + reach * reach) / (2 * reach)
    elbow = shoulder + along * line + np.sqrt(max(a * a - along * along, 0.0)) * pole
    chain.fixed[upper] = shortest(first, elbow - shoulder)
    forearm = shortest(second, target - elbow)
    chain.fixed[lower] = forearm
    hand = _hand_turn(chain, side, goal)
    mixed = Rotation.from_matrix(np.stack([forearm, hand]))
    swing = (mixed[0].inv() * mixed[1]).as_rotvec() * ease
    # the forearm's far half takes half of the hand's roll, as radius and ulna do
    axis = second / b
    roll = float(swing @ axis)
    chain.fixed[f"lowerarm02.{side}"] = (
        mixed[0] * Rotation.from_rotvec(0.6 * roll * axis)
    ).as_matrix()
    chain.fixed[wrist] = (mixed[0] * Rotation.from_rotvec(swing)).as_matrix()
    palm, _ = _hand_axes(chain, side)
    for finger in FINGERS:
        for joint, name in enumerate(finger):
            full = f"{name}.{side}"
            b_ = chain.skeleton.index(full)
            along_finger = chain.skeleton.tails_B3[b_] - chain.skeleton.heads_B3[b_]
            bend = np.cross(along_finger, palm)
            bend /= np.linalg.norm(bend) + 1e-9
            angle = goal.curl * (0.35 if finger is FINGERS[0] else (0.9, 1.2, 0.8)[joint])
            chain.own[full] = Rotation.from_rotvec(bend * angle).as_matrix()


def _hand_axes(chain: _Chain, side: str) -> tuple[Doubles, Doubles]:
    """(palm's facing, fingers' direction) in bind axes."""
    wrist, index, small = (
        chain.bind(f"{name}.{side}") for name in ("wrist", "finger2-1", "finger5-1")
    )
    fingers = (index + small) / 2 - wrist
    fingers /= np.linalg.norm(fingers)
    across = small - index
    palm = np.cross(fingers, across) * (1.0 if side == "R" else -1.0)
    return palm / np.linalg.norm(palm), fingers


def _hand_turn(chain: _Chain, side: str, goal: HandGoal) -> Doubles:
    """The hand's rotation that points fingers and palm as the goal says."""

    def frame(fingers: Doubles, palm: Doubles) -> Doubles:
        f = fingers / np.linalg.norm(fingers)
        p = palm - (palm @ f) * f
        p = p / np.linalg.norm(p)
        return np.stack([f, p, np.cross(f, p)], -1)

    palm, fingers = _hand_axes(chain, side)
    wanted = frame(np.array(goal.fingers_3), np.array(goal.palm_3))
    return np.asarray(wanted @ frame(fingers, palm).T)
