"""Rendered frames and the driving clip's sound become a video file, in sync, never half-written.

Knows PyAV and the files; does not know how frames are rendered. Pictures keep their stamps
(variable frame rate stays variable) unless a rate is asked for; the sound keeps its own.

Shape legend: H, W pixels; C colours (3), or colours and coverage (4).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from avatar.errors import ClipError
from avatar.frames import ByteArray
from avatar.stream.clip import CLIP_TIME_BASE, decoded_frames, open_container

_SOUND_RATE_HZ = 48000
_SOUND_BITRATE = 160_000
_BT709 = 1  # the same number for matrix, primaries and transfer in H.273
_LIMITED_RANGE = 1


@dataclass(frozen=True, slots=True)
class _Format:
    """How pictures and sound are coded."""

    video: str
    pixels: str
    options: Mapping[str, str]
    sound: str = "aac"


_H264 = _Format("libx264", "yuv420p", {"crf": "18", "preset": "medium"})
_VP9_OPTIONS = {"crf": "20", "b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"}
_OPAQUE = {
    ".mp4": _H264,
    ".mov": _H264,
    ".mkv": _H264,
    ".webm": _Format("libvpx-vp9", "yuv420p", _VP9_OPTIONS, "libopus"),
}
_TRANSPARENT = {
    # What video editors read, and what browsers and streaming programs read.
    ".mov": _Format("prores_ks", "yuva444p10le", {"profile": "4444"}),
    ".webm": _Format("libvpx-vp9", "yuva420p", _VP9_OPTIONS, "libopus"),
}


class ClipWriter:
    """Writes what the file's ending stands for; use as a context manager, the file appears at its
    end: H.264 and AAC, or VP9 and Opus; with transparency ProRes 4444, or VP9 too.

    On an error the half-written file is removed and what stood at `path` before stays.
    """

    def __init__(
        self,
        path: Path,
        *,
        nominal_fps: float,
        sound_of: Path | None = None,
        constant_fps: float | None = None,
        is_transparent: bool = False,
    ) -> None:
        """`sound_of` is a clip whose sound goes along. Transparent pictures are RGBA, their colours
        not weighed by the coverage."""
        formats = _TRANSPARENT if is_transparent else _OPAQUE
        if path.suffix.lower() not in formats:
            kind = "a transparent output" if is_transparent else "the output"
            raise ClipError(f"{path}: {kind} must end in {', '.join(formats)}.")
        if not path.parent.is_dir():
            raise ClipError(f"{path}: the folder {path.parent} does not exist.")
        self._path = path
        self._partial = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
        self._fps = Fraction(constant_fps or nominal_fps).limit_denominator(1001)
        self._is_constant = constant_fps is not None
        self._format = formats[path.suffix.lower()]
        self._num_channels = 4 if is_transparent else 3
        self._sound_of = sound_of
        self._container: Any = None
        self._video: Any = None
        self._sound: _Sound | None = None
        self._last_pts = -1
        self._held: ByteArray | None = None
        self.num_frames = 0
        """Pictures written so far."""

    def __enter__(self) -> ClipWriter:
        is_mp4 = self._path.suffix.lower() in (".mp4", ".mov")
        options = {"movflags": "+faststart"} if is_mp4 else {}
        try:
            self._container = av.open(str(self._partial), mode="w", options=options)
        except (OSError, av.error.FFmpegError) as error:
            raise ClipError(f"{self._path}: cannot be written ({error.strerror}).") from error
        return self

    def write(self, picture_HWC: ByteArray, time_s: float) -> None:
        """Add a picture shown from `time_s` on; all pictures have the size of the first."""
        if self._video is None:
            self._begin(picture_HWC)
        if not self._is_constant:
            self._encode(picture_HWC, max(round(time_s / CLIP_TIME_BASE), self._last_pts + 1))
            return
        # Constant rate: at every tick the newest picture, held or left out as need be.
        tick = round(1 / self._fps / CLIP_TIME_BASE)
        due = round(time_s / CLIP_TIME_BASE)
        if self._held is None:
            self._encode(picture_HWC, round(due / tick) * tick)
        else:
            while self._last_pts + tick + tick // 2 < due:
                self._encode(self._held, self._last_pts + tick)
            if self._last_pts + tick <= due + tick // 2:
                self._encode(picture_HWC, self._last_pts + tick)
        self._held = picture_HWC

    def _begin(self, picture_HWC: ByteArray) -> None:
        rows, columns = picture_HWC.shape[:2]
        assert rows % 2 == 0, "yuv420p needs even sides; canvases are multiples of 16"
        assert columns % 2 == 0, "yuv420p needs even sides; canvases are multiples of 16"
        assert picture_HWC.shape[2] == self._num_channels
        video = self._container.add_stream(self._format.video, rate=self._fps)
        video.width, video.height, video.pix_fmt = columns, rows, self._format.pixels
        video.options = dict(self._format.options)
        context = video.codec_context
        context.time_base = CLIP_TIME_BASE
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = _LIMITED_RANGE
        self._video = video
        if self._sound_of is not None:
            self._sound = _Sound.open(self._sound_of, self._container, self._format.sound)

    def _encode(self, picture_HWC: ByteArray, pts: int) -> None:
        layout = "rgba" if self._num_channels == 4 else "rgb24"
        plain = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture_HWC), format=layout)
        frame = plain.reformat(
            format=self._format.pixels,
            src_color_range=ColorRange.JPEG,
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
        )
        frame.pts, frame.time_base = pts, CLIP_TIME_BASE
        if self._sound is not None:
            self._sound.write_until(float(pts * CLIP_TIME_BASE) + 0.5)
        self._container.mux(self._video.encode(frame))
        self._last_pts = pts
        self.num_frames += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._finish()
        except (OSError, av.error.FFmpegError) as broken:
            raise ClipError(f"{self._path}: could not be finished ({broken}).") from broken
        finally:
            if self._sound is not None:
                self._sound.close()
            # Closing an unfinished container may complain about what is missing; it is thrown away.
            with contextlib.suppress(OSError, ValueError, av.error.FFmpegError):
                self._container.close()
            self._partial.unlink(missing_ok=True)

    def _finish(self) -> None:
        if self._video is None:
            raise ClipError(f"{self._path}: nothing was rendered, so nothing was written.")
        end_s = float((self._last_pts + round(1 / self._fps / CLIP_TIME_BASE)) * CLIP_TIME_BASE)
        if self._sound is not None:
            self._sound.write_until(end_s + 0.25)
            self._sound.finish()
        self._container.mux(self._video.encode(None))
        self._container.close()
        os.replace(self._partial, self._path)


class _Sound:
    """The first sound track of a clip, re-encoded piece by piece as the pictures advance."""

    def __init__(self, source: Any, stream: Any, path: Path, sink: Any, codec: str) -> None:
        self._source = source
        self._frames: Iterator[Any] = decoded_frames(source, stream, path)
        layout = "mono" if stream.codec_context.channels == 1 else "stereo"
        self._sink = sink
        self._out = sink.add_stream(codec, rate=_SOUND_RATE_HZ, layout=layout)
        self._out.bit_rate = _SOUND_BITRATE
        pcm = "fltp" if codec == "aac" else "flt"
        self._resampler = av.AudioResampler(
            format=pcm, layout=layout, rate=_SOUND_RATE_HZ, frame_size=self._out.frame_size or 0
        )
        self._time_s = -1.0
        self._is_over = False

    @classmethod
    def open(cls, path: Path, sink: Any, codec: str) -> _Sound | None:
        """None where the clip has no sound."""
        source = open_container(path)
        if not source.streams.audio:
            source.close()
            return None
        return cls(source, source.streams.audio[0], path, sink, codec)

    def write_until(self, time_s: float) -> None:
        """Encode all sound that begins before this moment."""
        while not self._is_over and self._time_s < time_s:
            frame = next(self._frames, None)
            if frame is None:
                self._is_over = True
                break
            if frame.time is not None:
                self._time_s = frame.time + frame.samples / frame.sample_rate
            for plain in self._resampler.resample(frame):
                self._sink.mux(self._out.encode(plain))

    def finish(self) -> None:
        """Flush resampler and encoder."""
        for plain in self._resampler.resample(None):
            self._sink.mux(self._out.encode(plain))
        self._sink.mux(self._out.encode(None))

    def close(self) -> None:
        """Release the source."""
        self._source.close()
