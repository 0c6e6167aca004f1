"""The evaluation set `rendered`: people, motions and looks that training never draws.

Training uses seeds below HELD_OUT_FROM; this set uses seeds from there on. Everything else is the
same engine, so that truth (flow, masks, landmarks) is exact.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from avatar.data.clip import ClipPlan, expression_names, render_clip
from avatar.data.clip_file import Clip
from avatar.data.filming import Floats, pose_landmarks
from avatar.data.head import identity_shape
from avatar.data.looks import Look
from avatar.data.people import random_person, random_situation
from avatar.data.posing import Pose
from avatar.data.shot import portrait_camera

HELD_OUT_FROM = 1_000_000_000
LOOK_SHARES = (
    (Look.REALISTIC, 5),
    (Look.CLAY, 1),
    (Look.TOON, 1),
    (Look.PAINTED, 1),
)
"""Out of every eight clips."""


def held_out_plan(index: int, plan: ClipPlan) -> tuple[int, ClipPlan]:
    """(seed, plan) of clip `index` of the set; looks come in a fixed rhythm."""
    if index < 0:
        raise ValueError(f"clip {index}: must be 0 or more")
    rhythm = [look for look, share in LOOK_SHARES for _ in range(share)]
    return HELD_OUT_FROM + index, replace(plan, look=rhythm[index % len(rhythm)])


def held_out_clips(num_clips: int, plan: ClipPlan | None = None) -> Iterator[Clip]:
    """The first `num_clips` clips of the set; the same for everybody, always."""
    for index in range(num_clips):
        seed, one = held_out_plan(index, plan or ClipPlan(num_frames=24, num_references=1))
        yield render_clip(seed, one)


def driver_rest_landmarks(clip: Clip) -> Floats:
    """(478, 3) landmarks of a clip's foreign driver at rest, before the clip's own camera."""
    rest = Pose(
        expression_E=np.zeros(len(expression_names()), np.float32),
        gaze_22=np.zeros((2, 2), np.float32),
    )
    return driver_landmarks(clip, rest)


def driver_landmarks(clip: Clip, pose: Pose) -> Floats:
    """(478, 3) landmarks of a clip's foreign driver at a pose."""
    rows, columns = clip.rgb_FHW3.shape[1:3]
    proportions = random_situation(clip.seed, Look(clip.look)).person.proportions
    head = proportions.head if proportions else 0.0
    camera = portrait_camera(clip.seed, (rows, columns), head)
    # The same other person as in `render_clip`; a test holds the two together.
    driver = identity_shape(np.array(random_person(clip.seed + 7_000_003).identity, np.float32))
    return pose_landmarks(driver, None, pose, camera)
