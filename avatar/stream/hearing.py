"""Sound that is listened to only while something is moved by it.

Turning sound into a mouth takes a tenth of a picture's time, for nothing while a camera sees the
mouth. What comes meanwhile is kept for as long as a voice outlasts a pause, and heard in one go as
soon as the mouth needs it. Knows stamps and when it was wanted; does not know why, nor mouths.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from avatar.frames import AudioChunk
from avatar.motion.mixer import AudioMotion

BACKLOG_S = 2.0
"""Sound kept unheard: what was said in it still counts as speaking."""
LINGER_S = 2.0
"""Time for which listening goes on when it is wanted no longer: regions ease over to their next
source, and a face that comes and goes must not begin anew each time."""
MAX_CHUNKS = 512
"""Kept at most, whatever their stamps say."""
_CONTINUOUS_S = 0.03
"""Stamps of consecutive chunks may be this far from exact."""


class VoiceSource(Protocol):
    """What turns sound into a mouth."""

    @property
    def lag_s(self) -> float:
        """How much earlier than asked the last motion was."""

    def push(self, chunk: AudioChunk) -> None:
        """Take the next sound."""

    def motion_at(self, time_s: float) -> AudioMotion | None:
        """The voice's motion at a media time; None where there is no voice."""

    def reset(self) -> None:
        """Forget the sound."""


class Hearing:
    """A voice source that rests while nobody wants it."""

    def __init__(self, voice: VoiceSource) -> None:
        self._voice = voice
        self.reset()

    def reset(self) -> None:
        """Forget the sound."""
        self._voice.reset()
        self._unheard: deque[AudioChunk] = deque(maxlen=MAX_CHUNKS)
        self._wanted_s: float | None = None

    @property
    def lag_s(self) -> float:
        """How much earlier than asked the last motion was."""
        return self._voice.lag_s

    def motion_at(
        self, chunks: Iterable[AudioChunk], time_s: float, *, is_wanted: bool
    ) -> AudioMotion | None:
        """Take the sound since the last call; the voice's motion at a media time, None where there
        is no voice or nobody has wanted it for a while."""
        self._unheard.extend(chunks)
        if is_wanted:
            self._wanted_s = time_s
        if self._wanted_s is None or not 0.0 <= time_s - self._wanted_s <= LINGER_S:
            while self._unheard and _end_s(self._unheard[0]) < time_s - BACKLOG_S:
                self._unheard.popleft()
            return None
        for chunk in joined(self._unheard):
            self._voice.push(chunk)
        self._unheard.clear()
        return self._voice.motion_at(time_s)


def joined(chunks: Iterable[AudioChunk]) -> list[AudioChunk]:
    """Chunks of which each follows the one before as one: a second in one piece is heard several
    times as quickly as in fifty."""
    runs: list[list[AudioChunk]] = []
    for chunk in chunks:
        if runs and _follows(chunk, runs[-1][-1]):
            runs[-1].append(chunk)
        else:
            runs.append([chunk])
    return [_one(run) for run in runs]


def _one(run: Sequence[AudioChunk]) -> AudioChunk:
    if len(run) == 1:
        return run[0]
    return replace(run[0], samples_T=np.concatenate([np.ravel(each.samples_T) for each in run]))


def _follows(chunk: AudioChunk, before: AudioChunk) -> bool:
    is_next = abs(chunk.stamp.time_s - _end_s(before)) <= _CONTINUOUS_S
    return is_next and chunk.sample_rate_hz == before.sample_rate_hz


def _end_s(chunk: AudioChunk) -> float:
    return chunk.stamp.time_s + np.size(chunk.samples_T) / chunk.sample_rate_hz
