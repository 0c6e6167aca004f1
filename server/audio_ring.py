"""Sound across processes: consecutive mono samples in shared memory, bounded, overruns counted.

One writer (media process), one reader (engine). Knows sample indices and the stamp of the newest
sample; does not know what is said. The reader takes everything since its last read; where it was
too slow, the oldest samples are lost and counted.

Memory: WORDS 64-bit words [guard, samples written], two float64 [pts in seconds, arrival] of the
end of the newest sample, then the samples as float32.
"""

from __future__ import annotations

from dataclasses import dataclass
from multiprocessing.shared_memory import SharedMemory

import numpy as np
from numpy.typing import NDArray

from avatar.frames import FloatArray

WORDS = 2
TIMES = 2
_HEADER_BYTES = (WORDS + TIMES) * 8


@dataclass(frozen=True, slots=True)
class AudioRingLayout:
    """What both sides must agree on; picklable."""

    name: str
    num_samples: int
    sample_rate_hz: int


@dataclass(frozen=True, slots=True)
class RingAudio:
    """Samples since the last read, and when the first of them was said and arrived."""

    samples_T: FloatArray
    pts_s: float
    arrival_s: float
    num_lost: int


class AudioRing:
    """Either end of a ring of samples."""

    def __init__(self, memory: SharedMemory, layout: AudioRingLayout, *, is_owner: bool) -> None:
        self.layout = layout
        self._memory = memory
        self._is_owner = is_owner
        self._words: NDArray[np.uint64] = np.ndarray(WORDS, dtype=np.uint64, buffer=memory.buf)
        self._times: NDArray[np.float64] = np.ndarray(
            TIMES, dtype=np.float64, buffer=memory.buf, offset=WORDS * 8
        )
        self._samples_T: FloatArray = np.ndarray(
            layout.num_samples, dtype=np.float32, buffer=memory.buf, offset=_HEADER_BYTES
        )
        self._read = int(self._words[1])

    @classmethod
    def create(cls, *, duration_s: float, sample_rate_hz: int) -> AudioRing:
        """Allocate a ring; the creator must `close` it."""
        num_samples = round(duration_s * sample_rate_hz)
        memory = SharedMemory(create=True, size=_HEADER_BYTES + 4 * num_samples)
        return cls(memory, AudioRingLayout(memory.name, num_samples, sample_rate_hz), is_owner=True)

    @classmethod
    def attach(cls, layout: AudioRingLayout) -> AudioRing:
        """Open a ring that another process created; reading starts with the next sample."""
        return cls(SharedMemory(name=layout.name), layout, is_owner=False)

    def write(self, samples_T: FloatArray, *, end_pts_s: float, end_arrival_s: float) -> None:
        """Append samples. Never waits."""
        count, capacity = len(samples_T), self.layout.num_samples
        assert count <= capacity // 2
        written = int(self._words[1])
        self._words[0] += 1  # odd: being written
        at = written % capacity
        head = min(count, capacity - at)
        self._samples_T[at : at + head] = samples_T[:head]
        self._samples_T[: count - head] = samples_T[head:]
        self._times[0], self._times[1] = end_pts_s, end_arrival_s
        self._words[1] = written + count
        self._words[0] += 1

    def read(self) -> RingAudio | None:
        """Everything since the last read, or None."""
        capacity, rate_hz = self.layout.num_samples, self.layout.sample_rate_hz
        for _ in range(8):
            guard = int(self._words[0])
            if guard % 2:
                continue
            written = int(self._words[1])
            if written <= self._read:
                return None
            # Half the ring is kept clear of the writer.
            start = max(self._read, written - capacity // 2)
            index = np.arange(start, written) % capacity
            samples_T = self._samples_T[index]
            end_pts_s, end_arrival_s = float(self._times[0]), float(self._times[1])
            if int(self._words[0]) != guard:
                continue
            num_lost, self._read = start - self._read, written
            duration_s = len(samples_T) / rate_hz
            return RingAudio(
                samples_T, end_pts_s - duration_s, end_arrival_s - duration_s, num_lost
            )
        return None

    def skip_unread(self) -> None:
        """Forget everything written so far."""
        self._read = int(self._words[1])

    def erase(self) -> None:
        """Overwrite the samples with zeros: nothing that was said stays behind a session."""
        self._samples_T[:] = 0.0

    def close(self) -> None:
        """Let go of the memory; the owner's close frees it for good."""
        del self._words, self._times, self._samples_T
        self._memory.close()
        if self._is_owner:
            self._memory.unlink()
