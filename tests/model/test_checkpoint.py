"""Weights files: what was saved comes back; what does not fit is refused by name."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from torch import nn

from avatar.errors import AssetError
from avatar.model.checkpoint import load_weights, manifest_path, save_weights
from avatar.model.presets import NANO, PRESETS, TINY, preset_named


def _saved(path: Path, module: nn.Module) -> None:
    save_weights(
        path,
        module.state_dict(),
        kind="autoencoder",
        preset=TINY,
        num_train_steps=12,
        data="toy people",
        commit="abc",
        metrics={"ratio": 0.9},
    )


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "part" / "tiny.safetensors"
    torch.manual_seed(0)
    _saved(path, nn.Linear(3, 2))
    return path


def test_saved_weights_come_back_bit_for_bit(weights: Path) -> None:
    torch.manual_seed(0)
    original, loaded = nn.Linear(3, 2), nn.Linear(3, 2)
    manifest = load_weights(loaded, weights, kind="autoencoder", preset=TINY)
    assert torch.equal(original.weight, loaded.weight)
    assert (manifest.num_train_steps, manifest.metrics) == (12, {"ratio": 0.9})
    assert not list(weights.parent.glob("*.partial"))


def test_another_kind_or_preset_is_refused_by_name(weights: Path) -> None:
    with pytest.raises(AssetError, match="kind is 'autoencoder', but 'student'"):
        load_weights(nn.Linear(3, 2), weights, kind="student", preset=TINY)
    with pytest.raises(AssetError, match="preset is 'tiny', but 'nano'"):
        load_weights(nn.Linear(3, 2), weights, kind="autoencoder", preset=NANO)


def test_a_preset_that_changed_since_training_is_named(weights: Path) -> None:
    wider = dataclasses.replace(
        TINY, transformer=dataclasses.replace(TINY.transformer, num_history=5)
    )
    with pytest.raises(AssetError, match=r"shape\.transformer\.num_history is 3, but 5"):
        load_weights(nn.Linear(3, 2), weights, kind="autoencoder", preset=wider)


def test_a_damaged_file_is_refused(weights: Path) -> None:
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(AssetError, match="sha256"):
        load_weights(nn.Linear(3, 2), weights, kind="autoencoder", preset=TINY)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (nn.Linear(3, 4), "tensor 'weight' has shape"),
        (nn.Linear(3, 2, bias=False), "tensor 'bias' is not part"),
        (nn.Sequential(nn.Linear(3, 2)), r"tensor '0\.weight' is missing"),
    ],
)
def test_a_tensor_that_does_not_fit_is_named(
    weights: Path, module: nn.Module, message: str
) -> None:
    with pytest.raises(AssetError, match=message):
        load_weights(module, weights, kind="autoencoder", preset=TINY)


@pytest.mark.parametrize("text", [None, "{", "[]", '{"kind": 3}', '{"wrong": 1}'])
def test_a_missing_or_broken_manifest_is_named(weights: Path, text: str | None) -> None:
    path = manifest_path(weights)
    path.unlink()
    if text is not None:
        path.write_text(text)
    with pytest.raises(AssetError, match=r"tiny\.json"):
        load_weights(nn.Linear(3, 2), weights, kind="autoencoder", preset=TINY)


def test_manifests_are_plain_json(weights: Path) -> None:
    values = json.loads(manifest_path(weights).read_text())
    assert values["preset"] == "tiny"
    assert values["shape"]["transformer"]["rope_sizes"] == [4, 6, 6]


def test_presets_are_found_by_name_and_fit_their_picture() -> None:
    for name, preset in PRESETS.items():
        assert preset_named(name) is preset
        rows, columns = preset.latent_hw((preset.picture_px, preset.picture_px))
        assert rows % preset.transformer.patch_cells == 0 == columns % 2
    with pytest.raises(Exception, match="presets are tiny, pico, nano, nano_head, base, large"):
        preset_named("giant")
    with pytest.raises(Exception, match="multiples of 32"):
        NANO.latent_hw((256, 250))
