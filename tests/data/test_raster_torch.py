"""The batched rasteriser draws what the numba one draws."""

from __future__ import annotations

import numpy as np
import pytest

from avatar.data.camera import Camera
from avatar.data.person import Person
from avatar.data.posing import Pose, person_scene
from avatar.data.raster import raster

torch = pytest.importorskip("torch")

from avatar.data.raster_torch import raster_batch  # noqa: E402


def test_random_triangles_of_all_sizes_agree() -> None:
    rng = np.random.default_rng(0)
    centre = rng.uniform(-10, 74, (600, 1, 2))
    corner = centre + rng.normal(0, 1, (600, 3, 2)) * rng.choice([0.5, 3, 20], (600, 1, 1))
    near = rng.uniform(0.005, 0.02, (600, 3, 1))
    screen = np.concatenate([corner, near], -1).reshape(-1, 3).astype(np.float32)
    triangles = np.arange(1800, dtype=np.int32).reshape(-1, 3)
    index, depth = raster(screen, triangles, (64, 64))
    batch = torch.from_numpy(np.stack([screen, screen[::-1].copy()]))
    got, got_near = raster_batch(batch, torch.from_numpy(triangles).long(), (64, 64))
    same = got[0].numpy() == index
    assert same.mean() > 0.998  # rounding may move an edge by one sample
    np.testing.assert_allclose(got_near[0].numpy()[same], depth[same], rtol=1e-4)
    assert (got[1].numpy() != got[0].numpy()).any()


def test_a_person_agrees(person: Person, neutral_pose: Pose, camera: Camera) -> None:
    scene = person_scene(person, neutral_pose, camera, 1)
    screen = camera.project(scene.vertices_V3)
    index, _ = raster(screen, scene.triangles_T3, camera.size_hw)
    got, _ = raster_batch(
        torch.from_numpy(screen)[None], torch.from_numpy(scene.triangles_T3).long(), camera.size_hw
    )
    assert (got[0].numpy() == index).mean() > 0.995


def test_an_empty_view_is_empty() -> None:
    behind = torch.full((1, 3, 3), -1.0)
    index, near = raster_batch(behind, torch.tensor([[0, 1, 2]]), (8, 8))
    assert (index == -1).all()
    assert (near == 0).all()
