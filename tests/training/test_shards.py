"""Shards: what was written is read back; damage is named; people are held out by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from avatar.errors import AssetError, ConfigError
from avatar.model.presets import TINY
from avatar.training.config import DataConfig, SourceConfig
from avatar.training.people import PersonClip
from avatar.training.shards import ShardPeople, ShardWriter, is_held_out_person
from avatar.training.sources import drawing_examples, training_source
from avatar.training.toy import ToyPeople

SIZE = 64


def _clips(count: int) -> list[PersonClip]:
    random = np.random.default_rng(0)
    return [ToyPeople(SIZE).clip(random, 5) for _ in range(count)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    writer = ShardWriter(folder, "toy people on disk")
    for clip in _clips(24):
        writer.add(clip)
    writer.close()
    return folder


def test_a_clip_comes_back_as_it_was(folder: Path) -> None:
    people = ShardPeople(folder, SIZE)
    read = people.clip(np.random.default_rng(3), 5)
    written = {clip.person: clip for clip in _clips(24)}[read.person]
    assert np.allclose(read.landmarks_FN3, written.landmarks_FN3, atol=1e-3)
    assert np.abs(read.rgb_FHW3.astype(int) - written.rgb_FHW3).mean() < 4.0
    assert np.abs(read.alpha_FHW.astype(int) - written.alpha_FHW).mean() < 3.0
    geometry, original = read.references[0].geometry, written.references[0].geometry
    assert np.allclose(geometry.landmarks_N3, original.landmarks_N3, atol=0.05)
    assert people.description == "toy people on disk"


def test_clips_are_brought_to_the_size_asked_for(folder: Path) -> None:
    small = ShardPeople(folder, SIZE // 2).clip(np.random.default_rng(3), 5)
    large = ShardPeople(folder, SIZE).clip(np.random.default_rng(3), 5)
    assert small.rgb_FHW3.shape == (5, SIZE // 2, SIZE // 2, 3)
    assert np.allclose(small.landmarks_FN3, large.landmarks_FN3 / 2, atol=1e-3)


def test_short_clips_are_played_back_and_forth(folder: Path) -> None:
    clip = ShardPeople(folder, SIZE).clip(np.random.default_rng(3), 9)
    assert np.array_equal(clip.landmarks_FN3[5], clip.landmarks_FN3[3])
    assert np.array_equal(clip.landmarks_FN3[8], clip.landmarks_FN3[0])


def test_people_are_held_out_by_name(folder: Path) -> None:
    random = np.random.default_rng(0)
    training, held_out = ShardPeople(folder, SIZE), ShardPeople(folder, SIZE, is_held_out=True)
    assert not is_held_out_person(training.clip(random, 2).person)
    assert is_held_out_person(held_out.clip(random, 2).person)
    assert training.num_people + held_out.num_people == len({c.person for c in _clips(24)})


def test_missing_and_damaged_shards_are_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(AssetError, match=r"index\.json: is missing.*train prepare"):
        ShardPeople(tmp_path, SIZE)
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(
            path.read_bytes()[: 4000 if path.suffix == ".npz" else None]
        )
    with pytest.raises(AssetError, match=r"clip_\d+\.npz: the clip is missing or damaged"):
        ShardPeople(tmp_path, SIZE).clip(np.random.default_rng(0), 2)
    data = DataConfig(sources=(SourceConfig(kind="shards"),))
    make = drawing_examples(data, TINY, SIZE)
    with pytest.raises(ConfigError, match="needs a path"):
        training_source(data, make)
