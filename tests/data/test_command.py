"""The data command: usage errors explain themselves; a run leaves clips behind."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import pytest

from avatar.__main__ import main
from avatar.data.clip_file import read_clip


def test_render_writes_one_file_per_clip_and_goes_on_where_it_was(
    assets: Path, tmp_path: Path
) -> None:
    words = ["data", "render", "--count", "1", "--seed", "5", "--size", "64", "--frames", "1",
             "--references", "1", "--look", "realistic", "--output", str(tmp_path)]  # fmt: skip
    assert main(words) == 0
    path = tmp_path / "clip_000000005.npz"
    assert read_clip(path).rgb_FHW3.shape == (1, 64, 64, 3)
    written = path.stat().st_mtime_ns
    assert main(words) == 0
    assert path.stat().st_mtime_ns == written


@pytest.mark.parametrize(
    ("change", "named"),
    [(("--size", "9"), "--size 9"), (("--count", "0"), "--count 0"),
     (("--seed", "1000000000"), "--seed 1000000000"), (("--frames", "0"), "--frames 0")],
)  # fmt: skip
def test_impossible_numbers_are_named(
    change: tuple[str, str],
    named: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = {"--count": "1", "--size": "64", "--seed": "0", "--frames": "1"}
    words[change[0]] = change[1]
    flat = [word for pair in words.items() for word in pair]
    assert main(["data", "render", *flat, "--output", str(tmp_path)]) == 1
    assert named in capsys.readouterr().err


def test_missing_assets_are_an_error_that_says_where_it_looked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LIVEACTOR_ASSETS", str(tmp_path / "nowhere"))
    assert main(["data", "assets"]) == 1
    assert "nowhere" in capsys.readouterr().err


def test_photographs_are_lifted_and_mixed_into_the_clips(
    assets: Path, media: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    shutil.copy(media / "reference" / "photo_astronaut_nasa.png", pictures)
    out = tmp_path / "clips"
    assert main(["data", "render", "--count", "1", "--size", "64", "--frames", "1",
                 "--references", "1", "--photographs", str(pictures),
                 "--photograph-share", "1", "--output", str(out)]) == 0  # fmt: skip
    assert read_clip(out / "clip_000000000.npz").look == "realistic"
    lifted = out / "lifted"
    assert [p.name for p in lifted.iterdir()] == ["photo_astronaut_nasa.lift.npz"]
    sheet = tmp_path / "sheet.png"
    assert main(["data", "sheet", "--kind", "lifted", "--lifted", str(lifted), "--size", "96",
                 "--output", str(sheet)]) == 0  # fmt: skip
    assert cv2.imread(str(sheet)).shape == (96, 7 * 96, 3)
    assert main(["data", "sheet", "--kind", "lifted", "--output", str(sheet)]) == 1
    assert "--lifted" in capsys.readouterr().err


def test_a_sheet_of_bodies_is_drawn(assets: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    assert main(["data", "sheet", "--kind", "full_body", "--count", "1", "--size", "64",
                 "--output", str(sheet)]) == 0  # fmt: skip
    assert cv2.imread(str(sheet)).shape == (64, 6 * 64, 3)
