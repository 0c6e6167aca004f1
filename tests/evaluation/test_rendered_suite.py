"""The rendered suite: exact truth, another person's face as driver, and a leak that shows."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from avatar.__main__ import main
from avatar.data.clip import ClipPlan
from avatar.data.clip_file import Clip
from avatar.data.held_out import held_out_clips
from avatar.evaluation.motion_metrics import exact_shape_leak
from avatar.evaluation.rendered_suite import KnownFaces
from avatar.evaluation.suites import RENDERED_NUMBERS
from avatar.motion.geometry import face_motion


@pytest.fixture(scope="module")
def clip(assets: Path) -> Clip:
    return next(held_out_clips(1, ClipPlan(num_frames=8, num_references=1, size_px=128)))


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
    assert warp.keys() == {"clip", "look", "error", *RENDERED_NUMBERS}
    assert warp["landmark_distance"] < copy["landmark_distance"]
    assert 0.3 < warp["temporal_error_ratio"] < 3
    assert warp["temporal_error_ratio"] != copy["temporal_error_ratio"]
    assert warp["cross_psnr"] > 10
    assert (tmp_path / "r_sheets").is_dir()
