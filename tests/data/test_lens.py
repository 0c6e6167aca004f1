"""Lenses mirror over what is behind them and own no pixel; ink is as wide as the person asks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from avatar.data.camera import Camera
from avatar.data.lens import PASSED, add_lenses
from avatar.data.light import LightStyle, quick
from avatar.data.looks import _outlines
from avatar.data.person import Person, make_person
from avatar.data.posing import Pose, person_scene
from avatar.data.props import GlassesStyle
from avatar.data.render import Quality, shade
from avatar.data.scene import Label
from tests.data.conftest import SMALL

Floats = NDArray[np.float32]


def _pane(z: float) -> tuple[Floats, Floats, NDArray[np.int32]]:
    v = np.array([[-3, -3, z], [3, -3, z], [3, 3, z], [-3, 3, z]], np.float32)
    n = np.tile(np.array([0, 0, 1], np.float32), (4, 1))
    return v, n, np.array([[0, 1, 2], [0, 2, 3]], np.int32)


@pytest.mark.parametrize(("key_yaw", "shows_window"), [(0.0, True), (90.0, False)])
def test_a_lens_dims_what_is_behind_it_and_mirrors_the_key_light(
    camera: Camera, key_yaw: float, shows_window: bool
) -> None:
    light = np.ones((*camera.size_hw, 3), np.float32)
    mirror = np.zeros_like(light)
    near = np.zeros(camera.size_hw, np.float32)
    near[:, : camera.size_hw[1] // 2] = 1.0  # the left half is nearer than any lens
    v, n, t = _pane(10.0)
    lights = quick(LightStyle(key_yaw=key_yaw, key_pitch=0.0))
    add_lenses(v, n, t, lights, camera, near, light, mirror)
    row, half = camera.size_hw[0] // 2, camera.size_hw[1] // 2
    assert light[row, half + 2, 0] == pytest.approx(PASSED)
    assert light[row, half - 2, 0] == 1.0
    assert mirror[row, half - 2].max() == 0.0
    assert mirror[row, half + 2, 0] > 0
    assert (mirror[row, half + 2, 0] > 0.1) == shows_window


def test_a_lens_changes_light_but_no_label_and_no_vertex(
    person: Person, neutral_pose: Pose, camera: Camera
) -> None:
    style = replace(person.style, glasses=GlassesStyle(thickness=0.1), hair=None)
    worn = person_scene(make_person(style, SMALL), neutral_pose, camera, 2)
    assert worn.lens is not None
    bare = replace(worn, lens=None)
    quality = Quality(glow_taps=0)
    with_lens = shade(worn, quick(LightStyle()), camera, quality)
    without = shade(bare, quick(LightStyle()), camera, quality)
    np.testing.assert_array_equal(with_lens.visible.index_HW, without.visible.index_HW)
    changed = (with_lens.light_HW3 != without.light_HW3).any(-1)
    label = worn.label_T[with_lens.visible.index_HW]
    assert (changed & (label == Label.EYES)).sum() > 20
    assert not (changed & (label == Label.CLOTHES)).any()
    assert not (changed & (label == Label.LIPS)).any()


def test_ink_keeps_its_width_on_the_person_and_fades_when_it_would_be_too_thin() -> None:
    label = np.zeros((200, 200), np.uint8)
    label[:, 100:] = Label.SKIN
    focal = 400.0

    def ink(distance_cm: float) -> Floats:
        near = np.where(label > 0, 1 / distance_cm, 0).astype(np.float32)
        return _outlines(near, label, focal)[100]

    close, far = ink(10.0), ink(400.0)
    assert close.max() > 0.95
    assert 4.0 < close.sum() < 9.0  # 0.14 cm at 40 samples a centimetre
    assert 0.2 < far.max() < 0.5
    assert far.sum() < 1.6
