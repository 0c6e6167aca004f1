"""Training runs where only torch, numpy, numba, OpenCV, SciPy and safetensors are installed."""

from __future__ import annotations

import os
import subprocess
import sys

MODULES = (
    "avatar.training.autoencoder_stage",
    "avatar.training.teacher_stage",
    "avatar.training.distil_stage",
    "avatar.training.features_stage",
    "avatar.training.record",
    "avatar.training.rendered",
    "avatar.training.command",
)
ABSENT = ("mediapipe", "aiortc", "av", "PIL", "aiohttp", "tensorboard", "tqdm", "openvino", "jax")

PROGRAM = """
import importlib, sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {absent!r}:
            raise ImportError(name + " is not on this machine")
sys.meta_path.insert(0, Absent())
for module in {modules!r}:
    importlib.import_module(module)
"""


def test_training_needs_nothing_else() -> None:
    program = PROGRAM.format(absent=set(ABSENT), modules=MODULES)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=environment,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
