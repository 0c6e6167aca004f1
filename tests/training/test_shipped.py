"""The weights that ship: whole, small enough, better than the warp on someone they never saw."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from avatar.__main__ import main
from avatar.frames import FloatArray, Stamp
from avatar.model.checkpoint import check_exported, check_manifest, read_manifest
from avatar.model.loading import OPENVINO_FOLDER, RuntimeName, load_model, served_weights
from avatar.model.presets import NANO
from avatar.model.runtime import StreamModel
from avatar.stream.neural_choice import WEIGHTS_FOLDER
from avatar.stream.neural_inputs import NeuralInputs, at_rest, reference_view, stack
from avatar.stream.window import SlidingWindow
from avatar.training.toy import ToyPeople
from avatar.warp.rig import build_rig

LARGEST_FILE, ALL_FILES = 16 * 2**20, 45 * 2**20


def test_shipped_files_match_each_other_and_are_small_enough() -> None:
    weights = served_weights(WEIGHTS_FOLDER)
    manifest = read_manifest(weights)
    check_manifest(weights, manifest, kind="refiner", preset=NANO)
    check_exported(WEIGHTS_FOLDER / OPENVINO_FOLDER, manifest)
    sizes = [path.stat().st_size for path in WEIGHTS_FOLDER.rglob("*") if path.is_file()]
    assert max(sizes) <= LARGEST_FILE
    assert sum(sizes) <= ALL_FILES
    assert manifest.metrics["held_out_psnr"] > manifest.metrics["held_out_psnr_warp"]


def test_at_rest_the_shipped_weights_leave_everything_but_eyes_and_mouth() -> None:
    clip = ToyPeople(256).clip(np.random.default_rng(0), 2)
    view = clip.references[0]
    loaded = load_model(WEIGHTS_FOLDER, RuntimeName.EAGER)
    rig = build_rig(view.geometry, view.foreground_HW3, view.alpha_HW)
    door = NeuralInputs(rig, clip.background_HW3, NANO, (256, 256))
    rest = at_rest(view.geometry, Stamp(0, Fraction(1, 25), 0.0))
    chunk = stack([door.frame(rest), door.frame(rest)])
    model = StreamModel(loaded.runner, NANO, (256, 256))
    model.set_view(
        0, reference_view(view.geometry, view.foreground_HW3, view.alpha_HW, NANO, (256, 256))
    )
    latent = SlidingWindow(model, num_denoise_steps=1).push(model.condition(chunk))
    trust = model.decode(latent, chunk).confidence_tHW
    drawn = chunk.validity[0, :, 2].repeat(4, 1).repeat(4, 2)
    assert trust[drawn > 0].max() > 0.01, "eyes may be corrected"
    far = np.stack([_far_from(frame) for frame in drawn])
    assert trust[far].max() < 0.01


def _far_from(drawn_HW: FloatArray) -> NDArray[np.bool_]:
    return cv2.dilate(drawn_HW.astype(np.uint8), np.ones((17, 17), np.uint8)) == 0


def test_shipped_weights_beat_the_warp_on_a_clip_of_someone_unseen(
    media: Path, tmp_path: Path
) -> None:
    """A clip of licence tier A that was kept out of training."""
    pytest.importorskip("mediapipe")
    report = tmp_path / "report.json"
    arguments = ["evaluate", "--suite", str(media), "--clips", "half_asl_book"]
    arguments += ["--animator", "warp", "neural:runtime=eager", "--max-frames", "16"]
    assert main([*arguments, "--stride", "6", "--output", str(report)]) == 0
    warp, neural = json.loads(report.read_text())["comparison"]
    assert neural["psnr"] > warp["psnr"]
    assert neural["face_psnr"] > warp["face_psnr"] - 0.1
    assert neural["sharpness"] > 0.85 * warp["sharpness"]
