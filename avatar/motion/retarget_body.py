"""A driver's posture and gestures put onto a reference's skeleton, bone by bone.

Knows bones as directions; lengths always come from the reference (or, for its unseen hands, from
its forearm), so that no length of the driver can leak. Small movements are relative to the driver's
own rest (who slouches does not make the character slouch); large ones of the arms, where the
gesture itself matters, go over to the driver's absolute direction. Depth is kept: a forearm that
points at the camera is drawn short.
"""

from __future__ import annotations

import math

import numpy as np

from avatar.frames import (
    NUM_HAND_JOINTS,
    NUM_JOINTS,
    FloatArray,
    HandsMotion,
    Motion,
    ReferenceGeometry,
)
from avatar.motion import skeleton as sk
from avatar.motion.bones import place_bones
from avatar.motion.geometry import place_head
from avatar.motion.neutral import Neutral
from avatar.motion.performance import BodyPose
from avatar.motion.rotation import exp_rotation, log_rotation, rotation_between, soft_limit

_DEPTH_TRUST = 0.7
"""The pose tracker overstates depth."""
_ABSOLUTE_FROM_RAD, _ABSOLUTE_TO_RAD = np.radians(15.0), np.radians(55.0)
_SHOULDERS_LIMIT = 2.5
"""Largest shift of the shoulders' middle, inter-ocular distances."""
_NECK_LIMIT = 0.8
"""Largest shift of the head against the shoulders, inter-ocular distances."""
_TORSO_LIMIT_RAD = np.radians(25.0)
_STILL_IOD, _STILL_RAD = 0.10, float(np.radians(6.0))
"""What a pose tracker makes of shoulders that keep still; the trunk follows what goes beyond."""
_STILL_DEEP_RAD = float(np.radians(40.0))
"""The same for turns out of the picture's plane, which it guesses: one reaching arm is such a turn
to it. Turns below it only make trunks tremble."""
_TRUNK_SEEN = (0.5, 0.8)
"""Visibility of shoulders and hips: below it they are a guess (hidden, cut off), above it seen."""
_FOLLOW_HEAD = 0.6
"""Without a tracked body the shoulders take this share of the head's movement."""

_HAND_STARTS = np.array([start for start, _ in sk.HAND_BONES])
_HAND_ENDS = np.array([end for _, end in sk.HAND_BONES])
_DEPTH_3 = np.array([1.0, 1.0, _DEPTH_TRUST], dtype=np.float32)
_IDENTITY = np.eye(3, dtype=np.float32)
_BONES_B2 = np.array([*sk.ARM_BONES, *sk.LEG_BONES], dtype=np.int64)
_LEGS = ((23, 25, 27, (29, 31)), (24, 26, 28, (30, 32)))
"""Hip, knee, ankle, and what hangs on it."""
_LEAN = 0.45
"""Of the trunk's length: how far shoulders sway before hips that are not seen go along."""
_IS_GESTURE_B = np.arange(len(_BONES_B2)) < len(sk.ARM_BONES)
_UNKNOWN_J3 = np.zeros((NUM_JOINTS, 3), dtype=np.float32)


def _smoothstep(value: float, low: float, high: float) -> float:
    t = min(max((value - low) / (high - low), 0.0), 1.0)
    return t * t * (3 - 2 * t)


def _smoothsteps(values_B: FloatArray, low: float, high: float) -> FloatArray:
    t = np.clip((values_B - low) / (high - low), 0.0, 1.0)
    return np.asarray(t * t * (3 - 2 * t), dtype=np.float32)


def _direction(start_3: FloatArray, end_3: FloatArray) -> FloatArray | None:
    bone = (end_3 - start_3) * _DEPTH_3
    length = math.sqrt(float(np.dot(bone, bone)))
    return bone / np.float32(length) if length > 1e-6 else None


class _Driver:
    """The driver's joints now and at rest, both from the resting head's centre in head sizes."""

    def __init__(self, motion: Motion, neutral: Neutral) -> None:
        assert motion.body is not None
        place, unit = neutral.place_px(motion.picture_hw)
        centre = np.array([*place, 0.0], dtype=np.float32)
        self.now = (motion.body.joints_J3 - centre) / np.float32(unit)
        self.visibility = motion.body.visibility_J
        self.rest = neutral.joints_J3
        self.rest_visibility = neutral.visibility_J

    def seen(self, *joints: int, within: tuple[float, float] = (0.3, 0.6)) -> float:
        """0..1: how far to trust these joints now."""
        return _smoothstep(float(min(self.visibility[j] for j in joints)), *within)

    def seen_bones(self) -> FloatArray:
        """The same for every bone of the limbs (B)."""
        return _smoothsteps(self.visibility[_BONES_B2].min(1), 0.3, 0.6)

    def seen_bones_at_rest(self) -> FloatArray:
        """How far to trust the bones' directions at rest (B)."""
        if self.rest_visibility is None:
            return np.zeros(len(_BONES_B2), dtype=np.float32)
        return _smoothsteps(self.rest_visibility[_BONES_B2].min(1), 0.4, 0.75)

    def seen_at_rest(self, *joints: int) -> float:
        if self.rest is None or self.rest_visibility is None:
            return 0.0
        return _smoothstep(float(min(self.rest_visibility[j] for j in joints)), 0.4, 0.75)


class BodyRetargeter:
    """Moves one reference's skeleton."""

    def __init__(self, reference: ReferenceGeometry) -> None:
        assert reference.joints_J3 is not None
        assert reference.visibility_J is not None
        self._reference = reference
        self._rest_J3 = reference.joints_J3 * np.array([1.0, 1.0, _DEPTH_TRUST], dtype=np.float32)
        self._visibility_J = reference.visibility_J.astype(np.float32)
        self._palms_2 = np.array(
            [self._palm(elbow, wrist) for elbow, wrist in ((13, 15), (14, 16))], dtype=np.float32
        )
        bones = [self._rest_J3[end] - self._rest_J3[start] for start, end in _BONES_B2]
        self._own_B3 = np.stack([_unit(bone) for bone in bones])
        self._length_B = np.array([np.linalg.norm(bone) for bone in bones], dtype=np.float32)
        self._leg_lengths = {
            knee: (
                float(np.linalg.norm(self._rest_J3[knee] - self._rest_J3[hip])),
                float(np.linalg.norm(self._rest_J3[ankle] - self._rest_J3[knee])),
            )
            for hip, knee, ankle, _ in _LEGS
        }
        self._seen_length_B = self._length_B.copy()
        for bone, (start, _) in enumerate(sk.ARM_BONES):
            self._seen_length_B[bone] = self._arm_bone_length(start, float(self._length_B[bone]))

    def _palm(self, elbow: int, wrist: int) -> float:
        head = sk.FOREARM_PER_INTER_OCULAR * self._reference.scale
        forearm = float(np.linalg.norm(self._rest_J3[elbow] - self._rest_J3[wrist]))
        seen = _smoothstep(float(min(self._visibility_J[[elbow, wrist]])), 0.4, 0.75)
        # A forearm that points at the camera measures short or, by its guessed depth, long.
        measured = min(max(forearm, 0.7 * head), 1.1 * head)
        return sk.PALM_PER_FOREARM * (seen * measured + (1.0 - seen) * head)

    def rest(self) -> BodyPose:
        """The body as in the reference picture."""
        hands = np.repeat(self._rest_J3[sk.WRISTS][:, None], NUM_HAND_JOINTS, axis=1)
        return BodyPose(
            joints_J3=self._rest_J3,
            visibility_J=self._visibility_J,
            hands_2K3=hands,
            hand_presence_2=np.zeros(2, dtype=np.float32),
        )

    def perform(self, motion: Motion, neutral: Neutral) -> BodyPose:
        """The driver's body on the reference's bones."""
        if motion.body is None:
            return self._follow_head(motion, neutral)
        driver = _Driver(motion, neutral)
        rest = self._rest_J3
        joints = rest.copy()
        visibility = self._visibility_J.copy()

        middle = 0.5 * (rest[11] + rest[12]) + self._shoulder_shift(driver, motion, neutral)
        torso = self._torso_turn(driver, 11, 12)
        for joint in (11, 12):
            joints[joint] = middle + torso @ (rest[joint] - 0.5 * (rest[11] + rest[12]))
        rest_hips = 0.5 * (rest[23] + rest[24])
        hips = self._hips(driver, middle, rest_hips)
        pelvis = self._torso_turn(driver, 23, 24)
        for joint in (23, 24):
            joints[joint] = hips + pelvis @ (rest[joint] - rest_hips)
        seen_B = driver.seen_bones()
        place_bones(
            joints,
            _BONES_B2,
            self._own_B3,
            # An arm that is not seen keeps the length that the picture shows.
            np.where(seen_B > 0.0, self._seen_length_B, self._length_B),
            driver.now * _DEPTH_3,
            _UNKNOWN_J3 if driver.rest is None else driver.rest * _DEPTH_3,
            seen_B,
            driver.seen_bones_at_rest(),
            _IS_GESTURE_B,
            (float(_ABSOLUTE_FROM_RAD), float(_ABSOLUTE_TO_RAD)),
        )
        self._plant_feet(driver, joints)
        for (start, end), seen in zip(sk.ARM_BONES, seen_B[_IS_GESTURE_B], strict=True):
            visibility[end] = max(visibility[end], seen)
            visibility[start] = max(visibility[start], seen)
        hands, presence = self._hands(motion, joints)
        for start, end in sk.PALM_BONES:
            elbow = start - 2
            turn = rotation_between(
                _unit(rest[start] - rest[elbow]), _unit(joints[start] - joints[elbow])
            )
            joints[end] = joints[start] + turn @ (rest[end] - rest[start])
        return BodyPose(joints, visibility, hands, presence)

    def neck_limited(self, body: BodyPose, translation_2: FloatArray) -> FloatArray:
        """The head's place, not further from the shoulders than a neck allows."""
        shoulders = (body.joints_J3 - self._rest_J3)[[11, 12], :2].mean(0)
        own = shoulders + self._reference.translation_2
        stretch = soft_limit(translation_2 - own, _NECK_LIMIT * self._reference.scale)
        return np.asarray(own + stretch, dtype=np.float32)

    def attach(
        self, body: BodyPose, rotation_33: FloatArray, translation_2: FloatArray, scale: float
    ) -> tuple[FloatArray, FloatArray, HandsMotion]:
        """Joints, visibility and hands with the head's joints on the head as it is placed."""
        joints = body.joints_J3.astype(np.float32, copy=True)
        landmarks = place_head(
            self._reference.shape_N3[sk.HEAD_LANDMARKS], rotation_33, translation_2, scale
        )
        landmarks[:, 2] += joints[[11, 12], 2].mean()
        joints[sk.HEAD_JOINTS] = landmarks
        hands = HandsMotion(
            joints_2K3=body.hands_2K3.astype(np.float32, copy=False),
            is_present_2=body.hand_presence_2 > 0.5,
        )
        return joints, body.visibility_J, hands

    def _follow_head(self, motion: Motion, neutral: Neutral) -> BodyPose:
        rest = self.rest()
        if motion.face is None:
            return rest
        joints = self._rest_J3.copy()
        # The upper body leans from the hips: shoulders and arms all the way, hips not at all.
        joints[11:23] += self._shift_px(_head_shift(motion, neutral))
        hands = np.repeat(joints[sk.WRISTS][:, None], NUM_HAND_JOINTS, axis=1)
        return BodyPose(joints, rest.visibility_J, hands, rest.hand_presence_2)

    def _shoulder_shift(self, driver: _Driver, motion: Motion, neutral: Neutral) -> FloatArray:
        """What both shoulders do alike: one that rises alone belongs to its arm.

        Shoulders that are not seen go with the head, as far as they are not.
        """
        weight = np.float32(driver.seen(11, 12, within=_TRUNK_SEEN) * driver.seen_at_rest(11, 12))
        shift = (1 - weight) * _head_shift(motion, neutral)
        if driver.rest is not None and weight > 0.0:
            left, right = driver.now[[11, 12]] - driver.rest[[11, 12]]
            alike = np.sign(left) * np.minimum(np.abs(left), np.abs(right)) * (left * right > 0.0)
            alike[2] = 0.0
            shift += weight * np.float32(beyond(float(np.linalg.norm(alike)), _STILL_IOD)) * alike
        return self._shift_px(shift)

    def _shift_px(self, shift_3: FloatArray) -> FloatArray:
        limited = soft_limit(shift_3, _SHOULDERS_LIMIT)
        return np.asarray(limited * np.float32(self._reference.scale), dtype=np.float32)

    def _torso_turn(self, driver: _Driver, left: int, right: int) -> FloatArray:
        """Turn of the line between a pair of joints, relative to the driver's rest."""
        weight = driver.seen(left, right, within=_TRUNK_SEEN) * driver.seen_at_rest(left, right)
        if driver.rest is None or weight == 0.0:
            return _IDENTITY
        now = _direction(driver.now[right], driver.now[left])
        rest = _direction(driver.rest[right], driver.rest[left])
        return _limited_turn(rest, now, weight)

    def _hips(
        self, driver: _Driver, shoulders_3: FloatArray, rest_hips_3: FloatArray
    ) -> FloatArray:
        """The hips' middle: under the shoulders where the driver's are seen, else where it was.

        Who sits before a camera sways from hips that it does not see: the character leans.
        """
        rest_shoulders = 0.5 * (self._rest_J3[11] + self._rest_J3[12])
        trunk = rest_hips_3 - rest_shoulders
        followed = shoulders_3 + self._lean(driver) @ trunk
        shift = shoulders_3 - rest_shoulders
        held = rest_hips_3 + shift - soft_limit(shift, _LEAN * float(np.linalg.norm(trunk)))
        seen = np.float32(driver.seen(23, 24) * driver.seen_at_rest(23, 24))
        return np.asarray(held + seen * (followed - held), dtype=np.float32)

    def _plant_feet(self, driver: _Driver, joints: FloatArray) -> None:
        """Legs that the driver does not show stand where the picture has them."""
        rest = self._rest_J3
        for hip, knee, ankle, foot in _LEGS:
            unseen = np.float32(1.0 - driver.seen(knee, ankle))
            shift = joints[hip] - rest[hip]
            if unseen == 0.0 or not shift.any():
                continue
            knee_3, ankle_3 = bent(
                joints[hip], rest[ankle], rest[knee] + 0.5 * shift, *self._leg_lengths[knee]
            )
            joints[knee] += unseen * (knee_3 - joints[knee])
            moved = unseen * (ankle_3 - joints[ankle])
            joints[[ankle, *foot]] += moved

    def _lean(self, driver: _Driver) -> FloatArray:
        weight = driver.seen(23, 24, 11, 12) * driver.seen_at_rest(23, 24, 11, 12)
        if driver.rest is None or weight == 0.0:
            return _IDENTITY
        now = _direction(driver.now[[11, 12]].mean(0), driver.now[[23, 24]].mean(0))
        rest = _direction(driver.rest[[11, 12]].mean(0), driver.rest[[23, 24]].mean(0))
        return _limited_turn(rest, now, weight)

    def _arm_bone_length(self, start: int, measured: float) -> float:
        """An arm foreshortened or unseen in the picture gets its length from the head or its twin.

        Elbow and wrist bones are about as long as each other's twin; the longer one is right.
        """
        pairs = {11: (12, 14), 12: (11, 13), 13: (14, 16), 14: (13, 15)}
        a, b = pairs[start]
        twin = float(np.linalg.norm(self._rest_J3[b] - self._rest_J3[a]))
        head = sk.FOREARM_PER_INTER_OCULAR * self._reference.scale
        return float(np.clip(max(measured, 0.9 * twin), 0.35 * head, 1.4 * head))

    def _hands(self, motion: Motion, joints: FloatArray) -> tuple[FloatArray, FloatArray]:
        hands = np.repeat(joints[sk.WRISTS][:, None], NUM_HAND_JOINTS, axis=1)
        presence = np.zeros(2, dtype=np.float32)
        if motion.hands is None or motion.body is None:
            return hands, presence
        for side in (0, 1):
            if not motion.hands.is_present_2[side]:
                continue
            elbow, wrist = int(sk.ELBOWS[side]), int(sk.WRISTS[side])
            seen = motion.hands.joints_2K3[side]
            # The angle between hand and forearm is kept when the forearm is drawn otherwise.
            driver = motion.body.joints_J3
            forearm = _direction(driver[elbow], driver[wrist])
            drawn = _unit(joints[wrist] - joints[elbow])
            turn = _IDENTITY if forearm is None else rotation_between(forearm, drawn)
            bones = seen[_HAND_ENDS] - seen[_HAND_STARTS]
            bones /= np.maximum(np.linalg.norm(bones, axis=1, keepdims=True), 1e-6)
            bones = bones @ turn.T * (sk.HAND_BONE_LENGTHS * self._palms_2[side])[:, None]
            # Five fingers of four bones, each bone on the end of the one before.
            hands[side, 1:] += bones.reshape(5, 4, 3).cumsum(axis=1).reshape(20, 3)
            presence[side] = 1.0
        return hands, presence


def _unit(vector_3: FloatArray) -> FloatArray:
    length = float(np.linalg.norm(vector_3))
    if length < 1e-6:
        return np.array([0.0, 1.0, 0.0], dtype=np.float32)
    return np.asarray(vector_3 / np.float32(length), dtype=np.float32)


def bent(
    root_3: FloatArray, end_3: FloatArray, towards_3: FloatArray, upper: float, lower: float
) -> tuple[FloatArray, FloatArray]:
    """Middle and end of two bones that reach from a root to an end, or as near as they can.

    The middle joint bends towards `towards_3`.
    """
    way = end_3 - root_3
    distance = float(np.linalg.norm(way))
    ahead = _unit(way)
    reach = min(max(distance, abs(upper - lower)), upper + lower)
    along = (upper**2 - lower**2 + reach**2) / (2.0 * max(reach, 1e-6))
    foot = root_3 + np.float32(along) * ahead
    aside = towards_3 - foot
    aside = aside - (aside @ ahead) * ahead
    length = float(np.linalg.norm(aside))
    out = math.sqrt(max(upper**2 - along**2, 0.0))
    middle = foot if length < 1e-6 else foot + np.float32(out / length) * aside
    return middle, np.asarray(root_3 + np.float32(reach) * ahead, dtype=np.float32)


def _head_shift(motion: Motion, neutral: Neutral) -> FloatArray:
    """How far the shoulders (3, inter-ocular units) go along with the driver's head."""
    if motion.face is None:
        return np.zeros(3, dtype=np.float32)
    place, unit = neutral.place_px(motion.picture_hw)
    shift = (motion.face.translation_2 - place) * np.float32(_FOLLOW_HEAD / unit)
    shift *= np.float32(beyond(float(np.linalg.norm(shift)), _STILL_IOD))
    return np.array([*shift, 0.0], dtype=np.float32)


def beyond(size: float, still: float) -> float:
    """Share of a movement of this size that is meant: a dead zone without an edge.

    Near 0 within `still`, half at it, all of it far beyond; the movement passed on grows steadily.
    """
    return size * size / (size * size + still * still)


def _limited_turn(rest: FloatArray | None, now: FloatArray | None, weight: float) -> FloatArray:
    """The turn from one direction to another, as far as it is meant and a picture stands it."""
    if rest is None or now is None:
        return _IDENTITY
    turn_3 = log_rotation(rotation_between(rest, now))
    aside, roll = float(np.linalg.norm(turn_3[:2])), float(turn_3[2])
    meant_3 = turn_3 * np.array(
        [*[beyond(aside, _STILL_DEEP_RAD)] * 2, beyond(roll, _STILL_RAD)], np.float32
    )
    return exp_rotation(np.float32(weight) * soft_limit(meant_3, float(_TORSO_LIMIT_RAD)))
