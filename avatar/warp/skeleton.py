"""The body as chains of bones: which joints make a limb, how thick it is, where it points.

Knows the 33 MediaPipe joints of a reference and of a motion; does not know pixels or meshes.

Legend: J 33 joints; B the three bones of a limb (upper, lower, tip); C its four points (root,
middle, end, tip); 2, 3 canvas pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avatar.frames import FloatArray, HandsMotion, ReferenceGeometry, RetargetedMotion
from avatar.warp.polygon import smoothstep

LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_HIP, RIGHT_HIP = 11, 12, 23, 24
SHOULDERS, HIPS, ANKLES = (LEFT_SHOULDER, RIGHT_SHOULDER), (LEFT_HIP, RIGHT_HIP), (27, 28)
SEEN = 0.5
"""Visibility from which a joint of a still picture counts as seen."""
SURE = (0.25, 0.6)
"""Visibility of a moving joint between which it goes from held to followed."""
LENGTH_LIMITS = (0.55, 1.4)
"""Drawn bone lengths in lengths of the reference: shorter crumples (no picture shows a limb from
its end), longer smears."""
FORESHORTENED_UNITS = 0.45
"""A bone that the reference shows shorter than this (body units) points at the camera there; it may
be drawn longer, up to this."""
_LONGEST = 1.9
POINTING = (0.10, 0.30)
"""Relative length below which a bone points at the camera and its direction means little."""
_HAND_MIDDLE = 9  # the middle finger's knuckle


@dataclass(frozen=True, slots=True)
class Chain:
    """A limb: four points along it and its half width there in body units."""

    name: str
    joints: tuple[int, int, int]
    tip: tuple[int, ...]
    """Joints whose mean is the fourth point: knuckles, toes."""
    parent: tuple[int, int]
    """Joints of the body's bone that ends at the limb's root."""
    radii_C: tuple[float, float, float, float]
    tip_reach: float
    """Fingertips lie this many times as far from the wrist as the knuckles."""
    tip_turn: float
    """How far the tip may turn against the lower bone, radians."""
    hand: int | None = None
    """Which hand of a `HandsMotion` it carries."""


_ARM_RADII = (0.18, 0.155, 0.13, 0.20)
_LEG_RADII = (0.29, 0.23, 0.16, 0.17)
LEFT_ARM = Chain("left arm", (11, 13, 15), (17, 19), (12, 11), _ARM_RADII, 2.1, 1.2, hand=0)
RIGHT_ARM = Chain("right arm", (12, 14, 16), (18, 20), (11, 12), _ARM_RADII, 2.1, 1.2, hand=1)
LEFT_LEG = Chain("left leg", (23, 25, 27), (31,), (11, 23), _LEG_RADII, 1.15, 0.7)
RIGHT_LEG = Chain("right leg", (24, 26, 28), (32,), (12, 24), _LEG_RADII, 1.15, 0.7)
ARMS, LEGS = (LEFT_ARM, RIGHT_ARM), (LEFT_LEG, RIGHT_LEG)
CHAINS = LEGS + ARMS
"""In drawing order: arms hang in front of legs."""


def body_unit(joints_J3: FloatArray) -> float:
    """Length in pixels that body proportions are measured in: a frontal pair of shoulders."""
    shoulders = joints_J3[list(SHOULDERS), :2]
    hips = joints_J3[list(HIPS), :2]
    width = float(np.linalg.norm(shoulders[0] - shoulders[1]))
    torso = float(np.linalg.norm(shoulders.mean(0) - hips.mean(0)))
    # A turned body shows narrow shoulders, one that bends forward a short torso.
    return max(width, 0.62 * torso, 1.0)


def chain_points(chain: Chain, joints_J3: FloatArray) -> FloatArray:
    """The four points (C, 3) of a limb."""
    tip = joints_J3[list(chain.tip)].mean(0)
    return np.concatenate([joints_J3[list(chain.joints)], tip[None]]).astype(np.float32)


def is_seen(visibility_J: FloatArray, joints: tuple[int, ...]) -> bool:
    """True where a still picture shows all these joints."""
    return bool(visibility_J[list(joints)].min() >= SEEN)


def is_plausible(reference: ReferenceGeometry) -> bool:
    """True where a body was found that can carry this face: trackers see bodies in hats."""
    joints_J3 = reference.joints_J3
    if joints_J3 is None or reference.visibility_J is None:
        return False
    shoulders_2 = joints_J3[list(SHOULDERS), :2].mean(0)
    down_2 = reference.rotation_33[:2, 1]
    below_face = (shoulders_2 - reference.translation_2) @ down_2 / reference.scale
    trunk_2 = joints_J3[list(HIPS), :2].mean(0) - shoulders_2
    is_below = trunk_2 @ down_2 > 0.3 * np.linalg.norm(trunk_2)
    return is_seen(reference.visibility_J, SHOULDERS) and below_face > 0.5 and bool(is_below)


@dataclass(frozen=True, slots=True)
class LimbPose:
    """How the bones of a limb lie against the reference."""

    turn_B: FloatArray
    """Radians clockwise on screen; neighbours differ by less than half a turn."""
    length_B: FloatArray
    """Length on screen in lengths of the reference."""
    depth: float
    """Depth of the lower bone's end less that of the root, pixels; negative is nearer."""


def limb_pose(
    chain: Chain, reference: ReferenceGeometry, motion: RetargetedMotion, torso_turn: float
) -> LimbPose:
    """Where a limb's bones point at a motion.

    A joint that the driver does not show holds its place relative to its parent; so does a bone
    that points at the camera, whose direction on screen means nothing.
    """
    assert reference.joints_J3 is not None
    rest_C3 = chain_points(chain, reference.joints_J3)
    turn_B = np.full(3, torso_turn, np.float32)
    length_B = np.ones(3, np.float32)
    if motion.joints_J3 is None:
        return LimbPose(turn_B, length_B, 0.0)
    now_C3 = chain_points(chain, motion.joints_J3)
    trust_B = _trust(chain, motion.visibility_J)
    tip_2 = _hand_direction(chain, motion.hands)
    unit = body_unit(reference.joints_J3)
    before = torso_turn
    for bone in range(3):
        rest_2 = (rest_C3[bone + 1] - rest_C3[bone])[:2]
        now_2 = (now_C3[bone + 1] - now_C3[bone])[:2]
        trust = float(trust_B[bone])
        if bone == 2 and tip_2 is not None:
            now_2, trust = tip_2, max(trust, 0.5)
        rest_length = max(float(np.linalg.norm(rest_2)), 1e-3)
        length = float(np.linalg.norm(now_2)) / rest_length
        if bone == 2:
            # A tip is short: turning it is sure, measuring it is not.
            length = float(np.clip(length, 0.75, 1.1))
        pointing = float(smoothstep(*POINTING, np.float32(length)))  # type: ignore[arg-type]
        turn = _signed_angle(rest_2, now_2) - before
        turn = (turn + np.pi) % (2 * np.pi) - np.pi
        if bone == 2:
            turn = float(np.clip(turn, -chain.tip_turn, chain.tip_turn))
        before += trust * pointing * turn
        turn_B[bone] = before
        low, high = LENGTH_LIMITS
        high = max(high, min(FORESHORTENED_UNITS * unit / rest_length, _LONGEST))
        length_B[bone] = 1.0 + trust * (float(np.clip(length, low, high)) - 1.0)
    depth = float((now_C3[2, 2] - now_C3[0, 2]) * trust_B[1])
    return LimbPose(turn_B, length_B, depth)


def _trust(chain: Chain, visibility_J: FloatArray | None) -> FloatArray:
    """0..1 per bone: how surely the driver shows both its ends (and those before it)."""
    if visibility_J is None:
        return np.ones(3, np.float32)
    seen_C = [float(visibility_J[joint]) for joint in chain.joints]
    seen_C.append(float(visibility_J[list(chain.tip)].min()))
    lowest_B = np.minimum.accumulate(np.asarray(seen_C, np.float32))[1:]
    return smoothstep(*SURE, lowest_B)


def _hand_direction(chain: Chain, hands: HandsMotion | None) -> FloatArray | None:
    """Wrist to middle knuckle where the hand itself is tracked: steadier than the body's guess."""
    if chain.hand is None or hands is None or not hands.is_present_2[chain.hand]:
        return None
    points_K2 = hands.joints_2K3[chain.hand, :, :2]
    direction = points_K2[_HAND_MIDDLE] - points_K2[0]
    return np.asarray(direction, np.float32) if np.linalg.norm(direction) > 1e-3 else None


def _signed_angle(first_2: FloatArray, second_2: FloatArray) -> float:
    """Radians from the first vector to the second, clockwise on screen."""
    cross = float(first_2[0] * second_2[1] - first_2[1] * second_2[0])
    return float(np.arctan2(cross, float(first_2 @ second_2)))
