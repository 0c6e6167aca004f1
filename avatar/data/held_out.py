"""The evaluation set `rendered`: people, motions and looks that training never draws.

Training uses seeds below HELD_OUT_FROM; this set uses seeds from there on. Everything else is the
same engine, so that truth (flow, masks, landmarks) is exact.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from avatar.data.clip import ClipPlan, render_clip
from avatar.data.clip_file import Clip
from avatar.data.looks import Look

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
