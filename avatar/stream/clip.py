"""Driving clips from files: any container, rate, rotation or sound, as stamped driving frames.

Knows PyAV; does not know what the frames drive. Every frame is upright RGB with square pixels, a
stamp that always rises, and the sound since the frame before it as mono chunks.

Shape legend: H, W pixels; 3 colours; T audio samples.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from avatar.errors import ClipError
from avatar.frames import AudioChunk, ByteArray, DrivingFrame, Stamp
from avatar.timing import Clock, monotonic_s

_log = logging.getLogger(__name__)

CLIP_TIME_BASE = Fraction(1, 90000)
FALLBACK_FPS = 25.0
"""For raw streams that carry neither timestamps nor a rate."""
SOUND_RATE_HZ = 16000
"""Rate of the chunks that drive; the sound written back keeps its own."""
SOUND_LEAD_S = 0.12
"""Sound is handed out this much before its picture: what decides a mouth comes after it."""
MAX_PIXELS = 8192 * 4320
MIN_SIDE_PX = 16
_MAX_GAP_S = 10.0
"""A longer jump between two pictures is a broken timestamp, not a still moment."""
_MAX_DAMAGED = 50
"""Damaged packets in a row after which the rest of a clip is given up."""


@dataclass(frozen=True, slots=True)
class ClipInfo:
    """What is known of a clip before it is read."""

    path: Path
    width: int
    """Upright, after rotation."""
    height: int
    fps: float
    """Nominal; the frames' stamps are the truth."""
    num_frames: int | None
    """As the container says, its duration suggests, or (raw streams) its packets count; None for a
    sound file whose length nobody says."""
    duration_s: float | None
    has_audio: bool


class Clip:
    """One driving clip: `info`, then `frames()` once, or again from the start."""

    def __init__(self, path: Path, *, clock: Clock = monotonic_s) -> None:
        """Open and probe; raises ClipError with the reason."""
        self._path = path
        self._clock = clock
        first = next(self._decode(), None)
        if first is None:
            raise ClipError(f"{path}: holds no moving picture that can be decoded.")
        rgb_HW3, _ = first
        rows, columns = rgb_HW3.shape[:2]
        if min(rows, columns) < MIN_SIDE_PX:
            raise ClipError(f"{path}: the picture is only {columns} x {rows} pixels.")
        self.info = self._probe(columns, rows)

    def frames(self) -> Iterator[DrivingFrame]:
        """Every picture in display order; stamps start where the clip starts and always rise."""
        sound = self._sound()
        waiting = next(sound, None)
        for rgb_HW3, pts in self._decode():
            stamp = Stamp(pts=pts, time_base=CLIP_TIME_BASE, arrival_s=self._clock())
            chunks: list[AudioChunk] = []
            heard_s = stamp.time_s + SOUND_LEAD_S
            while waiting is not None and waiting.stamp.time_s <= heard_s:
                chunks.append(waiting)
                waiting = next(sound, None)
            yield DrivingFrame(stamp=stamp, rgb_HW3=rgb_HW3, audio=tuple(chunks))

    def _sound(self) -> Iterator[AudioChunk]:
        """The first sound track as mono chunks; nothing where there is none."""
        with open_container(self._path) as container:
            if not container.streams.audio:
                return
            stream = container.streams.audio[0]
            resampler = av.AudioResampler(format="flt", layout="mono", rate=SOUND_RATE_HZ)
            for frame in decoded_frames(container, stream, self._path):
                for plain in resampler.resample(frame):
                    if plain.pts is None or plain.samples == 0:
                        continue
                    pts = round(plain.pts * plain.time_base / CLIP_TIME_BASE)
                    yield AudioChunk(
                        stamp=Stamp(pts, CLIP_TIME_BASE, self._clock()),
                        samples_T=plain.to_ndarray().ravel().astype(np.float32),
                        sample_rate_hz=SOUND_RATE_HZ,
                    )

    def _probe(self, columns: int, rows: int) -> ClipInfo:
        with open_container(self._path) as container:
            stream = _video_stream(container, self._path)
            fps = _nominal_fps(stream)
            duration_s = None
            if stream.duration is not None and stream.time_base is not None:
                duration_s = float(stream.duration * stream.time_base)
            elif container.duration is not None:
                duration_s = container.duration / av.time_base
            if duration_s is not None and not 0 < duration_s < 1e6:
                duration_s = None
            num_frames = stream.frames or round((duration_s or 0.0) * fps)
            if num_frames == 0:
                num_frames = sum(1 for _ in container.demux(stream))
            return ClipInfo(
                path=self._path,
                width=columns,
                height=rows,
                fps=fps,
                num_frames=num_frames,
                duration_s=duration_s,
                has_audio=bool(container.streams.audio),
            )

    def _decode(self) -> Iterator[tuple[ByteArray, int]]:
        """Upright pictures with a pts in CLIP_TIME_BASE."""
        with open_container(self._path) as container:
            stream = _video_stream(container, self._path)
            stream.thread_type = "AUTO"
            pixel_shape = float(stream.sample_aspect_ratio or 1)
            times = _Timeline(Fraction(_nominal_fps(stream)).limit_denominator(1001))
            for frame in decoded_frames(container, stream, self._path):
                yield _upright(frame, pixel_shape), times.place(frame.pts, frame.time_base)


class _Timeline:
    """Makes stamps rise by at least a tick, from whatever a container says."""

    def __init__(self, fps: Fraction) -> None:
        self._step = max(1, round(1 / fps / CLIP_TIME_BASE))
        self._last: int | None = None
        self._offset = 0

    def place(self, pts: int | None, time_base: Fraction | None) -> int:
        """Next stamp; missing, repeated and backward ones are set one nominal frame on."""
        expected = 0 if self._last is None else self._last + self._step
        if pts is None or time_base is None or time_base <= 0:
            placed = expected
        else:
            placed = round(pts * time_base / CLIP_TIME_BASE) + self._offset
            longest = round(_MAX_GAP_S / CLIP_TIME_BASE)
            if self._last is not None and not self._last < placed <= self._last + longest:
                self._offset += expected - placed
                placed = expected
        self._last = placed
        return placed


def open_container(path: Path) -> Any:
    """Open a container, or raise ClipError with the reason."""
    if not path.is_file():
        raise ClipError(f"{path}: there is no such file.")
    if path.stat().st_size == 0:
        raise ClipError(f"{path}: the file is empty.")
    try:
        return av.open(str(path), mode="r", metadata_errors="ignore")
    except (av.error.FFmpegError, ValueError) as error:
        raise ClipError(f"{path}: is not a clip that can be read ({_reason(error)}).") from error


def _video_stream(container: Any, path: Path) -> Any:
    if container.format.name == "image2" or container.format.name.endswith("_pipe"):
        raise ClipError(f"{path}: is a still picture, not a clip.")
    for stream in container.streams.video:
        # A cover picture inside a sound file is no clip.
        if not int(stream.disposition) & int(av.stream.Disposition.attached_pic):
            width, height = stream.codec_context.width, stream.codec_context.height
            if width * height > MAX_PIXELS:
                raise ClipError(f"{path}: {width} x {height} pixels are too many. Scale it down.")
            return stream
    if container.streams.audio:
        raise ClipError(f"{path}: holds sound only, no picture.")
    raise ClipError(f"{path}: holds no video.")


def decoded_frames(container: Any, stream: Any, path: Path) -> Iterator[Any]:
    """Frames of a stream; damaged packets are skipped and counted, a hopeless clip ends."""
    num_damaged = in_a_row = 0
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
            frames = [] if packet is None else packet.decode()
        except av.error.FFmpegError as error:
            num_damaged += 1
            in_a_row += 1
            if in_a_row >= _MAX_DAMAGED:
                raise ClipError(f"{path}: is damaged ({_reason(error)}).") from error
            continue
        if packet is None:
            break
        for frame in frames:
            in_a_row = 0
            if not frame.is_corrupt:
                yield frame
            else:
                num_damaged += 1
    if num_damaged:
        _log.info("%s: damaged packets skipped: %d", path, num_damaged)


def _upright(frame: Any, pixel_shape: float) -> ByteArray:
    """RGB with square pixels, turned as the clip's display matrix says."""
    width = round(frame.width * pixel_shape) if 0.1 < pixel_shape < 10 else frame.width
    rgb_HW3 = frame.to_ndarray(format="rgb24", width=width, height=frame.height)
    quarter_turns = round(frame.rotation / 90) % 4
    if quarter_turns:
        rgb_HW3 = np.rot90(rgb_HW3, quarter_turns)
    return np.ascontiguousarray(rgb_HW3)


def _nominal_fps(stream: Any) -> float:
    for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate):
        if rate and 1 <= float(rate) <= 240:
            return float(rate)
    return FALLBACK_FPS


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return str(text).strip().rstrip(".") or type(error).__name__
