"""The torch path draws whole pictures as the numba path does, in batches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from avatar.data.camera import Camera
from avatar.data.head import expression
from avatar.data.light import LightStyle, quick
from avatar.data.person import Person
from avatar.data.posing import Pose, person_scene
from avatar.data.render import Quality, shade
from avatar.data.resolve import picture
from avatar.data.scene import Scene

torch = pytest.importorskip("torch")

from avatar.data.render_torch import render_batch  # noqa: E402

PLAIN = Quality(is_shaded_once=False)
LEAST_PSNR_DB = 55.0


def _psnr(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    error = ((a.astype(float) - b.astype(float)) ** 2).mean()
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


@pytest.fixture
def poses(neutral_pose: Pose) -> list[Pose]:
    turned = replace(
        neutral_pose,
        expression_E=expression(jawOpen=0.4),
        head_rotvec_3=np.array([0.1, 0.4, 0.0], np.float32),
    )
    return [neutral_pose, turned]


@pytest.fixture
def scenes(person: Person, poses: list[Pose], camera: Camera) -> list[Scene]:
    return [person_scene(person, pose, camera, PLAIN.samples) for pose in poses]


def test_a_batch_shows_the_pictures_of_the_numba_path(scenes: list[Scene], camera: Camera) -> None:
    lights = quick(LightStyle())
    background = np.full((*camera.size_hw, 3), 0.3, np.float32)
    rgb, alpha = render_batch(scenes, [camera] * 2, lights, torch.from_numpy(background), PLAIN)
    for k, scene in enumerate(scenes):
        shaded = shade(scene, lights, camera, PLAIN)
        wanted, wanted_alpha = picture(shaded, PLAIN.samples, lights.exposure, background)
        assert _psnr(rgb[k].numpy(), wanted) > LEAST_PSNR_DB
        assert (alpha[k].numpy() != wanted_alpha).mean() < 0.002
    assert _psnr(rgb[0].numpy(), rgb[1].numpy()) < 30


def test_other_lights_give_other_pictures(scenes: list[Scene], camera: Camera) -> None:
    background = torch.full((*camera.size_hw, 3), 0.3)
    left, right = (
        render_batch(scenes[:1], [camera], quick(LightStyle(key_yaw=yaw)), background, PLAIN)[0]
        for yaw in (-60.0, 60.0)
    )
    assert _psnr(left[0].numpy(), right[0].numpy()) < 35


def test_cut_out_parts_are_refused_by_name(scenes: list[Scene], camera: Camera) -> None:
    cut = replace(scenes[0], cut_T=[(0, 10)])
    with pytest.raises(ValueError, match="cut-out"):
        render_batch([cut], [camera], quick(LightStyle()), torch.zeros((*camera.size_hw, 3)))
