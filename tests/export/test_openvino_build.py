"""OpenVINO: the same graphs give the same numbers, and a stream of them the same stream."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from avatar.errors import AssetError
from avatar.model.network import ModelKind
from avatar.model.presets import TINY
from avatar.model.runtime import StreamModel
from avatar.model.torch_runner import InferenceRunner
from avatar.stream.window import SlidingWindow
from tests.model.networks import PICTURE, awake_network, random_chunk, random_view

pytest.importorskip("openvino", reason="the optional extra `openvino` is not installed")

from avatar.export import openvino_build as export
from avatar.model.openvino_runner import OpenVinoRunner, best_precision


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("openvino") / "graphs"
    export.export_openvino(awake_network(ModelKind.TRANSFORMER), folder, PICTURE)
    return folder


def test_a_streamed_clip_is_that_of_eager_torch(built: Path) -> None:
    network = awake_network(ModelKind.TRANSFORMER)
    results = []
    for runner in (InferenceRunner(network), OpenVinoRunner(built, is_refiner=False)):
        model = StreamModel(runner, TINY, PICTURE)
        model.set_view(0, random_view(0))
        window = SlidingWindow(model, num_denoise_steps=2)
        chunks = [random_chunk(seed) for seed in range(5)]
        results.append(
            np.stack(
                [
                    model.decode(window.push(model.condition(chunk)), chunk).rgb_t3HW
                    for chunk in chunks
                ]
            )
        )
    assert np.abs(results[0]).max() > 0.01
    assert np.abs(results[0] - results[1]).max() < 1e-4


def test_reduced_precision_stays_close_where_the_chip_has_it(built: Path) -> None:
    precision = best_precision()
    if precision == "f32":
        pytest.skip("this CPU has no bf16 instructions")
    network = awake_network(ModelKind.TRANSFORMER)
    parity = export.measure_parity(network, built, PICTURE, precision=precision)
    assert max(parity.by_graph.values()) < export.TOLERANCES[precision]
    assert max(parity.by_graph.values()) > 1e-5, "it computed in float32 after all"


def test_graphs_of_other_weights_are_refused(built: Path) -> None:
    other = awake_network(ModelKind.TRANSFORMER, seed=1)
    with pytest.raises(AssetError, match="differs from eager torch"):
        export.measure_parity(other, built, PICTURE, precision="f32")


def test_a_failed_build_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "TOLERANCES", {"f32": -1.0})
    with pytest.raises(AssetError, match="not published"):
        export.export_openvino(awake_network(ModelKind.REFINER), tmp_path / "graphs", PICTURE)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_graph_is_named(built: Path, tmp_path: Path) -> None:
    for path in built.iterdir():
        if path.stem != "decode":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(AssetError, match=r"decode\.xml"):
        OpenVinoRunner(tmp_path, is_refiner=False)
