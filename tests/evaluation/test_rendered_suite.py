"""The rendered suite: exact truth, another person's face as driver, and a leak that shows."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from avatar.__main__ import main
from avatar.data.acting import Acting, act
from avatar.data.clip import Clip, ClipPlan
from avatar.data.held_out import driver_landmarks, driver_rest_landmarks, held_out_clips
from avatar.evaluation.motion_metrics import exact_shape_leak
from avatar.evaluation.rendered_suite import KnownFaces
from avatar.motion.geometry import face_motion


@pytest.fixture(scope="module")
def clip(assets: Path) -> Clip:
    return next(held_out_clips(1, ClipPlan(num_frames=8, num_references=1, size_px=128)))


def test_the_driver_at_rest_is_the_person_of_the_clips_driver(clip: Clip) -> None:
    rng = np.random.default_rng([clip.seed, 5])
    acting = Acting(talk=float(rng.uniform(0.2, 0.9)), liveliness=float(rng.uniform(0.2, 1.0)))
    pose = act(clip.seed, 8 + 12, acting)[12]
    np.testing.assert_allclose(
        driver_landmarks(clip, pose), clip.driver_landmarks_FN3[0], atol=0.01
    )
    assert face_motion(driver_rest_landmarks(clip)).lip_aperture < 0.08


def test_the_leak_is_0_for_the_truth_and_1_for_the_drivers_face(clip: Clip) -> None:
    own = [face_motion(points) for points in clip.landmarks_FN3]
    driver = [face_motion(points) for points in clip.driver_landmarks_FN3]
    assert exact_shape_leak(own, own, own, driver) == pytest.approx(0.0)
    assert exact_shape_leak(own, driver, own, driver) == pytest.approx(1.0)
    half = [
        replace(o, shape_N3=0.5 * (o.shape_N3 + d.shape_N3))
        for o, d in zip(own, driver, strict=True)
    ]
    assert exact_shape_leak(own, half, own, driver) == pytest.approx(0.5)


def test_known_faces_are_seen_until_forgotten(clip: Clip) -> None:
    faces = KnownFaces()
    picture = clip.rgb_FHW3[0]
    assert faces.track(picture, 0.0) is None
    faces.landmarks_N3 = clip.landmarks_FN3[0]
    seen = faces.track(picture, 0.0)
    assert seen is not None
    assert seen.landmarks_N3 is faces.landmarks_N3
    faces.reset()
    assert faces.track(picture, 0.0) is None


def test_the_suite_reports_rendered_people(
    assets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["evaluate", "--suite", "rendered", "--animator", "copy", "warp", "--num-clips", "1"]
    words += ["--max-frames", "9", "--output", str(tmp_path / "r.json")]
    assert main(words) == 0
    report = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    copy, warp = (report["reports"][name]["clips"][0] for name in ("copy", "warp"))
    assert report["mode"] == "rendered"
    assert warp["look"] == "realistic"
    assert warp["landmark_distance"] < copy["landmark_distance"]
    assert warp["temporal_error_ratio"] > 0
    assert copy["temporal_error_ratio"] > warp["temporal_error_ratio"], "a copy does not move along"
    assert warp["cross_psnr"] > 10
    assert (tmp_path / "r_sheets").is_dir()
