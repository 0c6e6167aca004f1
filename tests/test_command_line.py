from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from avatar.__main__ import COMMANDS, main


def _usage_error(*words: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(list(words))
    assert isinstance(caught.value.code, int)
    return caught.value.code


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("fly",),
        ("animate",),
        ("animate", "--reference", "a.png", "--driving", "b.mp4"),
        ("animate", "--reference", "a", "--driving", "b", "--output", "c.mp4", "--size", "500"),
        ("animate", "--reference", "a", "--driving", "b", "--output", "c.mp4", "--fps", "0"),
        ("animate", "--reference", "a", "--driving", "b", "--output", "c", "--animator", "magic"),
        ("evaluate", "--suite", "x"),
        ("evaluate", "--suite", "x", "--output", "y", "--stride", "0"),
    ],
)
def test_wrong_usage_ends_with_code_2(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert _usage_error(*words) == 2
    assert "usage:" in capsys.readouterr().err


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert _usage_error("--help") == 0
    text = capsys.readouterr().out
    assert all(name in text for name in COMMANDS)


@pytest.mark.parametrize("name", ["animate", "evaluate", "benchmark"])
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _usage_error(name, "--help") == 0
    assert "--animator" in capsys.readouterr().out


def test_a_user_error_is_one_line_and_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["animate", "--reference", str(tmp_path / "me.png")]
    words += ["--driving", str(tmp_path / "missing.mp4"), "--output", str(tmp_path / "out.mp4")]
    assert main(words) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert "missing.mp4" in captured.err
    assert captured.out == ""


@pytest.mark.media
def test_a_picture_without_a_face_is_a_user_error(
    media: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["animate", "--reference", str(media / "reference" / "noface_background.jpg")]
    words += ["--driving", str(media / "driving" / "half_asl_eat.mkv")]
    assert main([*words, "--output", str(tmp_path / "out.mp4")]) == 1
    assert "No face was found in noface_background.jpg" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_gallery_character_is_a_user_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], media: Path
) -> None:
    words = ["animate", "--reference", "gallery:nobody", "--output", str(tmp_path / "out.mp4")]
    clip = media / "driving" / "half_asl_eat.mkv"
    assert main([*words, "--driving", str(clip)]) == 1
    assert "nobody" in capsys.readouterr().err


def test_help_does_not_wait_for_heavy_libraries() -> None:
    code = (
        "import sys; from avatar.__main__ import build_parser; build_parser(['--help'])\n"
        "heavy = {'mediapipe', 'cv2', 'torch', 'numba', 'av'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
