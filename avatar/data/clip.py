"""Training clips of random people: one person, a few references, some frames in motion, all labels.

A seed becomes a `Clip`, in memory, without touching the disk. Knows what is chosen by chance; how
it is filmed is `avatar.data.filming`'s, what a clip holds and its file `avatar.data.clip_file`'s.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from avatar.data.acting import Acting, act
from avatar.data.background import move_background
from avatar.data.camera import Camera
from avatar.data.clip_file import Clip as Clip
from avatar.data.clip_file import Floats
from avatar.data.dressed import Dressed
from avatar.data.filming import driver_of, film
from avatar.data.gestures import gesture
from avatar.data.head import head_model
from avatar.data.limbs import BodyPose, pose_limbs
from avatar.data.looks import Look
from avatar.data.mocap import play
from avatar.data.people import Situation, random_situation
from avatar.data.posing import Mover, Pose
from avatar.data.render import Quality
from avatar.data.shot import FRAMINGS, Set, framed_camera, prepare

WARM_UP = 12
"""Frames until every track has left its start."""
_SHOES = tuple(f"shoes0{k}" for k in range(1, 7))
_NO_LEGS = ("female_casualsuit02", "female_elegantsuit01")
"""Garments that end at the hips."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipPlan:
    """What a clip is made of."""

    size_px: int = 256
    num_frames: int = 8
    num_references: int = 2
    look: Look | None = None
    """None draws one per clip."""
    framing: str | None = "portrait"
    """portrait, half_body or full_body; None draws one per clip (75, 17, 8 %)."""
    moving_background_share: float = 0.3
    """Share of clips whose background moves."""
    gesture_share: float = 0.25
    """Share of portraits in which hands come up; in wider framings they always move."""
    quality: Quality = Quality()


def still(pose: Pose, amount: float) -> Pose:
    """A pose reduced towards neutral: references are calm, but not always neutral."""
    return replace(
        pose,
        expression_E=pose.expression_E * np.float32(amount),
        gaze_22=pose.gaze_22 * np.float32(amount),
        head_rotvec_3=pose.head_rotvec_3 * np.float32(amount),
    )


def _dressed_for(situation: Situation, framing: str, rng: np.random.Generator) -> Situation:
    """Whole bodies get shoes and trousers."""
    style = situation.person
    garment = style.garment
    if framing != "portrait" and garment in _NO_LEGS:
        garment = "female_casualsuit01"
    shoes = _SHOES[int(rng.integers(len(_SHOES)))] if framing == "full_body" else style.shoes
    return replace(situation, person=replace(style, garment=garment, shoes=shoes))


def _with_bodies(
    poses: list[Pose], seed: int, framing: str, rng: np.random.Generator, gesture_share: float
) -> list[Pose]:
    """Give poses arms and legs: gestures, or motion capture where much of the body shows."""
    is_captured = rng.random() < {"portrait": 0.0, "half_body": 0.3}.get(framing, 0.8)
    if is_captured:
        out = []
        for pose, captured in zip(poses, play(seed, len(poses)), strict=True):
            lean = captured.chest_rotvec_3 * (0.6 if framing == "full_body" else 0.25)
            out.append(
                replace(
                    pose,
                    body=captured.pose,
                    root_rotvec_3=(pose.root_rotvec_3 + lean).astype(np.float32),
                )
            )
        return out
    share = gesture_share if framing == "portrait" else 0.9
    if rng.random() >= share:
        return poses
    to_face = 0.75 if framing == "portrait" else 0.35
    hands = gesture(seed, len(poses), to_face=to_face, busy=0.7)
    return [replace(pose, body=body) for pose, body in zip(poses, hands, strict=True)]


def _on_floor(poses: list[Pose], dressed: Dressed) -> list[Pose]:
    """Shift whole bodies up and down so that the lowest foot stays on one floor."""
    feet = [dressed.skeleton.index(f"toe2-1.{side}") for side in ("L", "R")]
    out = []
    for pose in poses:
        body = pose.body or BodyPose()
        rotation, shift = pose_limbs(dressed.skeleton, dressed.seat, body)
        ends = [rotation[b] @ dressed.skeleton.heads_B3[b] + shift[b] for b in feet]
        mover = Mover(pose, None, np.zeros((2, 3), np.float32))
        low = mover.points(dressed.seat.to_head_cm(np.array(ends, np.float32)))[:, 1].min()
        standing = dressed.seat.to_head_cm(dressed.skeleton.heads_B3[feet])[:, 1].min()
        rise = np.array([0, standing - low, 0], np.float32)
        out.append(replace(pose, root_shift_3=pose.root_shift_3 + rise))
    return out


@dataclass(frozen=True, slots=True)
class Script:
    """Everything of a clip that is chosen before it is filmed."""

    made: Set
    camera: Camera
    references: list[Pose]
    poses: list[Pose]
    backgrounds: list[Floats]


def write_script(seed: int, plan: ClipPlan) -> Script:
    """Choose the person, the motion, the camera and the background of a seed."""
    rng = np.random.default_rng([seed, 5])
    framing = plan.framing
    if framing is None:
        framing = FRAMINGS[int(rng.choice(3, p=[0.75, 0.17, 0.08]))]
    situation = _dressed_for(random_situation(seed, plan.look), framing, rng)
    size = (plan.size_px, plan.size_px)
    made = prepare(situation, size)
    proportions = situation.person.proportions
    camera = framed_camera(seed, size, framing, proportions.head if proportions else 0.0)
    acting = Acting(talk=float(rng.uniform(0.2, 0.9)), liveliness=float(rng.uniform(0.2, 1.0)))
    poses = act(seed, plan.num_frames + WARM_UP, acting)
    poses = _with_bodies(poses, seed, framing, rng, plan.gesture_share)[WARM_UP:]
    other = act(seed + 1_000_003, plan.num_references + WARM_UP, acting)
    if poses[0].body is not None and rng.random() < 0.4:  # references with hands in the picture
        other = _with_bodies(other, seed + 1_000_003, framing, rng, 1.0)
    elif framing == "full_body":
        other = [replace(pose, body=BodyPose()) for pose in other]
    references = [
        still(pose, 0.0 if rng.random() < 0.6 else float(rng.uniform(0.2, 1.0)))
        for pose in other[WARM_UP:]
    ]
    if framing == "full_body" and made.person.dressed is not None:
        poses = _on_floor(poses, made.person.dressed)
        references = _on_floor(references, made.person.dressed)
    backgrounds: list[Floats] = []
    if rng.random() < plan.moving_background_share:
        backgrounds = move_background(situation.background, size, plan.num_frames, rng)
        made.background_HW3 = backgrounds[0]
    return Script(made, camera, references, poses, backgrounds)


def render_clip(seed: int, plan: ClipPlan | None = None) -> Clip:
    """Make the clip of a seed; the same seed and plan give the same clip."""
    plan = plan or ClipPlan()
    script = write_script(seed, plan)
    return film(
        script.made, script.camera, script.references, script.poses, driver_of(seed),
        plan.quality, seed, backgrounds=script.backgrounds,
    )  # fmt: skip


def expression_names() -> tuple[str, ...]:
    """Names of the expression weights, in order."""
    return head_model().expression_names
