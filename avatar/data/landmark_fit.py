"""Makes the landmark table and the tracker's bias: renders people, asks a tracker, fits, once.

The tracker is handed in as a function of a picture, so that this file knows no tracker.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from avatar.data.acting import Acting, act
from avatar.data.camera import look_at
from avatar.data.filming import head_to_camera, table_landmarks, traits_of
from avatar.data.hair import HairStyle
from avatar.data.head import expression, head_model, pose_face
from avatar.data.landmark_map import LandmarkMap, TrackedView, fit_map
from avatar.data.light import LightStyle
from avatar.data.looks import Look
from avatar.data.people import random_situation
from avatar.data.posing import Mover, Pose
from avatar.data.raster import raster
from avatar.data.render import Quality
from avatar.data.shot import framed_camera, prepare, shoot
from avatar.data.tracker_bias import TrackedPose, TrackerBias, fit_bias

Locate = Callable[[NDArray[np.uint8]], NDArray[np.float32] | None]
"""A picture to (478, 3) landmarks in its pixels, None where no face is found."""

SIZE_PX = 400
# (yaw, pitch, jaw) of the views of every person
VIEWS = ((0.0, 0.0, 0.0), (0.0, 0.0, 0.35), (-0.32, 0.0, 0.0), (0.32, 0.0, 0.25))


def tracked_views(locate: Locate, seed: int, num_people: int) -> list[TrackedView]:
    """Views of bare, evenly lit faces with what the tracker found on them."""
    model = head_model()
    views = []
    for k in range(num_people):
        situation = random_situation(seed + k, Look.REALISTIC)
        person = replace(
            situation.person,
            glasses=None,
            cap=None,
            beard=None,
            neutral={},
            hair=None if k % 2 else HairStyle(length=3),
        )
        made = prepare(
            replace(situation, person=person, light=LightStyle(key=1.2)), (SIZE_PX, SIZE_PX)
        )
        camera = look_at(
            np.array([0, 0, 2], np.float32),
            distance_cm=100.0,
            height_cm=36.0,
            size_hw=(SIZE_PX, SIZE_PX),
        )
        for yaw, pitch, jaw in VIEWS:
            pose = Pose(
                expression_E=expression(jawOpen=jaw),
                gaze_22=np.zeros((2, 2), np.float32),
                head_rotvec_3=np.array([pitch, yaw, 0], np.float32),
            )
            found = locate(shoot(made, pose, camera, Quality()).rgb_HW3)
            if found is None:
                continue
            vertices, eyes = pose_face(made.person.shape_V3, pose.expression_E, pose.gaze_22)
            mover = Mover(pose, None, eyes.centre_23)
            screen = camera.project(mover.points(vertices))
            index, _ = raster(screen, model.triangles_T3, camera.size_hw)
            on_face = (index >= 0) & (model.region_T[index] == 0)
            near = camera.project(mover.points(eyes.centre_23))[:, 2].mean()
            iod_cm = float(np.linalg.norm(eyes.centre_23[0] - eyes.centre_23[1]))
            views.append(
                TrackedView(
                    screen,
                    np.where(on_face, index, -1).astype(np.int32),
                    found[:, :2],
                    float(iod_cm * camera.focal_px * near),
                    is_mouth_open=jaw > 0.2,
                )
            )
    return views


def fit_from_renders(locate: Locate, seed: int, num_people: int) -> LandmarkMap:
    """The table fitted on `num_people` rendered people."""
    return fit_map(tracked_views(locate, seed, num_people))


ACTED_SIZE_PX = 256
ACTED_FRAMES = (5, 30, 55, 80, 97)
"""Moments of every acted clip that are looked at."""


def acted_poses(locate: Locate, seed: int, num_people: int) -> list[TrackedPose]:
    """Acting people under any light and camera, with what the tracker found on them."""
    samples = []
    size = (ACTED_SIZE_PX, ACTED_SIZE_PX)
    for person in range(seed, seed + num_people):
        situation = random_situation(person, Look.REALISTIC)
        made = prepare(situation, size)
        camera = framed_camera(person, size, "portrait")
        rng = np.random.default_rng(person)
        acting = Acting(talk=float(rng.uniform(0.2, 0.9)), liveliness=float(rng.uniform(0.2, 1.0)))
        poses = act(person, ACTED_FRAMES[-1] + 13, acting)[12:]
        for frame in ACTED_FRAMES:
            pose = poses[frame]
            found = locate(shoot(made, pose, camera, Quality()).rgb_HW3)
            if found is None:
                continue
            table, scale = table_landmarks(made.person.shape_V3, made.person, pose, camera)
            shape, light = made.person.shape_V3, situation.light
            traits = traits_of(shape, made.person, pose, camera, scale, light)
            turn = head_to_camera(pose, camera)
            samples.append(TrackedPose(person, turn, scale, table[:, :2], found[:, :2], traits))
    return samples


def bias_from_renders(locate: Locate, seed: int, num_people: int) -> TrackerBias:
    """The bias fitted on acted clips of `num_people` people; the kept one: seed 5000, 520."""
    return fit_bias(acted_poses(locate, seed, num_people))
