"""The whole recipe in miniature by its own commands: features, train, distil, load, animate."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from avatar.__main__ import main
from avatar.character.character import Character, Framing, ReferenceView
from avatar.frames import Stamp
from avatar.model.loading import RuntimeName, load_model
from avatar.model.presets import TINY
from avatar.stream.effort import Level
from avatar.stream.neural_renderer import NeuralRenderer
from avatar.timing import StageTimers
from avatar.training.examples import motion_from
from avatar.training.toy import ToyPeople

RUN = """
[run]
output = "{output}"
preset = "tiny"
picture_px = 64
num_train_steps = 4
batch_size = 2
device = "cpu"
evaluate_every = 4
save_every = 4
[run.data]
num_frames = 4
num_held_out = 1
cross_share = 0.5
pool = 4
[run.optimiser]
num_warmup_steps = 1
"""


def test_tiny_trains_distils_and_animates(tmp_path: Path) -> None:
    earlier = {
        "features": "",
        "autoencoder": "",
        "teacher": f'autoencoder = "{tmp_path}/autoencoder/refiner.safetensors"\n',
        "distil": f'teacher = "{tmp_path}/teacher/teacher.safetensors"\n'
        f'features = "{tmp_path}/features/features.safetensors"\n'
        "rollout_until = 1.0\n",
    }
    more = {"distil": "[picture]\nperceptual = 0.1\n[critic]\nweight = 0.02\nfrom_share = 0.5\n"}
    for stage, head in earlier.items():
        config = tmp_path / f"{stage}.toml"
        config.write_text(head + RUN.format(output=tmp_path / stage) + more.get(stage, ""))
        assert main(["train", stage, "--config", str(config)]) == 0

    loaded = load_model(tmp_path / "distil", RuntimeName.EAGER)
    assert (loaded.preset, loaded.manifest.kind) == (TINY, "student")
    clip = ToyPeople(128).clip(np.random.default_rng(0), 4)
    main_view = clip.references[0]
    renderer = NeuralRenderer(
        Character(
            id="toy",
            name="Toy",
            framing=Framing.PORTRAIT,
            views=(
                ReferenceView(
                    main_view.foreground_HW3,
                    main_view.foreground_HW3,
                    main_view.alpha_HW,
                    main_view.geometry,
                ),
            ),
            background_HW3=clip.background_HW3,
            thumbnail_webp=b"",
        ),
        loaded.runner,
        loaded.preset,
        level=Level(2, 1, 0.0),
        timers=StageTimers(),
    )
    frames = []
    for index, landmarks in enumerate(clip.landmarks_FN3):
        stamp = Stamp(index, Fraction(1, 25), 0.0)
        frames += renderer.push(motion_from(landmarks), stamp)
    assert [frame.stamp.pts for frame in frames] == [0, 1, 2, 3]
    error = np.abs(frames[-1].rgb_HW3.astype(float) - clip.rgb_FHW3[-1]).mean()
    assert error < 40.0, "a picture of the person, not noise"


def test_a_stage_without_the_one_before_says_what_is_missing(tmp_path: Path) -> None:
    config = tmp_path / "teacher.toml"
    config.write_text(f'autoencoder = "{tmp_path}/none.safetensors"\n' + RUN.format(output="x"))
    assert main(["train", "teacher", "--config", str(config)]) == 1
