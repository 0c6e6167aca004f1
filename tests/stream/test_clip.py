from __future__ import annotations

import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from avatar.errors import ClipError
from avatar.stream.clip import CLIP_TIME_BASE, SOUND_LEAD_S, Clip, _Timeline


def _ffmpeg(*arguments: str | Path) -> None:
    subprocess.run(
        ["ffmpeg", "-v", "error", "-y", *map(str, arguments)], check=True, stdin=subprocess.DEVNULL
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="module")
def upright(folder: Path) -> Path:
    """One second, 160 x 96: red above, blue below, with a 5.1 tone."""
    path = folder / "upright.mp4"
    picture = "color=red:s=160x96:r=20:d=1,drawbox=y=48:h=48:color=blue:t=fill"
    tone = "sine=frequency=440:sample_rate=22050:duration=1,pan=5.1|c0=c0|c1=c0|c2=c0"
    _ffmpeg("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", tone, "-pix_fmt", "yuv420p", path)
    return path


def _corners(path: Path) -> tuple[str, str]:
    """Colours at the middle of the top and of the bottom."""
    first = next(Clip(path).frames()).rgb_HW3
    assert first is not None
    names = []
    for row in (4, first.shape[0] - 5):
        red, _, blue = first[row, first.shape[1] // 2].astype(int)
        names.append("red" if red > blue else "blue")
    return names[0], names[1]


def test_frames_come_stamped_in_order_with_the_sound_between_them(upright: Path) -> None:
    clip = Clip(upright)
    assert (clip.info.width, clip.info.height, clip.info.fps) == (160, 96, 20.0)
    assert clip.info.has_audio
    frames = list(clip.frames())
    assert len(frames) == 20
    times = [frame.stamp.time_s for frame in frames]
    np.testing.assert_allclose(times, np.arange(20) / 20, atol=1e-3)
    chunks = [chunk for frame in frames for chunk in frame.audio]
    num_samples = sum(len(chunk.samples_T) for chunk in chunks)
    assert num_samples / chunks[0].sample_rate_hz == pytest.approx(0.95, abs=0.1)
    assert 0.05 < max(float(np.abs(chunk.samples_T).max()) for chunk in chunks) <= 1.0
    for frame in frames:
        heard_s = frame.stamp.time_s + SOUND_LEAD_S
        assert all(chunk.stamp.time_s <= heard_s for chunk in frame.audio)


def test_a_clip_can_be_read_again(upright: Path) -> None:
    clip = Clip(upright)
    assert len(list(clip.frames())) == len(list(clip.frames()))


def _remux_rotated(source_path: Path, path: Path, degrees: int) -> None:
    """The same packets under a display matrix, as phones write them."""
    with av.open(str(source_path)) as source, av.open(str(path), "w") as sink:
        stream = source.streams.video[0]
        out = sink.add_stream_from_template(stream)
        out.set_display_rotation(degrees)
        for packet in source.demux(stream):
            if packet.dts is not None:
                packet.stream = out
                sink.mux(packet)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotated_clips_come_upright(folder: Path, upright: Path, degrees: int) -> None:
    """What ffmpeg's own player would show is the truth."""
    turned, shown = folder / f"turned{degrees}.mp4", folder / f"shown{degrees}.mp4"
    _remux_rotated(upright, turned, degrees)
    _ffmpeg("-i", turned, "-an", shown)  # ffmpeg turns pixels by the matrix when it re-encodes
    ours, theirs = next(Clip(turned).frames()).rgb_HW3, next(Clip(shown).frames()).rgb_HW3
    assert ours is not None
    assert theirs is not None
    assert ours.shape == theirs.shape
    assert np.abs(ours.astype(int) - theirs).mean() < 8
    assert _corners(upright) == ("red", "blue")
    if degrees == 180:
        assert _corners(turned) == ("blue", "red")
    else:
        assert ours.shape == (160, 96, 3)


def test_pixels_that_are_not_square_are_made_so(folder: Path, upright: Path) -> None:
    path = folder / "anamorphic.mkv"
    _ffmpeg("-i", upright, "-an", "-vf", "setsar=2/1", path)
    first = next(Clip(path).frames()).rgb_HW3
    assert first is not None
    assert first.shape == (96, 320, 3)


@pytest.mark.parametrize(
    "suffix", [".mkv", ".webm", ".avi", ".mov", ".ts", ".h264", ".gif", ".mjpeg", ".y4m"]
)
def test_any_container_is_read(folder: Path, upright: Path, suffix: str) -> None:
    path = folder / f"any{suffix}"
    _ffmpeg("-i", upright, *(() if suffix in (".mkv", ".mov") else ("-an",)), path)
    frames = list(Clip(path).frames())
    assert 18 <= len(frames) <= 26
    pts = [frame.stamp.pts for frame in frames]
    assert pts == sorted(set(pts))


def test_a_raw_stream_says_how_many_pictures_are_to_come(folder: Path, upright: Path) -> None:
    raw = folder / "raw.264"
    _ffmpeg("-i", upright, "-an", "-c:v", "libx264", "-f", "h264", raw)
    clip = Clip(raw)
    assert clip.info.duration_s is None
    assert clip.info.num_frames == pytest.approx(len(list(clip.frames())), abs=1)


def test_variable_rates_keep_their_times(folder: Path, upright: Path) -> None:
    path = folder / "variable.mkv"
    _ffmpeg("-i", upright, "-an", "-vf", "select='not(between(n,5,9))'", "-fps_mode", "vfr", path)
    times = [frame.stamp.time_s for frame in Clip(path).frames()]
    assert len(times) == 15
    assert times[5] - times[4] == pytest.approx(0.3, abs=0.01)


def test_stamps_rise_whatever_the_container_says() -> None:
    times = _Timeline(Fraction(25))
    base = Fraction(1, 1000)
    given = [0, 40, 40, 20, None, 10**9, 10**9 + 40]
    placed = [times.place(pts, base) for pts in given]
    assert placed == sorted(set(placed))
    step = round(Fraction(1, 25) / CLIP_TIME_BASE)
    assert np.diff(placed).tolist() == [step] * 6, "each fault is mended by one nominal frame"


def test_sound_alone_and_still_pictures_are_no_clips(folder: Path, upright: Path) -> None:
    sound, picture = folder / "sound.wav", folder / "still.png"
    _ffmpeg("-i", upright, "-vn", sound)
    _ffmpeg("-i", upright, "-frames:v", "1", picture)
    with pytest.raises(ClipError, match="sound only"):
        Clip(sound)
    with pytest.raises(ClipError, match="still picture"):
        Clip(picture)
    with pytest.raises(ClipError, match="no such file"):
        Clip(folder / "missing.mp4")


_SOUND_PICTURES = {
    "BA_MW_D_IDR_LOST.264",
    "Error_I_P.264",
    "mp4parse_no_timescale.mp4",
    "mp4parse_tiny_av1.mp4",
    "mp4parse_video_rotation_90.mp4",
    "mp4parse_white.mp4",
}
"""Files of the folder out of which real pictures can be read; no face is in any of them."""


@pytest.mark.media
def test_every_bad_file_is_refused_or_read_to_its_end(media: Path) -> None:
    for path in sorted((media / "bad").iterdir()):
        if path.name in _SOUND_PICTURES:
            assert sum(1 for _ in Clip(path).frames()) >= 1
        else:
            with pytest.raises(ClipError, match=path.name.replace(".", r"\.")):
                Clip(path)
