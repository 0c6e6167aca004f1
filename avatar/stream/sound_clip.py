"""A sound file as a driving clip without pictures: the talking head offline.

Knows PyAV and time; does not know what the sound drives. Frames come at a steady rate, each with
the sound up to a little after its moment, because what decides a mouth comes after it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np

from avatar.errors import ClipError
from avatar.frames import AudioChunk, DrivingFrame, FloatArray, Stamp
from avatar.stream.clip import (
    CLIP_TIME_BASE,
    SOUND_LEAD_S,
    SOUND_RATE_HZ,
    ClipInfo,
    decoded_frames,
    open_container,
)
from avatar.timing import Clock, monotonic_s

FPS = 25.0
_TAIL_S = 0.4
"""The picture goes on for this long after the last sound: the mouth closes."""


def is_sound_only(path: Path) -> bool:
    """Whether a file holds sound but no moving picture (a cover is none).

    Raises ClipError where it cannot be opened.
    """
    with open_container(path) as container:
        moving = [stream for stream in container.streams.video if not _is_cover(stream)]
        return bool(container.streams.audio) and not moving


def _is_cover(stream: Any) -> bool:
    return bool(int(stream.disposition) & int(av.stream.Disposition.attached_pic))


class SoundClip:
    """One sound file: `info`, then `frames()` once, or again from the start."""

    def __init__(self, path: Path, *, fps: float = FPS, clock: Clock = monotonic_s) -> None:
        """Open and probe; raises ClipError with the reason."""
        self._path = path
        self._clock = clock
        if next(self._sound(), None) is None:
            raise ClipError(f"{path}: holds no sound that can be decoded.")
        with open_container(path) as container:
            duration_s = container.duration / av.time_base if container.duration else None
        self.info = ClipInfo(
            path=path,
            width=0,
            height=0,
            fps=fps,
            num_frames=round((duration_s + _TAIL_S) * fps) if duration_s else None,
            duration_s=duration_s,
            has_audio=True,
        )

    def frames(self) -> Iterator[DrivingFrame]:
        """A frame without a picture every 1 / fps seconds, until the last mouth has closed."""
        sound = self._sound()
        heard_until_s = 0.0
        has_ended = False
        index = 0
        while True:
            time_s = index / self.info.fps
            chunks: list[AudioChunk] = []
            while not has_ended and heard_until_s < time_s + SOUND_LEAD_S:
                samples_T = next(sound, None)
                if samples_T is None:
                    has_ended = True
                    tail_T = np.zeros(round((_TAIL_S + SOUND_LEAD_S) * SOUND_RATE_HZ), np.float32)
                    chunks.append(self._chunk(tail_T, heard_until_s))
                else:
                    chunks.append(self._chunk(samples_T, heard_until_s))
                    heard_until_s += len(samples_T) / SOUND_RATE_HZ
            if has_ended and time_s > heard_until_s + _TAIL_S:
                return
            yield DrivingFrame(stamp=self._stamp(time_s), audio=tuple(chunks))
            index += 1

    def _chunk(self, samples_T: FloatArray, start_s: float) -> AudioChunk:
        return AudioChunk(self._stamp(start_s), samples_T, SOUND_RATE_HZ)

    def _stamp(self, time_s: float) -> Stamp:
        return Stamp(round(time_s / CLIP_TIME_BASE), CLIP_TIME_BASE, self._clock())

    def _sound(self) -> Iterator[FloatArray]:
        """Mono pieces, one after the other; gaps in the file's stamps are not kept."""
        with open_container(self._path) as container:
            if not container.streams.audio:
                raise ClipError(f"{self._path}: holds no sound.")
            stream = container.streams.audio[0]
            # Packed samples: PyAV 18.1 crashes on planar frames of eight channels.
            resampler = av.AudioResampler(format="flt", rate=SOUND_RATE_HZ)
            for frame in decoded_frames(container, stream, self._path):
                for plain in resampler.resample(frame):
                    samples_TC = plain.to_ndarray().reshape(plain.samples, -1)
                    if plain.samples:
                        yield np.nan_to_num(samples_TC.mean(axis=1, dtype=np.float32))
