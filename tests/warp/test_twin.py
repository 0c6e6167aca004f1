from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest

from avatar.frames import (
    ByteArray,
    FloatArray,
    ReferenceGeometry,
    RetargetedMotion,
    Stamp,
    Tracking,
)
from avatar.motion import topology
from avatar.motion.geometry import place_head, reference_geometry
from avatar.motion.rotation import from_yaw_pitch_roll
from avatar.warp.renderer import WarpRenderer
from avatar.warp.rig import WarpRig, build_rig
from avatar.warp.twin import build_twin

SIDE = 256
SKIN, MARK, WALL = (205, 150, 120), (30, 60, 200), (90, 160, 90)
NEAR_CHEEK, FAR_CHEEK = 50, 280
"""Landmarks in the middle of the right and left cheek: seen and turned away at a yaw > 0."""


def turned(yaw: float) -> tuple[ByteArray, ByteArray, ReferenceGeometry]:
    """A face of plain skin that looks aside, with a mark on the cheek that it shows."""
    rotation = from_yaw_pitch_roll(yaw, 0.0, 0.0)
    centre = np.array([SIDE / 2, 120.0], np.float32)
    landmarks = place_head(topology.canonical_face(), rotation, centre, 52.0)
    reference = reference_geometry(landmarks, (SIDE, SIDE))
    rgb: ByteArray = np.full((SIDE, SIDE, 3), WALL, np.uint8)
    alpha = np.zeros((SIDE, SIDE), np.uint8)
    hull = cv2.convexHull(np.rint(landmarks[:468, :2]).astype(np.int32))
    cv2.fillPoly(rgb, [hull], SKIN)
    cv2.fillPoly(alpha, [hull], (255,))
    x, y = np.rint(landmarks[NEAR_CHEEK, :2]).astype(int).tolist()
    cv2.circle(rgb, (x, y), 9, MARK, -1)
    return rgb, alpha, reference


def render(rig: WarpRig, yaw: float) -> tuple[ByteArray, RetargetedMotion]:
    """The face at an absolute yaw."""
    reference = rig.reference
    rotation = from_yaw_pitch_roll(yaw, 0.0, 0.0)
    motion = RetargetedMotion(
        stamp=Stamp(0, Fraction(1, 25), 0.0),
        tracking=Tracking.TRACKED,
        rotation_33=rotation,
        translation_2=reference.translation_2,
        scale=reference.scale,
        shape_N3=reference.shape_N3,
        landmarks_N3=place_head(
            reference.shape_N3, rotation, reference.translation_2, reference.scale
        ),
        gaze_22=reference.gaze_22,
        lid_apertures_2=reference.lid_apertures_2,
        lip_aperture=reference.lip_aperture,
    )
    wall = np.full((SIDE, SIDE, 3), WALL, np.uint8)
    return WarpRenderer(rig, wall).render(motion)[0], motion


def colour_at(rgb: ByteArray, motion: RetargetedMotion, landmark: int) -> FloatArray:
    x, y = np.rint(motion.landmarks_N3[landmark, :2]).astype(int).tolist()
    return np.asarray(rgb[y - 2 : y + 3, x - 2 : x + 3].reshape(-1, 3).mean(0), np.float32)


def test_a_far_cheek_turned_to_the_camera_looks_like_the_near_one() -> None:
    rgb, alpha, reference = turned(0.75)
    rig = build_rig(reference, rgb, alpha)
    assert rig.twin is not None
    front, motion = render(rig, 0.0)
    assert np.abs(colour_at(front, motion, NEAR_CHEEK) - MARK).max() < 40
    assert np.abs(colour_at(front, motion, FAR_CHEEK) - MARK).max() < 60
    alone = replace(rig, twin=None)
    without, motion = render(alone, 0.0)
    assert np.abs(colour_at(without, motion, FAR_CHEEK) - MARK).max() > 100


@pytest.mark.parametrize("yaw", [0.75, 0.95])
def test_at_its_own_pose_and_beyond_a_turned_reference_stays_its_own(yaw: float) -> None:
    rgb, alpha, reference = turned(0.75)
    rig = build_rig(reference, rgb, alpha)
    with_twin, _ = render(rig, yaw)
    without, _ = render(replace(rig, twin=None), yaw)
    np.testing.assert_array_equal(with_twin, without)


def test_the_twin_comes_in_without_a_jump() -> None:
    rgb, alpha, reference = turned(0.6)
    rig = build_rig(reference, rgb, alpha)
    frames = [render(rig, yaw)[0].astype(int) for yaw in np.arange(0.6, 0.2, -0.02)]
    steps = [np.abs(b - a).mean() for a, b in zip(frames, frames[1:], strict=False)]
    assert max(steps) < 0.3 * np.abs(frames[-1] - frames[0]).mean()


def test_a_frontal_reference_needs_no_twin() -> None:
    rgb, alpha, reference = turned(0.05)
    assert build_rig(reference, rgb, alpha).twin is None


def test_the_twin_takes_on_the_light_of_the_far_side() -> None:
    rgb, alpha, reference = turned(0.4)
    middle = int(reference.landmarks_N3[topology.NOSE_TIP, 0])
    shaded = rgb.copy()
    shaded[:, middle:] = shaded[:, middle:] // 2
    texture = np.dstack([shaded, alpha])
    rig = build_rig(reference, shaded, alpha)
    twin = build_twin(rig.mesh, reference, texture)
    assert twin is not None
    x, y = np.rint(reference.landmarks_N3[205, :2]).astype(int).tolist()
    assert twin.texture_HW4[y, x, 0] < 0.75 * texture[y, x, 0]
