"""Motion without an actor: talking, blinking, saccades, moods, sway and turns, frame by frame.

A seed and a number of frames become poses; the same poses can be played on any person (that is
what makes cross-identity pairs). Knows expression names and time, not shapes.

Rates: blinks every 2 to 6 s of about 0.25 s; saccades every 0.5 to 2.5 s within two frames;
about 4 syllables a second. Angles in radians.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avatar.data.head import head_model
from avatar.data.posing import Pose

Floats = NDArray[np.float32]

# jaw and lip weights of mouth shapes that speech passes through
VISEMES: dict[str, dict[str, float]] = {
    "rest": {},
    "aa": {"jawOpen": 0.55, "mouthLowerDown": 0.25, "mouthUpperUp": 0.10},
    "eh": {"jawOpen": 0.32, "mouthStretch": 0.30, "mouthLowerDown": 0.25, "mouthUpperUp": 0.12},
    "ee": {"jawOpen": 0.14, "mouthStretch": 0.45, "mouthSmile": 0.25, "mouthLowerDown": 0.30,
           "mouthUpperUp": 0.15},
    "oh": {"jawOpen": 0.36, "mouthFunnel": 0.55, "mouthPucker": 0.15},
    "oo": {"jawOpen": 0.16, "mouthPucker": 0.70, "mouthFunnel": 0.25},
    "mm": {"mouthPress": 0.45, "mouthRollLower": 0.25, "mouthRollUpper": 0.20},
    "ff": {"mouthRollLower": 0.55, "mouthUpperUp": 0.25, "jawOpen": 0.05},
    "ss": {"jawOpen": 0.05, "mouthStretch": 0.25, "mouthLowerDown": 0.35, "mouthUpperUp": 0.20},
    "th": {"jawOpen": 0.16, "mouthLowerDown": 0.25},
}  # fmt: skip
MOODS: dict[str, dict[str, float]] = {
    "calm": {},
    "joy": {"mouthSmile": 0.75, "cheekSquint": 0.5, "eyeSquint": 0.25, "mouthUpperUp": 0.25},
    "sad": {"browInnerUp": 0.7, "mouthFrown": 0.5, "eyeSquint": 0.1},
    "anger": {"browDown": 0.8, "noseSneer": 0.35, "mouthPress": 0.3, "eyeSquint": 0.25},
    "surprise": {"browInnerUp": 0.8, "browOuterUp": 0.8, "eyeWide": 0.75, "jawOpen": 0.2},
    "doubt": {"browDown": 0.3, "mouthLeft": 0.35, "mouthFrown": 0.25},
    "disgust": {"noseSneer": 0.75, "mouthUpperUp": 0.35, "browDown": 0.35, "cheekSquint": 0.3},
    "puff": {"cheekPuff": 0.8, "mouthPress": 0.3},
    "kiss": {"mouthPucker": 0.8},
}
_EYE_PITCH = np.radians(28.0)
_EYE_YAW = np.radians(30.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Acting:
    """What a clip contains."""

    fps: float = 25.0
    talk: float = 0.6
    """Share of time spent talking."""
    liveliness: float = 0.5
    """Size of sway, turns and moods, 0..1."""
    max_turn: float = np.pi / 3
    """Largest turn of the head to the side."""


class _Weights:
    """Named weights; a name without a side sets both sides."""

    def __init__(self) -> None:
        self._names = head_model().expression_names
        self.values = np.zeros(len(self._names), np.float32)

    def add(self, shapes: dict[str, float], share: float) -> None:
        for name, value in shapes.items():
            for full in (name, f"{name}Left", f"{name}Right"):
                if full in self._names:
                    self.values[self._names.index(full)] += share * value


def _smooth(values: NDArray[np.float64], frames: float) -> NDArray[np.float64]:
    """Gaussian smoothing along time; `frames` is the standard deviation."""
    reach = max(int(3 * frames), 1)
    t = np.arange(-reach, reach + 1)
    window = np.exp(-0.5 * (t / max(frames, 1e-3)) ** 2)
    window /= window.sum()
    padded = np.pad(values, ((reach, reach), (0, 0)), mode="edge")
    return np.stack(
        [np.convolve(padded[:, k], window, mode="valid") for k in range(values.shape[1])], -1
    )


def _speech(rng: np.random.Generator, acting: Acting, num: int) -> NDArray[np.float64]:
    """(frames, shapes) of a mouth that talks and pauses."""
    names = list(VISEMES)
    out = np.zeros((num, len(head_model().expression_names)))
    at = 0.0
    talking = rng.random() < acting.talk
    until = rng.uniform(0.5, 3.0) * acting.fps
    loud = rng.uniform(0.6, 1.2)
    while at < num:
        if at > until:
            talking = rng.random() < acting.talk
            until = at + rng.uniform(0.5, 3.5) * acting.fps
            loud = rng.uniform(0.6, 1.2)
        long = max(rng.normal(0.125, 0.035), 0.06) * acting.fps
        if talking:
            weights = _Weights()
            weights.add(VISEMES[names[int(rng.integers(1, len(names)))]], loud)
            out[int(at) : int(at + long) + 1] = weights.values
        at += long
    return _smooth(out, 0.045 * acting.fps)


def _moods(rng: np.random.Generator, acting: Acting, num: int) -> NDArray[np.float64]:
    names = list(MOODS)
    out = np.zeros((num, len(head_model().expression_names)))
    at = 0.0
    while at < num:
        long = rng.uniform(0.8, 4.0) * acting.fps
        weights = _Weights()
        if rng.random() < 0.65:
            share = rng.uniform(0.2, 1.0) * (0.4 + 0.6 * acting.liveliness)
            weights.add(MOODS[names[int(rng.integers(len(names)))]], float(share))
        if rng.random() < 0.3:  # a single shape that no mood contains
            k = int(rng.integers(len(weights.values)))
            if not head_model().expression_names[k].startswith(("eyeBlink", "eyeLook")):
                weights.values[k] += rng.uniform(0.1, 0.7)
        out[int(at) : int(at + long) + 1] = weights.values
        at += long
    return _smooth(out, 0.16 * acting.fps)


def _blinks(rng: np.random.Generator, acting: Acting, num: int) -> NDArray[np.float64]:
    out = np.zeros(num)
    at = rng.uniform(0, 3.0) * acting.fps
    t = np.arange(num)
    while at < num + acting.fps:
        since = (t - at) / acting.fps
        closing = np.clip((since + 0.07) / 0.07, 0, 1)
        opening = np.clip(1 - (since - 0.04) / 0.15, 0, 1)
        out = np.maximum(out, np.minimum(closing, opening))
        at += rng.uniform(1.0, 5.5) * acting.fps
    return out


def _gaze(rng: np.random.Generator, acting: Acting, num: int) -> NDArray[np.float64]:
    """(frames, 2) yaw and pitch: jumps and fixations with drift."""
    out = np.zeros((num, 2))
    at = 0.0
    while at < num:
        long = rng.uniform(0.35, 2.4) * acting.fps
        at_camera = rng.random() < 0.5
        target = rng.normal(0, 0.03, 2) if at_camera else rng.normal(0, 1, 2) * [0.28, 0.16]
        out[int(at) : int(at + long) + 1] = np.clip(target, [-0.6, -0.4], [0.6, 0.42])
        at += long
    return _smooth(out, 0.35) + _smooth(rng.normal(0, 0.012, (num, 2)), 2)


def _sway(rng: np.random.Generator, acting: Acting, num: int) -> NDArray[np.float64]:
    """(frames, 3) head rotation about x, y, z: drift, nods and turns."""
    drift = _smooth(rng.normal(0, 1, (num, 3)), 0.5 * acting.fps)
    drift *= acting.liveliness * np.array([0.5, 0.8, 0.4])
    turns = np.zeros((num, 3))
    at = 0.0
    while at < num:
        long = rng.uniform(0.7, 3.0) * acting.fps
        if rng.random() < 0.7:
            size = rng.normal(0, 1, 3) * [0.14, 0.36, 0.12] * (0.5 + acting.liveliness)
            if rng.random() < 0.12:
                size[1] = rng.uniform(-1, 1) * acting.max_turn
            turns[int(at) : int(at + long) + 1] = size
        at += long
    total = drift + _smooth(turns, 0.14 * acting.fps)
    limit = np.array([0.5, acting.max_turn, 0.45])
    return np.asarray(np.clip(total, -limit, limit))


def act(seed: int, num_frames: int, acting: Acting | None = None) -> list[Pose]:
    """Poses of one clip; deterministic by seed."""
    acting = acting or Acting()
    rng = np.random.default_rng([seed, 3])
    names = head_model().expression_names
    weights = np.maximum(_speech(rng, acting, num_frames), 0)
    mood = _moods(rng, acting, num_frames)
    # a mood gives way where the mouth talks
    mouth = np.array([n.startswith(("mouth", "jaw")) for n in names])
    busy = np.clip(weights.sum(1, keepdims=True) / 0.6, 0, 0.7)
    weights = weights + mood * np.where(mouth[None], 1 - busy, 1.0)
    blink = _blinks(rng, acting, num_frames)
    gaze = _gaze(rng, acting, num_frames)
    turn = _sway(rng, acting, num_frames)
    root = _smooth(rng.normal(0, 1, (num_frames, 3)), 0.8 * acting.fps) * [0.08, 0.10, 0.06]
    shift = _smooth(rng.normal(0, 1, (num_frames, 3)), acting.fps) * [3.0, 1.0, 4.0]
    index = {n: names.index(n) for n in names}
    # eyes keep looking at the camera for part of a turn
    keep = rng.uniform(0.0, 0.7)
    poses = []
    for f in range(num_frames):
        w = weights[f].copy()
        yaw = float(np.clip(gaze[f, 0] - keep * turn[f, 1], -0.55, 0.55))
        pitch = float(np.clip(gaze[f, 1] - keep * turn[f, 0], -0.4, 0.45))
        for side, sign in (("Left", 1.0), ("Right", -1.0)):
            out = yaw * sign / _EYE_YAW
            w[index[f"eyeLookOut{side}"]] += max(out, 0)
            w[index[f"eyeLookIn{side}"]] += max(-out, 0)
            w[index[f"eyeLookDown{side}"]] += max(pitch / _EYE_PITCH, 0)
            w[index[f"eyeLookUp{side}"]] += max(-pitch / _EYE_PITCH, 0)
            k = index[f"eyeBlink{side}"]
            # lids that already follow a downward look have less way to go
            w[k] = max(w[k], blink[f] * (1 - 0.4 * min(max(pitch / _EYE_PITCH, 0), 1)))
        w[index["mouthClose"]] = min(w[index["mouthClose"]], w[index["jawOpen"]])
        gaze_22 = np.array([[yaw, pitch], [yaw, pitch]], np.float32)
        poses.append(
            Pose(
                expression_E=np.clip(w, 0, 1).astype(np.float32),
                gaze_22=gaze_22,
                head_rotvec_3=turn[f].astype(np.float32),
                root_rotvec_3=root[f].astype(np.float32),
                root_shift_3=shift[f].astype(np.float32),
            )
        )
    return poses
