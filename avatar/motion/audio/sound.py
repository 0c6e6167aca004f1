"""A sound file of any kind becomes mono samples.

Knows files and codecs (whatever ffmpeg reads, through PyAV), channels and sample formats; does not
know speech. Video files give their first sound track.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from avatar.errors import AudioError
from avatar.frames import FloatArray
from avatar.motion.audio.resample import HIGHEST_RATE_HZ, LOWEST_RATE_HZ, clean_samples

MAX_DURATION_S = 4 * 3600.0
_MIN_SAMPLES = 16


@dataclass(frozen=True, slots=True)
class Sound:
    """Mono sound of a whole file."""

    samples_T: FloatArray
    """In [-1, 1]."""
    sample_rate_hz: int
    start_s: float
    """Time of the first sample on the file's clock: where a picture track began earlier, > 0."""

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.samples_T) / self.sample_rate_hz


def read_sound(path: Path) -> Sound:
    """Read the first sound track, mixed to mono at its own rate.

    Raises AudioError where the file is missing, silent of tracks, damaged, or longer than 4 hours.
    """
    if not path.is_file():
        raise AudioError(f"{path}: no such file.")
    pieces: list[FloatArray] = []
    num_samples = 0
    start_s = 0.0
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise AudioError(f"{path.name}: has no sound track.")
            stream = container.streams.audio[0]
            rate_hz = int(stream.codec_context.sample_rate or 0)
            if not LOWEST_RATE_HZ <= rate_hz <= HIGHEST_RATE_HZ:
                raise AudioError(f"{path.name}: a sample rate of {rate_hz} Hz cannot be used.")
            # Packed samples: PyAV 18.1 crashes on planar frames of eight channels.
            to_float = av.AudioResampler(format="flt", rate=rate_hz)
            for frame in container.decode(stream):
                if not pieces and frame.pts is not None:
                    start_s = max(0.0, float(frame.pts * (frame.time_base or 0)))
                for part in to_float.resample(frame):
                    samples_TC = part.to_ndarray().reshape(part.samples, -1)
                    pieces.append(samples_TC.mean(axis=1, dtype=np.float32))
                    num_samples += len(pieces[-1])
                if num_samples > MAX_DURATION_S * rate_hz:
                    raise AudioError(f"{path.name}: longer than four hours; cut it first.")
    except (av.FFmpegError, ValueError) as error:
        if num_samples < _MIN_SAMPLES:
            reason = error.strerror if isinstance(error, av.FFmpegError) else str(error)
            raise AudioError(f"{path.name}: cannot be read as sound ({reason}).") from error
        # A file that breaks off is used as far as it goes, as players do.
    if num_samples < _MIN_SAMPLES:
        raise AudioError(f"{path.name}: holds no sound.")
    return Sound(clean_samples(np.concatenate(pieces)), rate_hz, start_s)
