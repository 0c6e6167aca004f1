"""Face features: labels are true, the net learns them, its distance tells blur from truth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from avatar.config import build_section
from avatar.errors import AssetError, ConfigError
from avatar.training.config import DataConfig, DistilConfig, FeaturesConfig, SourceConfig
from avatar.training.devices import Devices
from avatar.training.examples import Batch, Examples, collate
from avatar.training.face_features import FaceFeatures, load_features
from avatar.training.face_labels import (
    CELL_PX,
    POINTS,
    REGIONS,
    FaceExamples,
    damage,
    points_of,
    region_shares,
)
from avatar.training.features_stage import FeaturesObjective
from avatar.training.loop import Trainer
from avatar.training.losses import PictureWeights, picture_loss
from avatar.training.toy import ToyPeople
from tests.training.runs import SIZE, logged_losses, run_config

ALONE = Devices(0, 1, torch.device("cpu"))


def _config(output: Path, steps: int, **changes: Any) -> FeaturesConfig:
    return FeaturesConfig(run=run_config(output, steps, **changes))


@pytest.fixture(scope="module")
def batch() -> Batch:
    from avatar.model.presets import TINY

    examples = Examples(FaceExamples(ToyPeople(SIZE), 2), TINY, seed=0)
    return collate([examples[k] for k in range(4)])


@pytest.fixture(scope="module")
def learned(batch: Batch) -> tuple[FeaturesObjective, dict[str, float], dict[str, float]]:
    """An objective that has seen a small batch often; its progress before and after."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    objective = FeaturesObjective(_config(Path("none"), 1))
    before = objective.judge([batch])
    optimiser = torch.optim.AdamW(objective.network.parameters(), 3e-3)
    for _ in range(80):
        optimiser.zero_grad()
        objective(batch, 0.0).total_B.mean().backward()
        torch.nn.utils.clip_grad_norm_(objective.network.parameters(), 1.0)
        optimiser.step()
    return objective, before, objective.judge([batch])


def test_labels_say_where_things_are() -> None:
    clip = ToyPeople(128).clip(np.random.default_rng(3), 1)
    landmarks = clip.landmarks_FN3[0]
    shares = region_shares(landmarks, clip.alpha_FHW[0])
    assert np.allclose(shares.sum(0), 1.0, atol=1e-4)
    places = points_of(landmarks)
    for index, region in ((473, "left_eye"), (468, "right_eye"), (61, "lips"), (1, "face")):
        x, y = np.rint(places[POINTS.index(index)]).astype(int)
        around = shares[REGIONS.index(region), y - 1 : y + 2, x - 1 : x + 2]
        assert around.max() > 0.2, region
    assert shares[REGIONS.index("background"), 0, 0] == 1.0


def test_only_what_is_called_spoilt_is_spoilt() -> None:
    clip = ToyPeople(SIZE).clip(np.random.default_rng(1), 1)
    clean = clip.rgb_FHW3[0].transpose(2, 0, 1) / np.float32(127.5) - np.float32(1.0)
    num_spoilt = 0
    for seed in range(12):
        picture, strength = damage(clip.rgb_FHW3[0], np.random.default_rng(seed))
        cells = strength.max(0).repeat(CELL_PX, 0).repeat(CELL_PX, 1)
        assert np.abs(picture - clean)[:, cells == 0.0].max(initial=0.0) < 1e-5
        num_spoilt += strength.max() > 0.0
    assert 3 <= num_spoilt < 12


def test_the_net_learns_a_batch_by_heart(
    learned: tuple[FeaturesObjective, dict[str, float], dict[str, float]],
) -> None:
    _, before, after = learned
    assert after["points_iod"] < 0.5 * before["points_iod"]
    assert after["regions_iou"] > 1.5 * before["regions_iou"]
    assert after["damage_left"] < min(0.9, before["damage_left"])
    assert after["measures_left"] < before["measures_left"]


def _blurred(picture_3HW: Tensor, sigma: float) -> Tensor:
    array = picture_3HW.permute(1, 2, 0).numpy()
    return torch.from_numpy(cv2.GaussianBlur(array, (0, 0), sigma)).permute(2, 0, 1)


def _fine(picture_BF3HW: Tensor) -> float:
    """Strength of the finest detail."""
    inner = picture_BF3HW[..., 1:-1, 1:-1]
    around = (
        picture_BF3HW[..., :-2, 1:-1]
        + picture_BF3HW[..., 2:, 1:-1]
        + picture_BF3HW[..., 1:-1, :-2]
        + picture_BF3HW[..., 1:-1, 2:]
    )
    return float((inner - around / 4.0).square().mean())


def test_the_distance_falls_where_a_blurred_picture_is_sharpened(
    learned: tuple[FeaturesObjective, dict[str, float], dict[str, float]],
) -> None:
    features = learned[0].network.requires_grad_(False)
    clip = ToyPeople(SIZE).clip(np.random.default_rng(5), 2)
    frames = torch.from_numpy(clip.rgb_FHW3.transpose(0, 3, 1, 2) / np.float32(127.5) - 1.0).float()
    truth, weight = frames[None], torch.ones(1, 2, 1, SIZE, SIZE)
    blurred = {
        sigma: torch.stack([_blurred(frame, sigma) for frame in frames])[None]
        for sigma in (0.6, 1.5)
    }
    far = {sigma: float(features.distance(b, truth, weight)) for sigma, b in blurred.items()}
    assert float(features.distance(truth, truth, weight)) == 0.0
    assert 0.0 < far[0.6] < far[1.5]

    drawn = blurred[1.5].clone().requires_grad_(True)
    optimiser = torch.optim.Adam([drawn], 0.01)
    for _ in range(40):
        optimiser.zero_grad()
        loss = features.distance(drawn, truth, weight).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert float(features.distance(drawn.detach(), truth, weight)) < 0.5 * far[1.5]
    assert _fine(drawn.detach()) > 2.0 * _fine(blurred[1.5])


def test_a_batch_is_judged_example_by_example(batch: Batch) -> None:
    torch.manual_seed(0)
    features = FaceFeatures().requires_grad_(False)
    pictures, weight = batch["picture"], torch.ones(4, 2, 1, SIZE, SIZE)
    others = pictures.roll(1, 0)
    whole = features.distance(pictures, others, weight)
    alone = features.distance(pictures[1:2], others[1:2], weight[1:2])
    assert whole.shape == (4,)
    assert float(whole[1]) == pytest.approx(float(alone), rel=1e-4)
    weights = PictureWeights(perceptual=0.5)
    plain = picture_loss(pictures, others, weight, PictureWeights())
    more = picture_loss(pictures, others, weight, weights, distance=features.distance)
    assert torch.allclose(more - plain, 0.5 * whole, atol=1e-4)


def test_a_stopped_run_goes_on_and_its_weights_load_strictly(tmp_path: Path) -> None:
    unbroken, resumed = tmp_path / "unbroken", tmp_path / "resumed"
    for output, stops in ((unbroken, (4,)), (resumed, (2, 4))):
        for until in stops:
            torch.manual_seed(0)
            config = _config(output, 4, save_every=1)
            Trainer(FeaturesObjective(config), config.run, ALONE).run(until=until)
    assert logged_losses(resumed) == logged_losses(unbroken)
    weights = resumed / "features.safetensors"
    features = load_features(weights)
    assert not any(parameter.requires_grad for parameter in features.parameters())
    assert list(resumed.glob("unseen_*.png"))
    manifest = weights.with_suffix(".json")
    manifest.write_text(manifest.read_text().replace('"features"', '"student"'))
    with pytest.raises(AssetError, match="kind is 'student'"):
        load_features(weights)


def test_what_cannot_be_learned_from_is_refused(tmp_path: Path) -> None:
    data = DataConfig(sources=(SourceConfig(kind="records", path=tmp_path),), num_frames=4)
    config = _config(tmp_path, 1, data=data)
    with pytest.raises(ConfigError, match="records hold no landmarks"):
        Trainer(FeaturesObjective(config), config.run, ALONE)


@pytest.mark.parametrize(
    "values", [{"picture": {"perceptual": 0.1}}, {"features": "features.safetensors"}]
)
def test_a_perceptual_loss_and_its_weights_are_asked_for_together(values: dict[str, Any]) -> None:
    run = {"output": "x", "preset": "tiny", "num_train_steps": 1}
    with pytest.raises(ConfigError, match="train features"):
        build_section(DistilConfig, {"run": run, "teacher": "t", **values}, where="c.toml")
