"""Records: what comes back is what was made, person by person; damage is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from avatar.errors import AssetError
from avatar.model.presets import TINY
from avatar.training.examples import ClipExamples, TrackerNoise
from avatar.training.records import (
    RecordedExamples,
    RecordWriter,
    copy_records,
    pack,
    read_record,
    unpack,
)
from avatar.training.toy import ToyPeople

SIZE = 64


@pytest.fixture(scope="module")
def source() -> ClipExamples:
    return ClipExamples(ToyPeople(SIZE), TINY, num_frames=4, num_references=1, noise=TrackerNoise())


@pytest.fixture(scope="module")
def folder(source: ClipExamples, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("records")
    writer = RecordWriter(folder, "toys")
    for number in range(5):
        writer.add(
            "anna--walk" if number < 2 else "anna--talk",
            number,
            source.example(np.random.default_rng(number)),
        )
    writer.add("bert", 0, source.example(np.random.default_rng(9)))
    return folder


def test_a_record_keeps_an_example_to_half_a_step(source: ClipExamples) -> None:
    example = source.example(np.random.default_rng(0))
    again = unpack(pack(example))
    steps = {"warp": 1 / 255, "target": 1 / 255, "reference": 1 / 255, "map": 1e-3}
    assert set(again) == set(example) - {"noise", "latent_noise", "times", "flags"}
    for name, array in again.items():
        assert array.dtype == np.float32
        assert np.abs(array - example[name]).max() <= steps.get(name, 0.021), name
    assert np.array_equal(pack(again)["warp"], pack(example)["warp"]), "bytes survive a round trip"


def test_people_count_not_recordings(folder: Path) -> None:
    """Two people: each is drawn half the time, though one has five records and one has one."""
    records = RecordedExamples(folder, TINY, 4)
    bert = read_record(folder / "bert__00000.npz")["warp"]
    drawn = [records.example(np.random.default_rng(k))["warp"] for k in range(60)]
    share = np.mean([np.array_equal(each, bert) for each in drawn])
    assert 0.3 < share < 0.7
    assert "toys (2 people)" in records.description


def test_shorter_examples_are_cut_and_longer_ones_refused(folder: Path) -> None:
    example = RecordedExamples(folder, TINY, 2).example(np.random.default_rng(0))
    assert len(example["warp"]) == len(example["face"]) == 2
    assert example["noise"].shape[0] == 1
    with pytest.raises(AssetError, match="has 4 frames, 8 are asked for"):
        RecordedExamples(folder, TINY, 8).example(np.random.default_rng(0))


def test_recording_goes_on_where_it_was_stopped(folder: Path) -> None:
    writer = RecordWriter(folder, "toys")
    assert writer.has("anna--talk", 4)
    assert not writer.has("anna--walk", 4)
    with pytest.raises(AssetError, match="says 'toys', not 'others'"):
        RecordWriter(folder, "others")


def test_records_travel_small(folder: Path, tmp_path: Path) -> None:
    """Compact copies are much smaller, look the same, and keep numbers exactly."""
    assert copy_records(folder, tmp_path, most=2, is_compact=True) == 3
    for path in tmp_path.glob("*.npz"):
        big, small = folder / path.name, path
        assert small.stat().st_size < 0.5 * big.stat().st_size
        before, after = read_record(big), read_record(small)
        assert set(before) == set(after)
        assert np.array_equal(before["map"], after["map"])
        assert np.abs(before["target"] - after["target"]).mean() < 0.03
        assert np.abs(before["warp"][:, 3] - after["warp"][:, 3]).mean() < 0.01


def test_missing_and_damaged_records_are_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(AssetError, match=r"records\.json: is missing.*train record"):
        RecordedExamples(tmp_path, TINY, 4)
    RecordWriter(tmp_path, "none")
    with pytest.raises(AssetError, match="holds no records"):
        RecordedExamples(tmp_path, TINY, 4)
    whole = (folder / "bert__00000.npz").read_bytes()
    (tmp_path / "bert__00000.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(AssetError, match=r"bert__00000\.npz: the record is missing or damaged"):
        RecordedExamples(tmp_path, TINY, 4).example(np.random.default_rng(0))
