"""What hands do while somebody talks: rest, gesture, wave, and go to the face. Deterministic.

Knows time and places around a head; no bones. Wrist places are where a hand of average size would
rest against the named part of the face.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avatar.data.limbs import BodyPose, HandGoal

Vector = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class _Place:
    """A goal of the left hand; the right one mirrors x."""

    place: Vector
    fingers: Vector
    palm: Vector
    curl: float


FACE_PLACES = (
    _Place((4, -20, 14), (-0.25, 1.0, 0.05), (0, 0.3, -1), 0.45),  # chin in hand
    _Place((13, -12, 14), (-0.3, 1.0, -0.1), (-1, 0, -0.5), 0.25),  # cheek
    _Place((10, -8, 17), (-0.6, 0.8, 0.0), (0, 0, -1), 0.15),  # over the mouth
    _Place((12, 2, 14), (-0.8, 0.6, 0.0), (0, -0.3, -1), 0.2),  # forehead
    _Place((13, -6, 8), (-0.1, 1.0, -0.1), (-1, 0, -0.1), 0.2),  # ear, hair
    _Place((9, -9, 18), (-0.35, 1.0, -0.1), (-0.4, 0, -1), 0.5),  # glasses, nose
)
OPEN_PLACES = (
    _Place((17, -30, 24), (-0.1, 0.4, 1.0), (-0.9, 0.4, 0), 0.3),
    _Place((12, -26, 26), (-0.5, 0.5, 0.7), (-0.5, 0.3, -0.6), 0.35),
    _Place((26, -26, 20), (0.4, 0.4, 0.8), (-0.3, 0.9, 0), 0.15),
    _Place((22, -16, 20), (0.0, 1.0, 0.2), (0, 0, 1), 0.05),
    _Place((26, -4, 12), (0.1, 1.0, 0.0), (0, 0, 1), 0.0),  # a wave
    _Place((8, -32, 22), (-0.9, 0.2, 0.4), (0, -0.2, -1), 0.5),
)


def _track(
    rng: np.random.Generator, num: int, fps: float, to_face: float, busy: float, sign: float
) -> list[HandGoal | None]:
    """One hand over time: goals joined by smooth moves of a third to two thirds of a second."""
    rows = np.zeros((num, 11))  # place, fingers, palm, share, curl
    at, up = 0.0, rng.random() < busy
    while at < num:
        long = rng.uniform(0.5, 2.2) * fps
        chosen = FACE_PLACES if rng.random() < to_face else OPEN_PLACES
        goal = chosen[int(rng.integers(len(chosen)))]
        place = np.array(goal.place) + rng.normal(0, 1.2 if chosen is FACE_PLACES else 3.0, 3)
        row = np.concatenate([
            place * [sign, 1, 1],
            (np.array(goal.fingers) + rng.normal(0, 0.12, 3)) * [sign, 1, 1],
            np.array(goal.palm) * [sign, 1, 1],
            [float(up), np.clip(goal.curl + rng.normal(0, 0.15), 0, 1)],
        ])  # fmt: skip
        first, last = int(at), min(int(at + long) + 1, num)
        rows[first:last] = row
        if not up and first > 0:  # a hand that goes down leaves from where it was
            rows[first:last, :9] = rows[first - 1, :9]
        at += long
        up = rng.random() < busy
    if not rows[:, 9].any():
        return [None] * num
    beat = np.cumsum(rng.normal(0, 1, (num, 3)), 0)
    beat -= np.linspace(0, 1, num)[:, None] * beat[-1]
    rows[:, :3] += 0.25 * beat * rows[:, 9:10]
    rows = _ease(rows, 0.09 * fps)
    return [
        HandGoal(
            place_3=(float(r[0]), float(r[1]), float(r[2])),
            fingers_3=(float(r[3]), float(r[4]), float(r[5])),
            palm_3=(float(r[6]), float(r[7]), float(r[8])),
            share=float(np.clip(r[9], 0, 1)),
            curl=float(r[10]),
        )
        for r in rows
    ]


def _ease(rows: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    reach = max(int(3 * sigma), 1)
    t = np.arange(-reach, reach + 1)
    window = np.exp(-0.5 * (t / max(sigma, 1e-3)) ** 2)
    window /= window.sum()
    padded = np.pad(rows, ((reach, reach), (0, 0)), mode="edge")
    columns = [np.convolve(padded[:, k], window, mode="valid") for k in range(rows.shape[1])]
    return np.stack(columns, -1)


def gesture(
    seed: int, num_frames: int, *, fps: float = 25.0, to_face: float = 0.4, busy: float = 0.6
) -> list[BodyPose]:
    """Hands of one clip; `to_face` is the share of goals at the face, `busy` of time in the air."""
    rng = np.random.default_rng([seed, 21])
    left = _track(rng, num_frames, fps, to_face, busy, 1.0)
    both = rng.random() < 0.6
    right = _track(rng, num_frames, fps, to_face, busy, -1.0) if both else [None] * num_frames
    if rng.random() < 0.5:
        left, right = (
            [None if g is None else _mirrored(g) for g in hand] for hand in (right, left)
        )
    return [BodyPose(hands=(one, two)) for one, two in zip(left, right, strict=True)]


def _mirrored(goal: HandGoal) -> HandGoal:
    def flip(v: Vector) -> Vector:
        return -v[0], v[1], v[2]

    return HandGoal(
        place_3=flip(goal.place_3), fingers_3=flip(goal.fingers_3), palm_3=flip(goal.palm_3),
        share=goal.share, curl=goal.curl,
    )  # fmt: skip
