"""Body and hand joints of a posed person in a picture: MediaPipe's 33 and 2 x 21, and bone lengths.

Knows which bone ends are which joints; numbering as in `avatar.motion.skeleton`.

Shape legend: J 33 joints, K 21 joints per hand, B bones of `DRAWN_BONES`, 2 hands, 3 components.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avatar.data.body import Build, Seat, Skeleton, body_shape, fit_skeleton, seat_head
from avatar.data.labels import View
from avatar.data.limbs import BodyPose, pose_limbs
from avatar.data.posing import Mover
from avatar.motion.skeleton import DRAWN_BONES, HEAD_JOINTS, HEAD_LANDMARKS

Floats = NDArray[np.float32]

NUM_JOINTS, NUM_HAND_JOINTS = 33, 21
_HEADS = {11: "upperarm01.L", 13: "lowerarm01.L", 15: "wrist.L", 17: "finger5-1.L",
          19: "finger2-1.L", 21: "finger1-2.L", 23: "upperleg01.L", 25: "lowerleg01.L",
          27: "foot.L", 31: "toe2-1.L"}  # fmt: skip
"""Bone whose head is the joint; the right side's are one higher."""
_HEEL_FROM_ANKLE_DM = np.array([0.0, -0.55, -0.45], np.float32)
_INSIDE_CM = np.where(np.arange(NUM_JOINTS) < 11, 2.0, 9.0).astype(np.float32)
_INSIDE_CM[15:23] = 4.0
"""How deep below the visible surface a joint may lie and still count as seen."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Bones without skin: enough to say where joints are."""

    skeleton: Skeleton
    seat: Seat
    rest: tuple[Floats, Floats]
    """Bones (rotations, shifts) of a body that hangs its arms."""


def frame_around(skeleton: Skeleton, seat: Seat) -> Frame:
    """A frame of a skeleton that is there."""
    return Frame(skeleton, seat, pose_limbs(skeleton, seat, BodyPose()))


def frame_of(build: Build) -> Frame:
    """The frame of a build."""
    shape = body_shape(build)
    return frame_around(fit_skeleton(shape), seat_head(shape, build.male))


@dataclass(frozen=True, slots=True)
class Joints:
    """Pixels of the picture; z in the same unit against the hips' middle, smaller is nearer."""

    body_J3: Floats
    body_seen_J: Floats
    """1 where the joint is in the picture and nothing lies in front of it."""
    hands_2K3: Floats
    hands_seen_2K: Floats
    bone_lengths_B: Floats
    """Centimetres."""


def _hand_bones(side: str) -> list[tuple[str, bool]]:
    """(bone, whether its tail is meant) in MediaPipe's order."""
    out = [(f"wrist.{side}", False)]
    for finger in range(1, 6):
        out += [(f"finger{finger}-{joint}.{side}", False) for joint in (1, 2, 3)]
        out.append((f"finger{finger}-3.{side}", True))
    return out


def joints_of(frame: Frame, mover: Mover, landmarks_N3: Floats, view: View) -> Joints:
    """Joints of a person in a view; `landmarks` are its face's in the same picture."""
    skeleton, seat = frame.skeleton, frame.seat
    body_pose = mover.pose.body
    rotation, shift = frame.rest if body_pose is None else pose_limbs(skeleton, seat, body_pose)

    def at(bone: str, is_tail: bool = False) -> Floats:
        b = skeleton.index(bone)
        end = skeleton.tails_B3[b] if is_tail else skeleton.heads_B3[b]
        return np.asarray(rotation[b] @ end + shift[b], np.float32)

    dm = np.zeros((NUM_JOINTS, 3), np.float32)
    for row, bone in _HEADS.items():
        for side, offset in (("L", 0), ("R", 1)):
            dm[row + offset] = at(bone.replace(".L", f".{side}"))
    for row, side in ((29, "L"), (30, "R")):
        dm[row] = at(f"foot.{side}") + rotation[skeleton.index(f"foot.{side}")] @ (
            _HEEL_FROM_ANKLE_DM
        )
    hands = np.stack([[at(*bone) for bone in _hand_bones(side)] for side in ("L", "R")])
    body_cm = mover.points(seat.to_head_cm(dm))
    hands_cm = mover.points(seat.to_head_cm(hands.reshape(-1, 3)))
    lengths = np.array([np.linalg.norm(body_cm[a] - body_cm[b]) for a, b in DRAWN_BONES],
                       np.float32)  # fmt: skip
    camera = view.camera
    depth = camera.to_camera(body_cm)[:, 2]
    hips = float(depth[[23, 24]].mean())
    per_cm = camera.focal_px / hips

    def on_picture(points_cm: Floats) -> Floats:
        out = camera.project(points_cm)
        out[:, 2] = (camera.to_camera(points_cm)[:, 2] - hips) * per_cm
        return out

    body = on_picture(body_cm)
    face = landmarks_N3[HEAD_LANDMARKS]
    head_depth = camera.to_camera(mover.points(np.zeros((1, 3), np.float32)))[0, 2]
    body[HEAD_JOINTS, :2] = face[:, :2]
    body[HEAD_JOINTS, 2] = face[:, 2] + (head_depth - hips) * per_cm
    seen = _seen(view, body, body[:, 2] / per_cm + hips, _INSIDE_CM)
    hand = on_picture(hands_cm)
    hand_seen = _seen(view, hand, hand[:, 2] / per_cm + hips, np.full(len(hand), 3.5, np.float32))
    return Joints(
        body, seen, hand.reshape(2, NUM_HAND_JOINTS, 3),
        hand_seen.reshape(2, NUM_HAND_JOINTS), lengths,
    )  # fmt: skip


def _seen(view: View, at_N3: Floats, depth_cm_N: Floats, inside_cm_N: Floats) -> Floats:
    height, width = view.index_HW.shape
    x, y = at_N3[:, 0].astype(int), at_N3[:, 1].astype(int)
    in_picture = (at_N3[:, 0] >= 0) & (x < width) & (at_N3[:, 1] >= 0) & (y < height)
    near = view.near_HW[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]
    surface = 1 / np.maximum(near, 1e-6)
    return (in_picture & (near > 0) & (depth_cm_N < surface + inside_cm_N)).astype(np.float32)
