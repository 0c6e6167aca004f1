"""Whether the neural animator serves: what is measured, what is loaded, and what is said of it."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from avatar.errors import AssetError, DeviceError
from avatar.model.loading import LoadedModel, RuntimeName, load_model
from avatar.model.network import ModelKind
from avatar.model.presets import TINY
from avatar.model.torch_runner import InferenceRunner
from avatar.stream import neural_choice
from avatar.stream.effort import Level
from avatar.stream.neural_choice import (
    NUM_MEASURED,
    NUM_WARM,
    choose_neural,
    demand_neural,
    measured_frame_s,
)
from tests.model.networks import awake_network
from tests.stream.fakes import SlowClock
from tests.stream.weights import save_awake

pytestmark = pytest.mark.usefixtures("one_torch_thread")

EAGER = (RuntimeName.EAGER,)


def test_without_weights_the_choice_says_so(tmp_path: Path) -> None:
    choice = choose_neural(folder=tmp_path, runtimes=EAGER)
    assert choice.loaded is None
    assert "no trained weights" in choice.reason
    with pytest.raises(AssetError, match="no trained weights"):
        demand_neural(folder=tmp_path, runtimes=EAGER)


def test_a_machine_that_keeps_up_gets_the_model(tmp_path: Path) -> None:
    folder = save_awake(tmp_path, "student")
    choice = choose_neural(folder=folder, runtimes=EAGER, clock=SlowClock(0.02))
    assert choice.loaded is not None
    assert choice.levels[0] == Level(2, 1, pytest.approx(0.01))
    assert "10.0 ms per frame with 2 denoise steps, of 16 ms allowed" in choice.reason
    assert [(each.num_denoise_steps, each.correct_every) for each in choice.levels] == [
        (2, 1),
        (1, 1),
        (1, 2),
        (0, 1),
    ]


def test_a_machine_that_does_not_is_told_its_time(tmp_path: Path) -> None:
    folder = save_awake(tmp_path, "student")
    choice = choose_neural(folder=folder, runtimes=EAGER, clock=SlowClock(0.2))
    assert choice.loaded is None
    assert "takes 100.0 ms per frame here, more than the 16 ms that 25 fps allow" in choice.reason


def test_by_name_a_slow_machine_gets_the_model_all_the_same(tmp_path: Path) -> None:
    folder = save_awake(tmp_path, "student")
    choice = demand_neural(folder=folder, runtimes=EAGER, clock=SlowClock(0.2))
    assert choice.loaded is not None
    assert "asked for by name: 100.0 ms per frame" in choice.reason
    assert choice.levels[-1].correct_every == 2


def test_a_machine_half_as_fast_as_wanted_corrects_every_other_frame(tmp_path: Path) -> None:
    folder = save_awake(tmp_path, "refiner")
    choice = choose_neural(folder=folder, runtimes=EAGER, clock=SlowClock(0.04))
    assert choice.loaded is not None
    assert [each.correct_every for each in choice.levels] == [2, 1]
    assert "10.0 ms per frame, correcting every 2nd, of 16 ms allowed" in choice.reason


def test_offline_nothing_has_to_keep_up(tmp_path: Path) -> None:
    folder = save_awake(tmp_path, "refiner")
    choice = choose_neural(is_live=False, folder=folder, runtimes=EAGER, clock=SlowClock(9.0))
    assert choice.loaded is not None
    assert choice.levels == (Level(1, 1, 0.0),)


def test_an_absent_runtime_is_passed_over_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(folder: Path, runtime: RuntimeName, **options: object) -> LoadedModel:
        if runtime is RuntimeName.OPENVINO:
            raise DeviceError("OpenVINO is not installed.")
        return load_model(folder, runtime)

    monkeypatch.setattr(neural_choice, "load_model", load)
    folder = save_awake(tmp_path, "refiner")
    both = (RuntimeName.OPENVINO, RuntimeName.EAGER)
    choice = choose_neural(folder=folder, runtimes=both, clock=SlowClock(0.001))
    assert "eager f32" in choice.reason
    assert choice.reason.endswith("OpenVINO is not installed.")


def test_the_measurement_is_per_frame() -> None:
    runner = InferenceRunner(awake_network(ModelKind.REFINER))
    loaded = LoadedModel(runner, TINY, None, "eager")  # type: ignore[arg-type]
    assert measured_frame_s(loaded, 1, clock=SlowClock(0.5)) == pytest.approx(0.25)


def test_what_disturbs_a_part_of_the_measurement_does_not_count() -> None:
    runner = InferenceRunner(awake_network(ModelKind.REFINER))
    loaded = LoadedModel(runner, TINY, None, "eager")  # type: ignore[arg-type]
    clock = SlowClock(0.5)
    busy = 2 * (NUM_WARM + NUM_MEASURED // 2)
    looks = itertools.count()

    def disturbed() -> float:
        for _ in range(3 if next(looks) < busy else 0):
            clock()
        return clock()

    assert measured_frame_s(loaded, 1, clock=disturbed) == pytest.approx(0.25)
