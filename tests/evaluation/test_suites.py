from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from avatar.__main__ import main
from avatar.errors import PictureError, PictureReason
from avatar.evaluation.crop_protocol import CANVAS_PX, prepare_clip
from avatar.evaluation.report import Row
from avatar.evaluation.sheet import ContactSheet
from avatar.evaluation.suites import Task
from avatar.stream.animator import Animator
from avatar.stream.clip import Clip
from avatar.stream.clip_writer import ClipWriter
from avatar.stream.echo import EchoAnimator

METRICS = {
    *("psnr", "ssim", "l1", "face_psnr", "mouth_psnr", "eye_psnr", "landmark_distance"),
    *("mouth_correlation", "eye_correlation", "head_rotation_error_deg"),
    *("flicker", "jerk_ratio", "sharpness"),
}


@pytest.fixture
def suite(media: Path, tmp_path: Path) -> Path:
    """One clip with a face, one without, one that is broken; two pictures, one without a face."""
    driving, reference = tmp_path / "driving", tmp_path / "reference"
    driving.mkdir()
    reference.mkdir()
    shutil.copy(media / "driving" / "half_asl_eat.mkv", driving)
    shutil.copy(media / "bad" / "truncated-64bit.mp4", driving)
    with ClipWriter(driving / "grey.mp4", nominal_fps=25) as writer:
        for index in range(5):
            writer.write(np.full((64, 64, 3), 99, np.uint8), index / 25)
    shutil.copy(media / "reference" / "photo_astronaut_nasa.png", reference)
    shutil.copy(media / "reference" / "noface_background.jpg", reference)
    return tmp_path


def _evaluate(suite: Path, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, object]:
    output = suite / "report.json"
    words = ["evaluate", "--suite", str(suite), "--output", str(output), *options]
    assert main(words) == 0
    last = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert last == json.loads(output.read_text())
    return dict(last)


def _assert_nothing_but_reasons(
    refused: dict[str, object], measured: dict[str, object], *, names: set[str]
) -> None:
    """Every number that a measured row has is there, and null."""
    assert refused.keys() == measured.keys()
    assert refused["psnr" if "psnr" in measured else "expression_error"] is None
    assert {name for name, value in refused.items() if value is not None} == {*names, "error"}


@pytest.mark.media
def test_self_suite_reports_every_clip(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = _evaluate(suite, capsys, "--animator", "copy", "--max-frames", "20")
    clips = report["clips"]
    assert isinstance(clips, list)
    rows = {row["clip"]: row for row in clips}
    assert set(rows) == {"half_asl_eat.mkv", "grey.mp4", "truncated-64bit.mp4"}
    good = rows["half_asl_eat.mkv"]
    assert set(good) >= METRICS
    assert 10 < good["psnr"] < 45
    assert good["face_found_fraction"] == 1.0
    assert abs(good["mouth_correlation"] or 0.0) < 0.6, "a copy does not speak"
    assert "no face" in rows["grey.mp4"]["error"]
    assert rows["truncated-64bit.mp4"]["error"]
    for name in ("grey.mp4", "truncated-64bit.mp4"):
        _assert_nothing_but_reasons(rows[name], good, names={"clip"})
    assert isinstance(report["mean"], dict)
    assert report["mean"]["psnr"] == good["psnr"], "means skip what was not measured"
    assert report["num_without_face"] == 2
    assert (suite / "report_sheets" / "half_asl_eat.png").is_file()


@pytest.mark.media
def test_several_animators_share_one_report(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["copy", "warp", "warp-blurred"]
    options = ("--animator", *names, "--max-frames", "9", "--stride", "4", "--clips", "e")
    report = _evaluate(suite, capsys, *options)
    assert report["animators"] == names
    assert isinstance(report["reports"], dict)
    assert isinstance(report["comparison"], list)
    rows = {row["animator"]: row for row in report["comparison"]}
    for name in names:
        clips = {row["clip"]: row for row in report["reports"][name]["clips"]}
        assert set(clips) == {"half_asl_eat.mkv", "grey.mp4", "truncated-64bit.mp4"}
        assert clips["grey.mp4"]["error"]
        assert clips["grey.mp4"]["psnr"] is None
        assert rows[name]["psnr"] == pytest.approx(clips["half_asl_eat.mkv"]["psnr"])
    assert rows["warp-blurred"]["sharpness"] < 0.6 * rows["warp"]["sharpness"]
    assert rows["copy"]["clip_wins"] in (0.0, 1.0)
    assert "clip_wins" not in rows["warp"], "nothing is compared with itself"
    assert (suite / "report_sheets" / "half_asl_eat.png").is_file()


@pytest.mark.media
def test_cross_suite_reports_every_pair(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--mode", "cross", "--animator", "copy", "--max-frames", "10", "--clips", "asl")
    report = _evaluate(suite, capsys, *options)
    clips = report["clips"]
    assert isinstance(clips, list)
    rows = {row["reference"]: row for row in clips}
    assert set(rows) == {"photo_astronaut_nasa.png", "noface_background.jpg"}
    kept = rows["photo_astronaut_nasa.png"]
    assert kept["face_found_fraction"] == 1.0
    assert kept["expression_error"] > 0
    assert kept["bone_leak"] == pytest.approx(0.0, abs=0.02)
    assert kept["sharpness"] == pytest.approx(1.0)
    refused = rows["noface_background.jpg"]
    assert "No face" in refused["error"]
    _assert_nothing_but_reasons(refused, kept, names={"clip", "reference"})


@pytest.mark.media
def test_a_copy_leaks_nothing_of_the_driver_and_an_echo_is_the_driver(
    suite: Path, media: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A driver at rest: nothing but whose face and bones are seen is left to measure.

    The tracker's own noise is a third of the way between these two faces: whose it is can be
    told, more cannot.
    """
    still = next(Clip(media / "driving" / "half_asl_eat.mkv").frames()).rgb_HW3
    assert still is not None
    with ClipWriter(suite / "driving" / "still.mp4", nominal_fps=25) as writer:
        for index in range(10):
            writer.write(still, index / 25)
    options = ("--mode", "cross", "--animator", "copy", "echo", "--stride", "1")
    report = _evaluate(
        suite, capsys, *options, "--max-frames", "9", "--clips", "still", "--references", "photo"
    )
    assert isinstance(report["reports"], dict)
    copy, echo = (report["reports"][name]["clips"][0] for name in ("copy", "echo"))
    assert copy["bone_leak"] == pytest.approx(0.0, abs=0.02)
    assert echo["bone_leak"] == pytest.approx(1.0, abs=0.1)
    assert abs(copy["face_shape_leak"]) < 0.5
    assert echo["face_shape_leak"] == pytest.approx(1.0, abs=0.4)


@pytest.mark.media
def test_the_crop_is_fixed_and_holds_the_reference(media: Path) -> None:
    prepared = prepare_clip(media / "driving" / "half_asl_eat.mkv")
    assert prepared is not None
    first = next(prepared.frames(max_frames=1, stride=1))
    assert first.rgb_HW3 is not None
    np.testing.assert_array_equal(first.rgb_HW3, prepared.reference_HW3)
    assert prepared.reference_HW3.shape == (CANVAS_PX, CANVAS_PX, 3)


def test_an_animator_that_fails_has_a_row_of_nulls_that_says_why(tmp_path: Path) -> None:
    def fails(animator: Animator) -> tuple[Row, ContactSheet]:
        raise PictureError(PictureReason.NO_FACE, "No face is seen.")

    animators: dict[str, Animator] = {"echo": EchoAnimator()}
    task = Task(animators, tmp_path, max_frames=1, stride=1)
    task.measure({"clip": "a.mp4"}, ("psnr", "ssim"), "truth", "a.png", fails)
    nothing = {"clip": "a.mp4", "psnr": None, "ssim": None, "error": "No face is seen."}
    assert task.rows == {"echo": [nothing]}
    assert list(tmp_path.iterdir()) == []


def test_missing_suites_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["evaluate", "--suite", str(tmp_path), "--output", str(tmp_path / "r.json")]
    assert main(words) == 1
    assert "driving" in capsys.readouterr().err
