"""Contact sheets: what the data engine makes, to be looked at. sRGB bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar.data.acting import MOODS, VISEMES, act
from avatar.data.camera import look_at
from avatar.data.clip import ClipPlan, write_script
from avatar.data.head import expression, head_model
from avatar.data.lift import Lift, photo_camera, set_of
from avatar.data.lift_clip import MAX_TURN
from avatar.data.looks import Look
from avatar.data.people import random_situation
from avatar.data.posing import Pose
from avatar.data.render import Quality
from avatar.data.shot import portrait_camera, prepare, shoot

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


def tile(pictures: list[Bytes], num_columns: int) -> Bytes:
    """Pictures of one size on a grid, black where there are too few."""
    rows = []
    for start in range(0, len(pictures), num_columns):
        row = pictures[start : start + num_columns]
        row = row + [np.zeros_like(pictures[0])] * (num_columns - len(row))
        rows.append(np.concatenate(row, 1))
    return np.concatenate(rows, 0)


def named_expression(**weights: float) -> Floats:
    """Weights by name; a name without a side sets both."""
    names = head_model().expression_names
    full: dict[str, float] = {}
    for name, value in weights.items():
        sides = [n for n in (name, f"{name}Left", f"{name}Right") if n in names]
        if not sides:
            raise KeyError(f"unknown expression shape '{name}'")
        full.update(dict.fromkeys(sides, value))
    return expression(**full)


def people_sheet(look: Look, num: int, seed: int, size_px: int) -> Bytes:
    """Random people of one look in random moments."""
    pictures = []
    for k in range(num):
        situation = random_situation(seed + k, look)
        made = prepare(situation, (size_px, size_px))
        proportions = situation.person.proportions
        camera = portrait_camera(
            seed + k, (size_px, size_px), proportions.head if proportions else 0.0
        )
        pictures.append(shoot(made, act(seed + k, 16)[12], camera, Quality()).rgb_HW3)
    return tile(pictures, 8)


CLOSE_EXPRESSIONS: tuple[dict[str, float], ...] = (
    {},
    {"eyeBlink": 1.0},
    {"eyeBlink": 0.5},
    {"eyeWide": 1.0, "browInnerUp": 0.6},
    *(VISEMES[name] for name in ("aa", "ee", "oh", "oo", "mm", "ff")),
    *(MOODS[name] for name in ("joy", "anger", "surprise", "disgust", "sad", "puff")),
)


def expression_sheet(seed: int, look: Look, size_px: int, *, part: str = "face") -> Bytes:
    """One person through 16 expressions; `part` is face, mouth or eyes (closer cameras)."""
    made = prepare(random_situation(seed, look), (size_px, size_px))
    where = {"face": (0.5, 26.0), "mouth": (-3.0, 9.0), "eyes": (3.7, 11.0)}
    if part not in where:
        raise ValueError(f"part '{part}': must be one of {', '.join(where)}")
    height, span = where[part]
    camera = look_at(
        np.array([0, height, 8.0], np.float32),
        distance_cm=90.0,
        height_cm=span,
        size_hw=(size_px, size_px),
    )
    pictures = []
    for k, weights in enumerate(CLOSE_EXPRESSIONS):
        look_aside = 0.35 * np.sin(k * 1.7) if part == "eyes" else 0.0
        gaze = np.array([[look_aside, 0.0], [look_aside, 0.0]], np.float32)
        pose = Pose(expression_E=named_expression(**weights), gaze_22=gaze)
        pictures.append(shoot(made, pose, camera, Quality()).rgb_HW3)
    return tile(pictures, 4)


def bodies_sheet(framing: str, num: int, seed: int, size_px: int) -> Bytes:
    """People in motion, one per row: reference, then five moments two fifths of a second apart."""
    pictures: list[Bytes] = []
    for k in range(num):
        plan = ClipPlan(
            size_px=size_px, num_frames=41, num_references=1, framing=framing, gesture_share=1.0
        )
        script = write_script(seed + k, plan)
        for pose in (script.references[0], *script.poses[::10]):
            pictures.append(shoot(script.made, pose, script.camera, plan.quality).rgb_HW3)
    return tile(pictures, 6)


def lifted_sheet(lifts: Sequence[Lift], size_px: int) -> Bytes:
    """Photographs in 3D, one per row: picture, own pose, both sides at 25 degrees, three moods."""
    pictures: list[Bytes] = []
    for lift in lifts:
        made, camera = set_of(lift, lift.photo_light(), size_px), photo_camera(lift, size_px)
        own = lift.photo_pose()
        shown = cv2.resize(lift.photo_HW3, (size_px, size_px), interpolation=cv2.INTER_AREA)
        pictures.append(np.asarray(shown, np.uint8))
        turned = [
            replace(own, head_rotvec_3=np.array([0, yaw, 0], np.float32))
            for yaw in (0.0, -MAX_TURN[1], MAX_TURN[1])
        ]
        acted = [
            replace(own, expression_E=named_expression(**weights))
            for weights in (VISEMES["aa"], MOODS["joy"], {"eyeBlink": 1.0})
        ]
        for pose in (*turned, *acted):
            pictures.append(shoot(made, pose, camera, Quality()).rgb_HW3)
    return tile(pictures, 7)
