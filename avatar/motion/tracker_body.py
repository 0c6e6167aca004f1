"""A body becomes joints: the pose of the picture's main person, and both hands.

Knows MediaPipe's pose and hand models and where to look for hands; does not know time or rates
(`body_follower`). One of the tracker files, which alone may import mediapipe.

Hands are looked for in a square about each wrist the pose sees, not in the whole picture: palms of
people at arm's length are too small for the palm detector otherwise, a hand out of sight costs
nothing, and which hand is left is known from the arm it hangs on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from avatar.frames import (
    NUM_HAND_JOINTS,
    NUM_JOINTS,
    BodyMotion,
    ByteArray,
    FloatArray,
    HandsMotion,
)
from avatar.motion import skeleton as sk
from avatar.motion.crop import Square, cut, fit_within
from avatar.motion.native_log import quiet_native_log
from avatar.motion.tracker_points import points_of

POSE_PX = 384
HAND_PX = 224
_WRIST_SEEN = 0.5
_HAND_PER_FOREARM = 1.7
"""Side of the square about a hand in forearms."""
_FOREARM_PER_SHOULDERS = 0.62
_HAND_PER_BOX = 1.9
"""Side of the square about a tracked hand in sides of its joints' box."""


@dataclass(frozen=True, slots=True)
class BodyObservation:
    """The body and hands of one picture, in its pixels."""

    body: BodyMotion | None
    hands: HandsMotion | None


class BodyTracker:
    """Follows one person's body and hands through a stream; `is_static` for single pictures."""

    def __init__(self, *, is_static: bool = False) -> None:
        with quiet_native_log():
            from mediapipe.python.solutions.hands import Hands
            from mediapipe.python.solutions.pose import Pose

            # Complexity 1 is the one model inside the wheel; smoothing is ours (`body_follower`).
            self._pose: Any = Pose(
                static_image_mode=is_static,
                model_complexity=1,
                smooth_landmarks=False,
                min_detection_confidence=0.5,
                min_tracking_confidence=0.5,
            )
            self._hands: list[Any] = [
                Hands(
                    static_image_mode=is_static,
                    max_num_hands=1,
                    model_complexity=0,
                    min_detection_confidence=0.5,
                    min_tracking_confidence=0.5,
                )
                for _ in range(2)
            ]
            self._pose.process(np.zeros((96, 64, 3), dtype=np.uint8))
            for hand in self._hands:
                hand.process(np.zeros((HAND_PX, HAND_PX, 3), dtype=np.uint8))
        self._is_static = is_static
        self._last_hands: list[FloatArray | None] = [None, None]
        self._is_closed = False

    def reset(self) -> None:
        """Forget the person.

        The models must be told: left alone, they look for the next one where the last one was.
        """
        self._last_hands = [None, None]
        for model in (self._pose, *self._hands):
            model.reset()

    def track(self, rgb_HW3: ByteArray, *, wants_hands: bool = True) -> BodyObservation:
        """Body and hands of the next picture (uint8 RGB of any size)."""
        assert not self._is_closed, "the tracker is closed"
        body = self._track_pose(rgb_HW3)
        if body is None:
            self._last_hands = [None, None]
            return BodyObservation(None, None)
        return BodyObservation(body, self._track_hands(rgb_HW3, body) if wants_hands else None)

    def _track_pose(self, rgb_HW3: ByteArray) -> BodyMotion | None:
        small, _ = fit_within(rgb_HW3, POSE_PX)
        found = self._pose.process(np.ascontiguousarray(small)).pose_landmarks
        if found is None:
            return None
        rows, columns = rgb_HW3.shape[:2]
        values = np.array([(p.x, p.y, p.z, p.visibility) for p in found.landmark], dtype=np.float32)
        assert values.shape == (NUM_JOINTS, 4)
        joints = values[:, :3] * np.array([columns, rows, columns], dtype=np.float32)
        visibility = np.clip(values[:, 3], 0.0, 1.0)
        # The model also says "visible" of joints it places beyond the picture's border.
        margin = 0.02 * max(rows, columns)
        is_outside = (
            (joints[:, 0] < -margin)
            | (joints[:, 0] > columns + margin)
            | (joints[:, 1] < -margin)
            | (joints[:, 1] > rows + margin)
        )
        visibility[is_outside] *= 0.3
        return BodyMotion(joints, visibility)

    def _track_hands(self, rgb_HW3: ByteArray, body: BodyMotion) -> HandsMotion:
        joints = np.zeros((2, NUM_HAND_JOINTS, 3), dtype=np.float32)
        is_present = np.zeros(2, dtype=np.bool_)
        for side in (0, 1):
            wrist = int(sk.WRISTS[side])
            joints[side] = body.joints_J3[wrist]
            found = None
            if body.visibility_J[wrist] >= _WRIST_SEEN:
                found = self._track_hand(rgb_HW3, body, side)
            self._last_hands[side] = found
            if found is not None:
                joints[side], is_present[side] = found, True
        self._drop_twin(joints, is_present, body)
        return HandsMotion(joints, is_present)

    def _track_hand(self, rgb_HW3: ByteArray, body: BodyMotion, side: int) -> FloatArray | None:
        reach = _forearm_px(body, side)
        wrist = body.joints_J3[sk.WRISTS[side], :2]
        last = self._last_hands[side]
        if last is not None and np.linalg.norm(last[0, :2] - wrist) < 1.2 * reach:
            low, high = last[:, :2].min(0), last[:, :2].max(0)
            side_px = max(_HAND_PER_BOX * float((high - low).max()), 0.6 * reach)
            square = Square.about(0.5 * (low + high), side_px)
        else:
            # Index and little finger's knuckles of the pose point to where the hand is.
            knuckles = body.joints_J3[[17 + side, 19 + side], :2].mean(0)
            square = Square.about(
                np.asarray(wrist + 1.2 * (knuckles - wrist), dtype=np.float32),
                _HAND_PER_FOREARM * reach,
            )
        crop, cut_square = cut(rgb_HW3, square, HAND_PX)
        found = self._hands[side].process(crop).multi_hand_landmarks
        if not found:
            return None
        joints = cut_square.to_picture(points_of(found[0]))
        # Some other hand came into the square: not the one on this arm.
        if np.linalg.norm(joints[0, :2] - wrist) > 0.8 * reach:
            return None
        return joints

    def _drop_twin(
        self, joints_2K3: FloatArray, is_present_2: np.ndarray[Any, Any], body: BodyMotion
    ) -> None:
        """Both searches may end on the same hand: it belongs to the nearer wrist."""
        if not is_present_2.all():
            return
        middles = joints_2K3[:, :, :2].mean(1)
        size = float(np.ptp(joints_2K3[:, :, :2], axis=1).max())
        if np.linalg.norm(middles[0] - middles[1]) > 0.35 * size:
            return
        off = np.linalg.norm(joints_2K3[:, 0, :2] - body.joints_J3[sk.WRISTS, :2], axis=1)
        wrong = int(np.argmax(off))
        is_present_2[wrong] = False
        self._last_hands[wrong] = None

    def close(self) -> None:
        """Release the models."""
        if not self._is_closed:
            self._is_closed = True
            self._pose.close()
            for hand in self._hands:
                hand.close()


def _forearm_px(body: BodyMotion, side: int) -> float:
    """Length of a forearm, from its joints or (pointing at the camera) from the shoulders."""
    joints = body.joints_J3[:, :2]
    seen = float(np.linalg.norm(joints[sk.ELBOWS[side]] - joints[sk.WRISTS[side]]))
    shoulders = float(np.linalg.norm(joints[sk.LEFT_SHOULDER] - joints[sk.RIGHT_SHOULDER]))
    return max(seen, _FOREARM_PER_SHOULDERS * shoulders, 8.0)


def locate_body(rgb_HW3: ByteArray, *, wants_hands: bool = False) -> BodyObservation:
    """Body (and hands) of one picture, with a tracker made and released for it."""
    tracker = BodyTracker(is_static=True)
    try:
        return tracker.track(rgb_HW3, wants_hands=wants_hands)
    finally:
        tracker.close()
