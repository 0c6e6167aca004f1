"""Published weights: half the size, the same pictures, refused when they would not be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from avatar.__main__ import main
from avatar.errors import AssetError
from avatar.model.checkpoint import load_weights, read_manifest, save_weights
from avatar.model.network import AvatarNetwork, ModelKind
from avatar.model.presets import TINY
from avatar.training.publish import publish


def _run(folder: Path, network: AvatarNetwork) -> Path:
    save_weights(
        folder / "refiner.safetensors",
        network.state_dict(),
        kind="refiner",
        preset=TINY,
        num_train_steps=7,
        data="toys",
        commit="abc",
        metrics={"ratio": 0.9},
    )
    return folder


def test_published_weights_are_the_run_s_own_to_half_precision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    network = AvatarNetwork(TINY, ModelKind.REFINER)
    run = _run(tmp_path / "run", network)
    (tmp_path / "table.json").write_text(json.dumps({"psnr_gain": 0.3}))
    arguments = ["train", "publish", "--weights", str(run), "--output", str(tmp_path / "out")]
    arguments += ["--metrics", str(tmp_path / "table.json")]
    monkeypatch.setattr("sys.argv", ["avatar", *arguments])  # rooms are imported as they are named
    assert main(arguments) == 0

    weights = tmp_path / "out" / "refiner.safetensors"
    assert weights.stat().st_size < 0.6 * (run / weights.name).stat().st_size
    assert all(tensor.dtype == torch.float16 for tensor in load_file(weights).values())
    other = AvatarNetwork(TINY, ModelKind.REFINER)
    load_weights(other, weights, kind="refiner", preset=TINY)
    for name, tensor in network.state_dict().items():
        assert torch.allclose(other.state_dict()[name], tensor, rtol=1e-3, atol=1e-6), name
    manifest = read_manifest(weights)
    assert manifest.metrics == {"ratio": 0.9, "psnr_gain": 0.3}
    assert (manifest.num_train_steps, manifest.data, manifest.commit) == (7, "toys", "abc")


def test_weights_beyond_half_precision_are_refused(tmp_path: Path) -> None:
    network = AvatarNetwork(TINY, ModelKind.REFINER)
    with torch.no_grad():
        next(network.parameters()).fill_(1e6)
    with pytest.raises(AssetError, match="does not fit half precision"):
        publish(_run(tmp_path / "run", network), tmp_path / "out", metrics={})
    assert not (tmp_path / "out").exists()


def test_a_run_s_weights_may_be_averaged_with_those_it_began_with(tmp_path: Path) -> None:
    networks = [AvatarNetwork(TINY, ModelKind.REFINER) for _ in range(2)]
    begun, ended = (
        _run(tmp_path / name, network)
        for name, network in zip(("begun", "ended"), networks, strict=True)
    )
    weights = publish(ended, tmp_path / "out", metrics={}, averaged_with=begun)
    pairs = (network.state_dict() for network in networks)
    found = load_file(weights)
    for (name, first), second in zip(next(pairs).items(), next(pairs).values(), strict=True):
        wanted = 0.5 * (first + second)
        assert torch.allclose(found[name].float(), wanted, rtol=1e-3, atol=1e-6), name
    assert read_manifest(weights).metrics == {}, "the run's own are not true of the mean"
    (begun / "refiner.safetensors").write_bytes(b"damaged")
    with pytest.raises(AssetError, match="sha256"):
        publish(ended, tmp_path / "out", metrics={}, averaged_with=begun)
