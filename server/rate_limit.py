"""A token bucket: so many per second, so many at once. Knows counts and seconds only."""

from __future__ import annotations

from avatar.timing import Clock, monotonic_s


class TokenBucket:
    """Starts full."""

    def __init__(self, rate_per_s: float, capacity: float, clock: Clock = monotonic_s) -> None:
        self._rate_per_s = rate_per_s
        self._capacity = capacity
        self._clock = clock
        self._tokens = capacity
        self._last_s = clock()

    def take(self) -> bool:
        """Take one token; False where there is none."""
        self._refill()
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    @property
    def wait_s(self) -> float:
        """Seconds until there is a token."""
        self._refill()
        return max(0.0, (1.0 - self._tokens) / self._rate_per_s)

    def _refill(self) -> None:
        now_s = self._clock()
        self._tokens = min(self._capacity, self._tokens + (now_s - self._last_s) * self._rate_per_s)
        self._last_s = now_s
