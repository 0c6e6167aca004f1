"""How much work a live stream can afford: denoise steps first, then how often, then the warp alone.

Knows levels of effort and the measured time of pushes; does not know what a push does. A stream
that can do without the model begins so, and goes up as soon as there is seen to be room: while a
session starts, everything else does too. One that cannot keep up with the camera goes down a level
after a second or so; it tries the level above again when the time it would need has been there for
a while, each time more reluctantly, so that it does not swing between two looks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

OBSERVED_S = 2.56
"""Stretch of driving over which the median of pushes is taken: a page that loads or a face that is
searched for passes sooner."""
TOO_MUCH = 0.95
"""Share of the time between two frames from which on a level is too much."""
ROOM = 0.85
"""Share that the level above may need at most before it is tried again: as if the model's work
came on top, though live it is done beside the stream."""
PATIENCE_S, MAX_PATIENCE_S = 10.0, 320.0
"""Before a level that was left is tried for the first time, and at most, in time of the driving. A
level never tried needs the observed stretch only."""


@dataclass(frozen=True, slots=True)
class Level:
    """One way to spend less than the level before."""

    num_denoise_steps: int
    """0: the model rests and the warp draws alone."""
    correct_every: int
    """1: the model corrects every chunk; 2: every other one, and those between show its latest
    correction as far as it still fits."""
    model_frame_s: float
    """What the model takes per drawn frame, as measured at the start; 0 where it was not."""

    def __str__(self) -> str:
        if self.num_denoise_steps == 0:
            return "the warp alone"
        steps = f"{self.num_denoise_steps} denoise step{'s' * (self.num_denoise_steps > 1)}"
        if self.correct_every == 1:
            return steps
        return f"{steps}, every {self.correct_every}nd chunk"


class Effort:
    """Chooses among levels, the most wanted first, by what pushes take."""

    def __init__(self, levels: Sequence[Level], *, period_s: float, chunk_frames: int) -> None:
        assert levels
        self._levels = tuple(levels)
        self._period_s = period_s
        self._chunk_frames = chunk_frames
        chunk_s = chunk_frames * period_s
        # An even number: where every other chunk is cheap, their median lies between the two.
        self.num_observed = 2 * max(1, round(0.5 * OBSERVED_S / chunk_s))
        """Chunks over which the median is taken."""
        self._first_patience = round(PATIENCE_S / chunk_s)
        self._max_patience = round(MAX_PATIENCE_S / chunk_s)
        is_optional = self._levels[-1].num_denoise_steps == 0
        self._index = len(self._levels) - 1 if is_optional else 0
        self._patience = self.num_observed if is_optional else self._first_patience
        self._was_tried = False
        """This level was gone up to, not down."""
        self.changed_at_s = 0.0
        """The median that led to the latest change."""
        self._begin()

    def _begin(self) -> None:
        self._recent: deque[float] = deque(maxlen=self.num_observed)
        self._num_seen = 0
        self._num_in_chunk = 0
        self._chunk_s = 0.0

    @property
    def level(self) -> Level:
        """The level in use."""
        return self._levels[self._index]

    @property
    def frame_s(self) -> float | None:
        """Median seconds per drawn frame at this level; None before enough were seen."""
        return median(self._recent) if len(self._recent) == self.num_observed else None

    def spent(self, duration_s: float) -> Level | None:
        """Note what a drawn frame took; returns the new level where it changes."""
        self._chunk_s += duration_s
        self._num_in_chunk += 1
        if self._num_in_chunk < self._chunk_frames:
            return None
        self._recent.append(self._chunk_s / self._num_in_chunk)
        self._chunk_s, self._num_in_chunk = 0.0, 0
        self._num_seen += 1
        frame_s = self.frame_s
        if frame_s is None:
            return None
        changed = self._lowered(frame_s) or self._raised(frame_s)
        if changed is not None:
            self.changed_at_s = frame_s
        return changed

    def _lowered(self, frame_s: float) -> Level | None:
        is_fitting = frame_s <= TOO_MUCH * self._period_s
        if is_fitting or self._index + 1 == len(self._levels):
            return None
        if self._was_tried:  # a level that did not last was tried too early
            self._patience = min(self._max_patience, 2 * self._patience)
        self._patience = max(self._first_patience, self._patience)
        return self._go_to(self._index + 1, was_tried=False)

    def _raised(self, frame_s: float) -> Level | None:
        if self._index == 0 or self._num_seen < self._patience:
            return None
        above = self._levels[self._index - 1]
        expected_s = frame_s + max(0.0, above.model_frame_s - self.level.model_frame_s)
        if expected_s > ROOM * self._period_s:
            return None
        return self._go_to(self._index - 1, was_tried=True)

    def _go_to(self, index: int, *, was_tried: bool) -> Level:
        self._index, self._was_tried = index, was_tried
        self._begin()
        return self.level
