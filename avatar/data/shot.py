"""One picture of a situation: person, pose, light, background, look and camera come together.

Knows the order of things for every look; the same function serves training data, contact sheets
and evaluation. Pictures are sRGB bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar.data.background import paint_background
from avatar.data.camera import Camera, look_at
from avatar.data.labels import View, regions, view_from
from avatar.data.light import quick
from avatar.data.looks import Look, clay_scene, paint, toon_picture
from avatar.data.people import Situation
from avatar.data.person import Person, make_person
from avatar.data.person_style import Detail
from avatar.data.posing import Pose, person_scene
from avatar.data.render import Quality, shade
from avatar.data.resolve import picture
from avatar.data.scene import Label, Lights

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

DRAFT_DETAIL = Detail(
    skin_texels=512, eye_texels=128, cloth_texels=256, num_hair=3000, hair_width=0.08,
    hair_points=12,     num_brow=360, brow_width=0.035, num_lash=40,
)  # fmt: skip
CLAY_DETAIL = Detail(
    skin_texels=512, eye_texels=128, cloth_texels=256, num_hair=1100, hair_width=0.32,
    num_brow=260, brow_width=0.06, num_lash=30,
)  # fmt: skip
TOON_DETAIL = Detail(
    skin_texels=512, eye_texels=128, cloth_texels=256, num_hair=1800, hair_width=0.2,
    num_brow=300, brow_width=0.05, num_lash=40,
)  # fmt: skip


@dataclass(slots=True)
class Set:
    """A situation prepared once: person made, light set, background painted."""

    situation: Situation
    person: Person
    lights: Lights
    background_HW3: Floats


def detail_for(look: Look) -> Detail:
    """How finely a person of a look is made for 256 to 512 pixel pictures."""
    return {Look.CLAY: CLAY_DETAIL, Look.TOON: TOON_DETAIL}.get(look, DRAFT_DETAIL)


def prepare(situation: Situation, size_hw: tuple[int, int]) -> Set:
    """Everything of a situation that does not move."""
    person = make_person(situation.person, detail_for(situation.look))
    background = paint_background(situation.background, size_hw)
    return Set(situation, person, quick(situation.light), background)


def portrait_camera(seed: int, size_hw: tuple[int, int], proportions_head: float = 0.0) -> Camera:
    """A random head-and-shoulders camera, from a webcam's wide angle to a portrait lens."""
    rng = np.random.default_rng([seed, 4])
    distance = float(np.exp(rng.uniform(np.log(42), np.log(170))))
    target = np.array(
        [rng.normal(0, 1.5), -0.5 + 3 * proportions_head + rng.normal(0, 1.5), 2.0], np.float32
    )
    return look_at(
        target,
        distance_cm=distance,
        height_cm=float(rng.uniform(32, 50)) + 8 * proportions_head,
        yaw_rad=float(rng.normal(0, 0.12)),
        pitch_rad=float(rng.normal(0.02, 0.10)),
        roll_rad=float(rng.normal(0, 0.03)),
        size_hw=size_hw,
    )


FRAMINGS = ("portrait", "half_body", "full_body")


def framed_camera(
    seed: int, size_hw: tuple[int, int], framing: str, proportions_head: float = 0.0
) -> Camera:
    """A random camera that shows as much of the body as a framing says."""
    if framing == "portrait":
        return portrait_camera(seed, size_hw, proportions_head)
    rng = np.random.default_rng([seed, 14])
    is_half = framing == "half_body"
    middle, height, distance = (-20.0, 88.0, 180.0) if is_half else (-74.0, 225.0, 430.0)
    return look_at(
        np.array([rng.normal(0, 3), middle + rng.normal(0, 4), 0], np.float32),
        distance_cm=distance * float(np.exp(rng.uniform(-0.35, 0.35))),
        height_cm=height * float(rng.uniform(0.85, 1.15)) + 8 * proportions_head,
        yaw_rad=float(rng.normal(0, 0.15)),
        pitch_rad=float(rng.normal(0.03, 0.07)),
        roll_rad=float(rng.normal(0, 0.02)),
        size_hw=size_hw,
    )


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture and what it shows."""

    rgb_HW3: Bytes
    alpha_HW: Bytes
    view: View


def shoot(
    made: Set,
    pose: Pose,
    camera: Camera,
    quality: Quality,
    *,
    background_HW3: Floats | None = None,
) -> Shot:
    """Take one picture, over another background where one is given."""
    behind = made.background_HW3 if background_HW3 is None else background_HW3
    look = made.situation.look
    scene = person_scene(made.person, pose, camera, quality.samples)
    if look is Look.CLAY:
        clay_scene(scene, made.person.style.seed)
    shaded = shade(scene, made.lights, camera, quality)
    exposure = made.lights.exposure
    view = view_from(scene, camera, shaded.visible, quality.samples)
    if look is Look.TOON:
        rgb, alpha = toon_picture(shaded, scene, quality.samples, exposure, behind)
        return Shot(rgb, alpha, view)
    rgb, alpha = picture(shaded, quality.samples, exposure, behind)
    if look is Look.PAINTED:
        label = regions(view)
        fine = np.isin(label, (Label.LIPS, Label.EYES, Label.BROWS, Label.LASHES, Label.TEETH))
        focus = 0.5 * (fine | (label == Label.SKIN)) + 0.6 * fine
        focus = cv2.GaussianBlur(focus.astype(np.float32), (0, 0), max(camera.size_hw[1] / 80, 1))
        rgb = paint(rgb, np.asarray(focus, np.float32), made.person.style.seed)
    return Shot(rgb, alpha, view)
