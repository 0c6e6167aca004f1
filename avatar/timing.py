"""Clocks and stage timers: where wall time enters, and how latencies are summed up.

Knows seconds only; does not know what the stages do.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

Clock = Callable[[], float]
"""Returns monotonic seconds; tests pass a fake."""

monotonic_s: Clock = time.monotonic


@dataclass(frozen=True, slots=True)
class LatencySummary:
    """Percentiles of a set of durations in seconds."""

    count: int
    mean_s: float
    p50_s: float
    p95_s: float
    p99_s: float

    @classmethod
    def of(cls, durations_s: Iterable[float]) -> LatencySummary:
        """Summarise durations; all zeros where there are none."""
        ordered_s = sorted(durations_s)
        if not ordered_s:
            return cls(0, 0.0, 0.0, 0.0, 0.0)
        p50_s, p95_s, p99_s = (quantile(ordered_s, share) for share in (0.5, 0.95, 0.99))
        return cls(len(ordered_s), sum(ordered_s) / len(ordered_s), p50_s, p95_s, p99_s)


def quantile(ordered: Sequence[float], share: float) -> float:
    """Linear between the two nearest ranks of ascending values, as numpy does; for a hundred values
    in a tenth of its time. At least one value; `share` from 0 to 1."""
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


class StageTimers:
    """Seconds spent per named stage: the last frame's, and a bounded history for percentiles.

    Several threads may measure, each its own stages.
    """

    def __init__(self, *, history: int = 512, clock: Clock = monotonic_s) -> None:
        self._clock = clock
        self._history = history
        self._stages: dict[str, deque[float]] = {}
        self._last: dict[str, float] = {}

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Time a block; the stage counts even when the block raises."""
        start_s = self._clock()
        try:
            yield
        finally:
            self.add(stage, self._clock() - start_s)

    def add(self, stage: str, duration_s: float) -> None:
        """Record a duration measured elsewhere."""
        self._last[stage] = duration_s
        self._stages.setdefault(stage, deque(maxlen=self._history)).append(duration_s)

    def last(self) -> dict[str, float]:
        """Latest seconds of every stage."""
        return dict(self._last)

    def summary(self) -> dict[str, LatencySummary]:
        """Percentiles over the history of every stage."""
        return {stage: LatencySummary.of(values) for stage, values in list(self._stages.items())}
