"""Training clips of lifted photographs: the same clip type and labels as of rendered people.

Knows how far a lifted person may turn and how light and identity are varied, so that few
photographs become many people. The seed chooses the photograph and everything else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar.data.acting import Acting, act
from avatar.data.camera import Camera
from avatar.data.clip import WARM_UP, ClipPlan, render_clip, still
from avatar.data.clip_file import Clip
from avatar.data.filming import driver_of, film
from avatar.data.lift import Lift, person_of, set_of
from avatar.data.light import quick
from avatar.data.people import random_light
from avatar.data.posing import Pose
from avatar.data.scene import Lights

Floats = NDArray[np.float32]

MAX_TURN = np.radians([16.0, 25.0, 14.0]).astype(np.float32)
"""About x, y, z: what a photograph shows of a head is believable this far from its own pose."""
SWAY = 0.4
"""Share of the body's sway: a photograph ends below the shoulders."""


def _within_reach(pose: Pose) -> Pose:
    turn = MAX_TURN * np.tanh(pose.head_rotvec_3 / MAX_TURN)
    return replace(
        pose,
        head_rotvec_3=turn.astype(np.float32),
        root_rotvec_3=(pose.root_rotvec_3 * np.float32(SWAY)),
        root_shift_3=(pose.root_shift_3 * np.float32(SWAY)),
    )


def _mixed_light(lift: Lift, rng: np.random.Generator) -> Lights:
    """The photograph's own light, or partly another."""
    own = lift.photo_light()
    if rng.random() < 0.35:
        return own
    share = np.float32(rng.uniform(0.15, 0.75))
    other = quick(random_light(rng))
    assert other.mirror_93 is not None
    return replace(
        other,
        colour_L3=other.colour_L3 * share,
        ambient_93=other.ambient_93 * share + own.ambient_93 * (1 - share),
        mirror_93=other.mirror_93 * share,
    )


def _crop(lift: Lift, rng: np.random.Generator, size_px: int) -> tuple[Camera, Floats]:
    """(camera, background) of a random square of the photograph around the face."""
    own = lift.fit.camera
    full = own.size_hw[0]
    side = full / float(rng.uniform(1.12, 1.7))
    face = own.project(np.array([[0.0, 0.5, 8.0]], np.float32))[0]
    left = float(np.clip(face[0] - side * rng.uniform(0.42, 0.58), 0, full - side))
    # the sheet ends with the photograph: a margin below keeps its edge out of the picture
    top = float(np.clip(face[1] - side * rng.uniform(0.40, 0.55), 0, 0.94 * full - side))
    k = size_px / side
    camera = Camera(
        own.rotation_33, own.position_3, own.focal_px * k,
        ((own.centre_px[0] - left) * k, (own.centre_px[1] - top) * k), (size_px, size_px),
    )  # fmt: skip
    to_canvas = np.array([[1 / k, 0, left + 0.5 / k - 0.5], [0, 1 / k, top + 0.5 / k - 0.5]])
    background = cv2.warpAffine(
        lift.background_HW3, to_canvas, (size_px, size_px),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    return camera, np.asarray(background, np.float32) / np.float32(255)


def render_lifted_clip(seed: int, lifts: Sequence[Lift], plan: ClipPlan | None = None) -> Clip:
    """A clip of one of the lifted people; the same seed, photographs and plan give the same clip.

    Half of the people are the photographs', half are relatives with another face shape and tint.
    """
    if not lifts:
        raise ValueError("no lifted photographs were given")
    plan = plan or ClipPlan()
    rng = np.random.default_rng([seed, 11])
    lift = lifts[int(rng.integers(len(lifts)))]
    change, tint = None, (1.0, 1.0, 1.0)
    if rng.random() < 0.5:
        change = (rng.standard_normal(40) * 0.35).astype(np.float32)
        level = float(np.exp(rng.normal(0, 0.12)))
        red, green, blue = (float(v) for v in level * np.exp(rng.normal(0, 0.05, 3)))
        tint = (red, green, blue)
    person = person_of(lift, identity_change_K=change, tint_rgb=tint)
    camera, background = _crop(lift, rng, plan.size_px)
    made = replace(
        set_of(lift, _mixed_light(lift, rng), plan.size_px, person), background_HW3=background
    )
    acting = Acting(talk=float(rng.uniform(0.2, 0.9)), liveliness=float(rng.uniform(0.2, 1.0)))
    poses = [_within_reach(p) for p in act(seed, plan.num_frames + WARM_UP, acting)[WARM_UP:]]
    other = act(seed + 1_000_003, plan.num_references + WARM_UP, acting)[WARM_UP:]
    references = [
        _within_reach(still(p, 0.0 if rng.random() < 0.6 else float(rng.uniform(0.2, 1.0))))
        for p in other
    ]
    if rng.random() < 0.5:  # the photograph itself is the best reference
        references[0] = lift.photo_pose()
    return film(made, camera, references, poses, driver_of(seed), plan.quality, seed)


def render_mixed_clip(
    seed: int,
    plan: ClipPlan | None = None,
    *,
    lifted: Sequence[Lift] = (),
    lifted_share: float = 0.3,
) -> Clip:
    """The clip of a seed where `lifted_share` of all seeds stand for lifted photographs."""
    is_lifted = np.random.default_rng([seed, 12]).random() < lifted_share
    if lifted and is_lifted:
        return render_lifted_clip(seed, lifted, plan)
    return render_clip(seed, plan)


def stream_clips(
    seed: int,
    plan: ClipPlan | None = None,
    *,
    lifted: Sequence[Lift] = (),
    lifted_share: float = 0.3,
) -> Iterator[Clip]:
    """Clips without end, in memory; workers take seeds `seed + k * num_workers`.

    `lifted` (see `avatar.data.lift_file.read_lifts`) are mixed in with `lifted_share` of the clips.
    """
    while True:
        yield render_mixed_clip(seed, plan, lifted=lifted, lifted_share=lifted_share)
        seed += 1
