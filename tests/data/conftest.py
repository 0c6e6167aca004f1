"""What the data tests share: a made person, small and quick, where the assets are at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from avatar.data.camera import Camera, look_at
from avatar.data.head import expression
from avatar.data.people import random_person
from avatar.data.person import Person, make_person
from avatar.data.person_style import Detail
from avatar.data.posing import Pose

SMALL = Detail(
    skin_texels=128, eye_texels=64, cloth_texels=64, num_hair=300, hair_width=0.2, hair_points=8,
    num_brow=60, num_lash=10,
)  # fmt: skip


@pytest.fixture(scope="session")
def person(assets: Path) -> Person:
    return make_person(random_person(3), SMALL)


@pytest.fixture
def neutral_pose(assets: Path) -> Pose:
    return Pose(expression_E=expression(), gaze_22=np.zeros((2, 2), np.float32))


@pytest.fixture(scope="session")
def camera() -> Camera:
    return look_at(
        np.array([0, 0, 2], np.float32), distance_cm=110.0, height_cm=38.0, size_hw=(128, 128)
    )
