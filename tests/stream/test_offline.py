from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from avatar.__main__ import main
from avatar.character.character import Character, Framing, ReferenceView
from avatar.errors import ClipError
from avatar.frames import DrivingFrame, ReferenceGeometry, RenderedFrame, Tracking
from avatar.motion.geometry import place_head, reference_geometry
from avatar.motion.topology import canonical_face
from avatar.stream.clip import Clip
from avatar.stream.clip_writer import ClipWriter
from avatar.stream.echo import CopyAnimator, EchoAnimator
from avatar.stream.offline import animate


@pytest.fixture(scope="module")
def flash_and_beep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds; at 1, 2 and 3 s a white flash and a beep, each of 0.1 s."""
    path = tmp_path_factory.mktemp("driving") / "flash.mp4"
    light = "lum='if(lt(mod(T\\,1)\\,0.1)*gte(T\\,1)\\,235\\,16)':cb=128:cr=128"
    beep = "aevalsrc='if(lt(mod(t,1),0.1)*gte(t,1),0.8*sin(2*PI*1000*t),0)':s=44100:d=4"
    picture = f"color=black:s=128x128:r=30:d=4,geq={light}"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", beep, path],
        check=True,
        stdin=subprocess.DEVNULL,
    )
    return path


@pytest.fixture
def plain() -> Character:
    """A character of 64 x 64 that no tracker had to find."""
    head = place_head(
        canonical_face(), np.eye(3, dtype=np.float32), np.array([32, 32], np.float32), 12.0
    )
    geometry: ReferenceGeometry = reference_geometry(head, (64, 64))
    rgb = np.full((64, 64, 3), (90, 150, 200), np.uint8)
    view = ReferenceView(rgb, rgb, np.full((64, 64), 255, np.uint8), geometry)
    return Character(
        id="plain",
        name="Plain",
        framing=Framing.PORTRAIT,
        views=(view,),
        background_HW3=rgb,
        thumbnail_webp=b"",
    )


def _events(path: Path) -> tuple[list[float], list[float]]:
    """Seconds at which flashes and beeps begin."""
    flashes: list[float] = []
    beeps: list[float] = []
    was_light, last_loud_s = False, -1.0
    for frame in Clip(path).frames():
        assert frame.rgb_HW3 is not None
        is_light = float(frame.rgb_HW3.mean()) > 100
        if is_light and not was_light:
            flashes.append(frame.stamp.time_s)
        was_light = is_light
        for chunk in frame.audio:
            loud = np.flatnonzero(np.abs(chunk.samples_T) > 0.2)
            for index in loud.tolist():
                time_s = chunk.stamp.time_s + index / chunk.sample_rate_hz
                if time_s - last_loud_s > 0.3:
                    beeps.append(time_s)
                last_loud_s = time_s
    return flashes, beeps


@pytest.mark.parametrize("constant_fps", [None, 25.0, 50.0])
def test_sound_and_picture_stay_together(
    flash_and_beep: Path, plain: Character, tmp_path: Path, constant_fps: float | None
) -> None:
    output = tmp_path / "out.mp4"
    summary = animate(
        character=plain,
        driving_path=flash_and_beep,
        output_path=output,
        animator=EchoAnimator(),
        constant_fps=constant_fps,
        needs_face=False,
        is_quiet=True,
    )
    assert summary.has_audio
    expected = 4 * (constant_fps or 30)
    assert abs(summary.num_frames - expected) <= 1
    flashes, beeps = _events(output)
    np.testing.assert_allclose(flashes, [1, 2, 3], atol=0.021)
    np.testing.assert_allclose(beeps, [1, 2, 3], atol=0.010)
    assert Clip(output).info.fps == pytest.approx(constant_fps or 30.0, rel=0.02)


def test_colours_survive_the_file(flash_and_beep: Path, plain: Character, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    animate(
        character=plain,
        driving_path=flash_and_beep,
        output_path=output,
        animator=CopyAnimator(),
        needs_face=False,
        is_quiet=True,
    )
    first = next(Clip(output).frames()).rgb_HW3
    assert first is not None
    np.testing.assert_allclose(first.mean(axis=(0, 1)), (90, 150, 200), atol=3)


def test_a_clip_without_a_face_is_an_error_and_leaves_nothing(
    flash_and_beep: Path, plain: Character, tmp_path: Path
) -> None:
    output = tmp_path / "out.mp4"
    output.write_bytes(b"precious")
    with pytest.raises(ClipError, match="no face"):
        animate(
            character=plain,
            driving_path=flash_and_beep,
            output_path=output,
            animator=CopyAnimator(),
            is_quiet=True,
        )
    assert output.read_bytes() == b"precious"
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


class _ByThree(EchoAnimator):
    """An echo that answers three frames at a time, as a model does."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: list[RenderedFrame] = []

    def push(self, driving: DrivingFrame) -> list[RenderedFrame]:
        echoed = super().push(driving)
        self._waiting += [replace(frame, tracking=Tracking.TRACKED) for frame in echoed]
        if len(self._waiting) < 3:
            return []
        ready, self._waiting = self._waiting, []
        return ready


def test_what_a_chunk_holds_back_at_the_end_is_written_too(
    plain: Character, tmp_path: Path
) -> None:
    driving = tmp_path / "seven.mp4"
    with ClipWriter(driving, nominal_fps=25) as writer:
        for index in range(7):
            writer.write(np.full((64, 64, 3), 20 + 30 * index, np.uint8), index / 25)
    output = tmp_path / "out.mp4"
    summary = animate(
        character=plain,
        driving_path=driving,
        output_path=output,
        animator=_ByThree(),
        needs_face=False,
        is_quiet=True,
    )
    assert summary.num_frames == 7
    assert summary.tracked_fraction == 1.0
    assert summary.renderer == "echo"
    shown = [frame.rgb_HW3.mean() for frame in Clip(output).frames() if frame.rgb_HW3 is not None]
    assert shown == pytest.approx([20 + 30 * index for index in range(7)], abs=4)


def test_an_interrupted_run_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> None:
        with ClipWriter(tmp_path / "out.mp4", nominal_fps=25) as writer:
            writer.write(np.zeros((64, 64, 3), np.uint8), 0.0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["out.webm", "out.mov"])
def test_a_transparent_output_is_the_character_alone_with_its_sound(
    flash_and_beep: Path, plain: Character, tmp_path: Path, name: str
) -> None:
    alpha = np.zeros((64, 64), np.uint8)
    alpha[16:48, 16:48] = 255
    half = replace(plain, views=(replace(plain.views[0], alpha_HW=alpha),))
    output = tmp_path / name
    summary = animate(
        character=half,
        driving_path=flash_and_beep,
        output_path=output,
        animator=CopyAnimator(),
        needs_face=False,
        is_transparent=True,
        is_quiet=True,
    )
    assert summary.has_audio
    reader = ["-c:v", "libvpx-vp9"] if name.endswith("webm") else []  # FFmpeg's own drops alpha
    raw = subprocess.run(
        ["ffmpeg", "-v", "error", *reader, "-i", output, "-f", "rawvideo", "-pix_fmt", "rgba", "-"],
        check=True,
        stdin=subprocess.DEVNULL,
        capture_output=True,
    ).stdout
    pictures = np.frombuffer(raw, np.uint8).reshape(-1, 64, 64, 4).astype(int)
    assert len(pictures) == summary.num_frames
    assert pictures[:, :12, :, 3].max() <= 3
    assert pictures[:, 20:44, 20:44, 3].min() >= 250
    assert np.abs(pictures[:, 20:44, 20:44, :3] - (90, 150, 200)).max() <= 8
    _, beeps = _events(output)
    assert len(beeps) == 3


def test_a_transparent_output_of_another_kind_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ClipError, match=r"must end in \.mov, \.webm"):
        ClipWriter(tmp_path / "out.mp4", nominal_fps=25, is_transparent=True)


@pytest.mark.parametrize("name", ["out.gif", "out", "nowhere/out.mp4"])
def test_an_output_that_cannot_be_is_refused_before_the_work(tmp_path: Path, name: str) -> None:
    with pytest.raises(ClipError, match="out"):
        ClipWriter(tmp_path / name, nominal_fps=25)


def test_the_driving_clip_is_never_overwritten(flash_and_beep: Path, plain: Character) -> None:
    before = flash_and_beep.read_bytes()
    with pytest.raises(ClipError, match="overwrite"):
        animate(
            character=plain,
            driving_path=flash_and_beep,
            output_path=flash_and_beep,
            animator=CopyAnimator(),
            is_quiet=True,
        )
    assert flash_and_beep.read_bytes() == before


@pytest.mark.media
def test_a_real_clip_moves_a_real_picture(
    media: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out.mp4"
    words = ["animate", "--reference", str(media / "reference" / "photo_astronaut_nasa.png")]
    words += ["--driving", str(media / "driving" / "half_asl_eat.mkv"), "--output", str(output)]
    assert main([*words, "--size", "256", "--json"]) == 0
    summary = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert summary["tracked_fraction"] > 0.9
    assert (summary["width"], summary["height"]) == (256, 256)
    assert not summary["has_audio"]
    frames = [frame.rgb_HW3 for frame in Clip(output).frames()]
    assert len(frames) == summary["num_frames"] == 47
    first, last = frames[0], frames[30]
    assert first is not None
    assert last is not None
    assert np.abs(first.astype(int) - last).mean() > 0.5, "something moved"
