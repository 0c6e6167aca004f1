"""What an application wants said: bytes become samples, samples wait their turn.

Knows sound formats and utterances; does not know sockets, sessions or time. All sound in here is
48 kHz mono, as the voice that leaves. Bounded: what does not fit is refused and counted.

Shape legend: T samples.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any, Literal

import av
import numpy as np

from avatar.frames import FloatArray
from server.sync import FRAME_SAMPLES, RATE_HZ

MAX_QUEUED_S = 120.0
"""Sound that may wait: a long answer, synthesised faster than it is said."""
SpeechFormat = Literal["pcm_s16le", "pcm_f32le", "opus"]
LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 8_000, 48_000
MAX_CHANNELS = 8


class SpeechError(ValueError):
    """Sound that cannot be used; `code` is a stable word."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class SpeechDecoder:
    """One utterance's bytes to samples; packets may be cut anywhere for PCM, nowhere for Opus."""

    def __init__(self, format: SpeechFormat, rate_hz: int, num_channels: int) -> None:
        """Raises SpeechError for a rate or a number of channels out of bounds."""
        if not LOWEST_RATE_HZ <= rate_hz <= HIGHEST_RATE_HZ:
            raise SpeechError(
                "bad_value",
                f"rate_hz must be {LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ}, not {rate_hz}.",
            )
        if not 1 <= num_channels <= MAX_CHANNELS:
            raise SpeechError("bad_value", f"channels must be 1 to {MAX_CHANNELS}.")
        self._format = format
        self._rate_hz = rate_hz
        self._num_channels = num_channels
        self._rest = b""
        self._resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE_HZ)
        self._codec: Any = None
        if format == "opus":
            self._codec = av.CodecContext.create("opus", "r")
            self._codec.sample_rate = RATE_HZ
            self._codec.layout = "mono" if num_channels == 1 else "stereo"

    def decode(self, data: bytes) -> FloatArray:
        """Samples at 48 kHz; raises SpeechError for an Opus packet that is none."""
        if self._codec is not None:
            return self._decode_opus(data)
        width = (2 if self._format == "pcm_s16le" else 4) * self._num_channels
        data = self._rest + data
        whole = len(data) // width * width
        self._rest = data[whole:]
        if whole == 0:
            return np.zeros(0, np.float32)
        if self._format == "pcm_s16le":
            samples = np.frombuffer(data[:whole], "<i2").astype(np.float32) / 32768.0
        else:
            samples = np.frombuffer(data[:whole], "<f4")
            samples = np.clip(np.nan_to_num(samples, posinf=0.0, neginf=0.0), -1.0, 1.0)
        mono_T = samples.reshape(-1, self._num_channels).mean(axis=1).astype(np.float32)
        if self._rate_hz == RATE_HZ:
            return mono_T
        frame = av.AudioFrame.from_ndarray(mono_T[np.newaxis], format="flt", layout="mono")
        frame.sample_rate = self._rate_hz
        return _joined(self._resampler.resample(frame))

    def flush(self) -> FloatArray:
        """The last samples, once no more bytes come."""
        if self._codec is not None or self._rate_hz == RATE_HZ:
            return np.zeros(0, np.float32)
        return _joined(self._resampler.resample(None))

    def _decode_opus(self, data: bytes) -> FloatArray:
        try:
            frames = self._codec.decode(av.Packet(data))
            return _joined([part for frame in frames for part in self._resampler.resample(frame)])
        except (av.FFmpegError, ValueError) as error:
            raise SpeechError("bad_sound", "That is not an Opus packet.") from error


def _joined(frames: list[Any]) -> FloatArray:
    parts = [frame.to_ndarray().ravel().astype(np.float32) for frame in frames]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


@dataclass(frozen=True, slots=True)
class Turn:
    """An utterance begins, or is over."""

    utterance: int
    is_begin: bool


@dataclass(slots=True)
class _Utterance:
    number: int
    pieces: deque[FloatArray]
    is_complete: bool = False
    has_begun: bool = False


class SpeechQueue:
    """Utterances in the order they came; 20 ms are taken at a time."""

    def __init__(self, *, max_queued_s: float = MAX_QUEUED_S) -> None:
        self._limit = round(max_queued_s * RATE_HZ)
        self._utterances: deque[_Utterance] = deque()
        self._num_queued = 0
        self._last_number = 0
        self.num_refused = 0
        """Samples that did not fit."""

    @property
    def queued_s(self) -> float:
        """Sound that waits, in seconds."""
        return self._num_queued / RATE_HZ

    @property
    def is_empty(self) -> bool:
        """Nothing waits and no utterance is open."""
        return not self._utterances

    def begin(self) -> int:
        """Open an utterance; what is pushed belongs to it. An open one is completed."""
        self.complete()
        self._last_number += 1
        self._utterances.append(_Utterance(self._last_number, deque()))
        return self._last_number

    def push(self, samples_T: FloatArray) -> bool:
        """Append to the open utterance; False where (part of) it did not fit."""
        assert self._utterances, "begin() comes first"
        room = self._limit - self._num_queued
        self.num_refused += max(0, len(samples_T) - room)
        taken_T = samples_T[: max(0, room)]
        if len(taken_T):
            self._utterances[-1].pieces.append(taken_T)
            self._num_queued += len(taken_T)
        return len(taken_T) == len(samples_T)

    def complete(self) -> None:
        """No more sound comes for the open utterance."""
        if self._utterances:
            self._utterances[-1].is_complete = True

    def clear(self) -> list[int]:
        """Forget everything that waits; the numbers of the utterances that were cut short."""
        numbers = [utterance.number for utterance in self._utterances]
        self._utterances.clear()
        self._num_queued = 0
        return numbers

    def pull(self) -> tuple[FloatArray, list[Turn]]:
        """The next 20 ms (padded with silence), and which utterances begin and end in them."""
        frame_T = np.zeros(FRAME_SAMPLES, np.float32)
        filled = 0
        turns: list[Turn] = []
        while self._utterances and filled < FRAME_SAMPLES:
            utterance = self._utterances[0]
            while utterance.pieces and filled < FRAME_SAMPLES:
                if not utterance.has_begun:
                    utterance.has_begun = True
                    turns.append(Turn(utterance.number, is_begin=True))
                piece_T = utterance.pieces.popleft()
                count = min(len(piece_T), FRAME_SAMPLES - filled)
                frame_T[filled : filled + count] = piece_T[:count]
                filled += count
                self._num_queued -= count
                if count < len(piece_T):
                    utterance.pieces.appendleft(piece_T[count:])
            if utterance.pieces or not utterance.is_complete:
                break
            turns.append(Turn(utterance.number, is_begin=False))
            self._utterances.popleft()
        return frame_T, turns
