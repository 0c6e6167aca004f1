"""A long stream: does the picture, the time per frame or the memory wander?

A clip drives its own first good frame, there and back again without a cut, for minutes. The content
repeats with every loop, so whatever changes from loop to loop is the stream's own drift.

Knows one clip and one animator at a time. Legend: H, W pixels; 3 colours.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import cycle
from statistics import fmean, median

import numpy as np

from avatar.evaluation.machine import resident_mb
from avatar.evaluation.picture_metrics import psnr_db, to_metric_size
from avatar.evaluation.report import Row
from avatar.evaluation.self_suite import SelfClip
from avatar.evaluation.sheet import ContactSheet
from avatar.frames import ByteArray, DrivingFrame
from avatar.regions import LiveSettings
from avatar.stream.animator import Animator

FPS = 25.0
DRIFT_COLUMNS = (
    "clip",
    "num_frames",
    "num_loops",
    "psnr_first",
    "psnr_last",
    "psnr_db_per_minute",
    "colour_levels_per_minute",
    "push_first_s",
    "push_last_s",
    "push_ratio",
    "resident_mb_per_minute",
)


@dataclass(slots=True)
class _Loop:
    """What one pass over the clip, there and back, gave."""

    end_s: float = 0.0
    psnr: list[float] = field(default_factory=list)
    colour: list[float] = field(default_factory=list)
    """Mean signed difference from the truth, levels."""
    push_s: list[float] = field(default_factory=list)
    resident_mb: float | None = None


def evaluate_drift(
    clip: SelfClip, animator: Animator, *, duration_s: float, max_frames: int, stride: int
) -> tuple[Row, ContactSheet]:
    """One clip's drift (null where the stream was too short to tell) and its contact sheet.

    The driver's neutral is held: that it follows the driver's posture, in minutes, is meant, and
    would count as drift. The first loop is warm-up and does not count; slopes are least squares
    over the others.
    """
    pictures = [frame.rgb_HW3 for frame in clip.frames(max_frames, stride)]
    held = [picture for picture in pictures if picture is not None]
    animator.configure(LiveSettings(is_mirrored=False, is_refining=False))
    animator.open(clip.character)
    animator.neutral = clip.neutral
    sheet = ContactSheet(("truth", "output"))
    loop_frames = max(1, 2 * len(held) - 2)
    loops: list[_Loop] = []
    truths: dict[int, ByteArray] = {}
    for index, driving in enumerate(_there_and_back(held, clip)):
        if index >= duration_s * FPS:
            break
        if index % loop_frames == 0:
            loops.append(_Loop())
        loop = loops[-1]
        assert driving.rgb_HW3 is not None
        truths[driving.stamp.pts] = driving.rgb_HW3
        start_s = time.perf_counter()
        rendered = animator.push(driving)
        loop.push_s.append(time.perf_counter() - start_s)
        for frame in rendered:
            truth = to_metric_size(truths.pop(frame.stamp.pts))
            output = to_metric_size(frame.rgb_HW3)
            loop.psnr.append(psnr_db(truth, output))
            loop.colour.append(float(output.mean()) - float(truth.mean()))
            if index % loop_frames == 0:
                sheet.add(truth, output)
        loop.end_s, loop.resident_mb = (index + 1) / FPS, resident_mb()
    whole = [loop for loop in loops[1:] if len(loop.push_s) == loop_frames]
    return {"clip": clip.name, "num_frames": len(held), **_summary(whole), "error": None}, sheet


def _there_and_back(pictures: Sequence[ByteArray], clip: SelfClip) -> Iterator[DrivingFrame]:
    """Without a cut, stamped at a steady rate for ever."""
    first = next(clip.frames(1, 1))
    order = [*pictures, *reversed(pictures[1:-1])]
    step = round(1 / (FPS * first.stamp.time_base))
    for index, picture in enumerate(cycle(order)):
        yield DrivingFrame(replace(first.stamp, pts=first.stamp.pts + index * step), picture)


def _summary(loops: Sequence[_Loop]) -> Row:
    if len(loops) < 2:
        return {"num_loops": len(loops)}
    first, last = loops[0], loops[-1]
    push_first_s, push_last_s = _per_frame(first), _per_frame(last)
    memory = [loop.resident_mb for loop in loops if loop.resident_mb is not None]
    minutes = [loop.end_s / 60.0 for loop in loops]
    return {
        "num_loops": len(loops),
        "psnr_first": fmean(first.psnr),
        "psnr_last": fmean(last.psnr),
        "psnr_db_per_minute": _slope(minutes, [fmean(loop.psnr) for loop in loops]),
        "colour_levels_per_minute": _slope(minutes, [fmean(loop.colour) for loop in loops]),
        "push_first_s": push_first_s,
        "push_last_s": push_last_s,
        "push_ratio": push_last_s / push_first_s,
        "resident_mb_per_minute": _slope(minutes, memory) if len(memory) == len(loops) else None,
    }


def _per_frame(loop: _Loop) -> float:
    """Median over pairs of pushes: a chunked animator works in every other one only."""
    num_pairs = len(loop.push_s) // 2
    return median(
        (loop.push_s[2 * pair] + loop.push_s[2 * pair + 1]) / 2 for pair in range(num_pairs)
    )


def _slope(x: Sequence[float], y: Sequence[float]) -> float:
    return float(np.polyfit(np.asarray(x), np.asarray(y), 1)[0])
