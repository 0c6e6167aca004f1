"""The probe's camera plays a clip at the rate that was asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from client.__main__ import main
from client.probe import CAMERA_SIZE, ProbeError, make_camera_file


def test_a_clip_becomes_a_camera_of_the_rate_asked_for(media: Path, tmp_path: Path) -> None:
    clip = media / "driving" / "close_mediapipe_woman_gesture.mp4"
    num_frames = {}
    for fps in (25.0, 30.0):
        target = tmp_path / f"{fps}.y4m"
        make_camera_file(clip, target, seconds=1.0, fps=fps)
        content = target.read_bytes()
        assert content.startswith(
            f"YUV4MPEG2 W{CAMERA_SIZE[0]} H{CAMERA_SIZE[1]} F{fps:g}:1".encode()
        )
        num_frames[fps] = content.count(b"FRAME\n")
    assert num_frames == {25.0: 25, 30.0: 30}


def test_a_clip_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProbeError, match=r"gone\.mp4: no such file"):
        make_camera_file(tmp_path / "gone.mp4", tmp_path / "camera.y4m")


@pytest.mark.parametrize("fps", ["0", "-25", "500"])
def test_a_rate_that_no_camera_has_is_refused(fps: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["probe", "--clip", "clip.mp4", "--camera-fps", fps])
    assert stopped.value.code == 2
    assert "--camera-fps must be from 1 to 120" in capsys.readouterr().err
