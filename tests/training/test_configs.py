"""Every configuration of the model's training can be read, and names a preset that exists."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from avatar.config import load_config
from avatar.model.presets import preset_named
from avatar.training.config import AutoencoderConfig, DistilConfig, FeaturesConfig, TeacherConfig

SIZES = ("", "_tiny", "_gpu")
"""The whole model's recipe: on a machine for days, in miniature, in half an hour of a GPU."""
CONFIGS = Path(__file__).resolve().parents[2] / "configs"
SECTIONS: dict[str, type[Any]] = {
    "autoencoder": AutoencoderConfig,
    "teacher": TeacherConfig,
    "distil": DistilConfig,
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("stage", list(SECTIONS))
def test_a_configuration_fits_its_preset(stage: str, size: str) -> None:
    config: object = load_config(CONFIGS / f"train_{stage}{size}.toml", SECTIONS[stage])
    assert isinstance(config, AutoencoderConfig | TeacherConfig | DistilConfig)
    preset = preset_named(config.run.preset)
    assert config.run.data.num_frames % preset.autoencoder.frames_per_latent == 0
    assert config.run.data.num_references <= preset.transformer.max_references


@pytest.mark.parametrize("name", ["train_refiner.toml", "train_refiner_gpu.toml"])
def test_the_served_refiner_is_judged_on_people_it_does_not_train_on(name: str) -> None:
    config = load_config(CONFIGS / name, AutoencoderConfig)
    assert isinstance(config, AutoencoderConfig)
    assert config.refine_from == 0
    data, preset = config.run.data, preset_named(config.run.preset)
    assert data.crop_px is not None
    assert data.crop_px % preset.size_multiple == 0
    assert data.judged
    assert not {source.path for source in data.judged} & {source.path for source in data.sources}


def test_each_stage_begins_where_the_one_before_ends() -> None:
    for size in SIZES:
        read: dict[str, object] = {
            stage: load_config(CONFIGS / f"train_{stage}{size}.toml", section)
            for stage, section in SECTIONS.items()
        }
        autoencoder, teacher, distil = read["autoencoder"], read["teacher"], read["distil"]
        assert isinstance(autoencoder, AutoencoderConfig)
        assert isinstance(teacher, TeacherConfig)
        assert isinstance(distil, DistilConfig)
        assert teacher.autoencoder == autoencoder.run.output / "refiner.safetensors"
        assert distil.teacher == teacher.run.output / "teacher.safetensors"
        features = load_config(CONFIGS / f"train_features{size}.toml", FeaturesConfig)
        if distil.features is not None:
            assert distil.features == features.run.output / "features.safetensors"
