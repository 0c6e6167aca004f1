"""One character of the gallery as a choice of person, light, background, look and framing.

Knows how such a choice becomes pictures; the choices themselves are in `avatar.data.cast`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar.data.background import BackgroundStyle, paint_background
from avatar.data.camera import Camera, look_at
from avatar.data.head import expression
from avatar.data.light import LightStyle, soft_studio
from avatar.data.looks import Look, clay_scene, paint, toon_picture
from avatar.data.person import Person, make_person
from avatar.data.person_style import Detail, PersonStyle
from avatar.data.posing import Pose, person_scene
from avatar.data.render import Quality, shade
from avatar.data.resolve import picture
from avatar.data.scene import Label

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Casting:
    """A character and how it is shown."""

    name: str
    description: str
    person: PersonStyle
    light: LightStyle = LightStyle()
    background: BackgroundStyle = BackgroundStyle()
    look: Look = Look.REALISTIC
    framing: str = "portrait"
    """portrait, half_body or full_body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """How finely a picture is made."""

    width_px: int = 768
    samples: int = 2
    num_hair: int = 36000
    hair_width: float = 0.022
    skin_texels: int = 2048
    shadow_texels: int = 1024
    num_lights: int = 16


DRAFT = Finish(
    width_px=384, num_hair=9000, hair_width=0.04, skin_texels=1024, shadow_texels=512, num_lights=20
)


def frame_camera(casting: Casting, width_px: int, yaw_deg: float) -> Camera:
    """The camera for a framing, `yaw_deg` round the subject's left."""
    target, distance, height_cm, aspect = np.array([0, -0.6, 2.0], np.float32), 130.0, 42.0, 1.0
    if casting.person.proportions is not None:
        lift = casting.person.proportions.head
        target = target + np.array([0, 3.2 * lift, 0], np.float32)
        height_cm += 8.0 * lift
    if casting.framing == "half_body":
        target, distance, height_cm = np.array([0, -22, 0], np.float32), 200.0, 92.0
    if casting.framing == "full_body":
        target, distance, height_cm = np.array([0, -78, 0], np.float32), 440.0, 202.0
        aspect = 1.5
    size = (round(width_px * aspect), width_px)
    return look_at(
        target, distance_cm=distance, height_cm=height_cm, yaw_rad=np.radians(yaw_deg), size_hw=size
    )


def detail_of(casting: Casting, finish: Finish) -> Detail:
    """Fine strands for real hair, thick ones for clay and drawings."""
    num_hair, hair_width = finish.num_hair, finish.hair_width
    if casting.look is Look.CLAY:
        num_hair, hair_width = 1500, 0.30
    if casting.look is Look.TOON:
        num_hair, hair_width = 4500, 0.13
    return Detail(
        skin_texels=finish.skin_texels,
        eye_texels=512,
        cloth_texels=1024,
        num_hair=num_hair,
        hair_width=hair_width,
        num_brow=1100,
        brow_width=0.03 if casting.look in (Look.CLAY, Look.TOON) else 0.019,
        num_lash=75,
    )


def render_casting(
    casting: Casting, yaw_deg: float, finish: Finish, person: Person | None = None
) -> Bytes:
    """The character seen `yaw_deg` from its front, lit as from the front: sRGB bytes.

    `person` is the one already made from this casting, where there is one.
    """
    person = person or make_person(casting.person, detail_of(casting, finish))
    camera = frame_camera(casting, finish.width_px, yaw_deg)
    pose = Pose(expression_E=expression(), gaze_22=np.zeros((2, 2), np.float32))
    scene = person_scene(person, pose, camera, finish.samples)
    if casting.look is Look.CLAY:
        clay_scene(scene, casting.person.seed)
    light = replace(
        casting.light,
        key_yaw=casting.light.key_yaw + yaw_deg,
        rim_yaw=casting.light.rim_yaw + yaw_deg,
    )
    quality = Quality(
        samples=finish.samples,
        shadow_texels=finish.shadow_texels,
        shadow_taps=16,
        glow_taps=8,
        is_shaded_once=False,
    )
    shaded = shade(scene, soft_studio(light, finish.num_lights), camera, quality)
    background = paint_background(casting.background, camera.size_hw)
    if casting.look is Look.TOON:
        return toon_picture(shaded, scene, finish.samples, light.exposure, background)[0]
    rgb, _ = picture(shaded, finish.samples, light.exposure, background)
    if casting.look is Look.PAINTED:
        index = shaded.visible.index_HW
        label = np.where(index >= 0, scene.label_T[index], 0)[:: finish.samples, :: finish.samples]
        fine = np.isin(label, (Label.LIPS, Label.EYES, Label.BROWS, Label.LASHES))
        focus = 0.5 * (fine | (label == Label.SKIN)) + 0.6 * fine
        focus = cv2.GaussianBlur(focus.astype(np.float32), (0, 0), finish.width_px / 80)
        rgb = paint(rgb, np.asarray(focus, np.float32), casting.person.seed)
    return rgb
