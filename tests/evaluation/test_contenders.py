"""Names of what may be evaluated, the classical variants, and the model cut down."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest

from avatar.errors import AssetError, ConfigError
from avatar.evaluation.ablation import AblatedRunner, Ablation
from avatar.evaluation.contenders import contender
from avatar.evaluation.variants import blurred, without_mouth
from avatar.model.network import ModelKind
from avatar.model.presets import TINY
from avatar.model.runtime import StreamModel
from avatar.model.torch_runner import InferenceRunner
from avatar.stream.window import SlidingWindow
from avatar.training.toy import ToyPeople
from avatar.warp.mesh import Label
from avatar.warp.rig import build_rig
from tests.model.networks import PICTURE, awake_network, random_chunk, random_view
from tests.stream.fakes import NoFace
from tests.stream.weights import save_awake


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("magic", "must be one of"),
        ("neural:speed=3", "options are steps"),
        ("neural:steps=0", "a number from 1 to 64"),
        ("neural:without=hope", "face-tokens"),
        ("neural:runtime=abacus", "openvino"),
    ],
)
def test_what_is_not_a_contender_is_named(text: str, reason: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=reason):
        contender(text)


def test_only_untrained_honest_ones_count_as_classical() -> None:
    names = ["copy", "warp", "warp-no-mouth", "warp-still-background", "warp-blurred", "neural"]
    assert [name for name in names if contender(name).is_classical] == names[1:4]


def test_the_model_without_weights_is_an_error_by_name(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="no trained weights"):
        contender("neural").make(weights=tmp_path, face_tracker=NoFace())


def test_options_of_the_model_reach_it(tmp_path: Path) -> None:
    folder = save_awake(tmp_path, "student")
    animator = contender("neural:steps=4,runtime=eager,views=1").make(
        weights=folder, face_tracker=NoFace()
    )
    assert "eager" in animator.drawing.reason
    animator.close()


def test_a_refiner_has_no_attention_to_take_away(tmp_path: Path) -> None:
    runner = InferenceRunner(awake_network(ModelKind.REFINER))
    with pytest.raises(ConfigError, match="no attention"):
        AblatedRunner(runner, Ablation.REFERENCE_ATTENTION)


def test_a_refiner_looks_at_no_earlier_frame(tmp_path: Path) -> None:
    folder = save_awake(tmp_path, "refiner")
    with pytest.raises(ConfigError, match="looks at no further reference"):
        contender("neural:earlier=kept,runtime=eager").make(weights=folder)


@pytest.mark.parametrize("ablation", list(Ablation))
def test_every_ablation_changes_the_picture(ablation: Ablation) -> None:
    runner = InferenceRunner(awake_network(ModelKind.TRANSFORMER))
    drawn = []
    for each in (runner, AblatedRunner(runner, ablation)):
        model = StreamModel(each, TINY, PICTURE)
        model.set_view(0, random_view(0))
        window = SlidingWindow(model, num_denoise_steps=2)
        chunk = random_chunk(1)
        drawn.append(model.decode(window.push(model.condition(chunk)), chunk).rgb_t3HW)
    assert np.abs(drawn[0] - drawn[1]).max() > 1e-4


def test_without_a_mouth_nothing_is_labelled_one() -> None:
    person = ToyPeople(64).clip(np.random.default_rng(0), 1).references[0]
    rig = build_rig(person.geometry, person.foreground_HW3, person.alpha_HW)
    assert (rig.mesh.label_T == Label.MOUTH).any()
    changed = without_mouth(rig)
    assert not (changed.mesh.label_T == Label.MOUTH).any()
    assert len(changed.mesh.label_T) == len(rig.mesh.label_T)


def test_the_control_blurs_by_a_pixel_at_the_size_of_the_metrics() -> None:
    picture = np.zeros((256, 256, 3), np.uint8)
    picture[128, 128] = 255
    result = blurred(picture)
    assert 30 < result[128, 128, 0] < 60, "a Gaussian of sigma 1 keeps 16 % in its middle"
