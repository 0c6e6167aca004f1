"""Folders of weights: served when whole, refused by name when not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from avatar.errors import AssetError, DeviceError
from avatar.export.command import export_folder
from avatar.model.checkpoint import save_weights
from avatar.model.loading import OPENVINO_FOLDER, RuntimeName, load_model
from avatar.model.network import ModelKind
from avatar.model.presets import TINY
from tests.model.networks import awake_network


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    network = awake_network(ModelKind.REFINER)
    save_weights(
        tmp_path / "refiner.safetensors",
        network.state_dict(),
        kind="refiner",
        preset=TINY,
        num_train_steps=1,
        data="none",
        commit="none",
    )
    return tmp_path


def test_weights_are_loaded_for_eager_torch(folder: Path) -> None:
    loaded = load_model(folder, RuntimeName.EAGER)
    assert loaded.preset is TINY
    assert loaded.runner.is_refiner
    assert "eager" in loaded.runtime


def test_an_empty_folder_says_how_to_train(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match=r"no trained weights .*`python -m avatar train`"):
        load_model(tmp_path, RuntimeName.EAGER)


def test_the_compiled_runtime_needs_a_gpu(folder: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(DeviceError, match="needs a CUDA GPU"):
        load_model(folder, RuntimeName.COMPILED)


def test_exported_graphs_belong_to_their_weights(folder: Path) -> None:
    pytest.importorskip("openvino", reason="the optional extra `openvino` is not installed")
    with pytest.raises(AssetError, match="exported graphs are missing"):
        load_model(folder, RuntimeName.OPENVINO)
    differences = export_folder(folder)
    assert set(differences) == {"reference", "condition", "denoise", "decode"}
    assert "openvino" in load_model(folder, RuntimeName.OPENVINO).runtime

    note = folder / OPENVINO_FOLDER / "manifest.json"
    note.write_text(json.dumps({"sha256": "0" * 64}))
    with pytest.raises(AssetError, match="sha256 is that of other weights"):
        load_model(folder, RuntimeName.OPENVINO)
