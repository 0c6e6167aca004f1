"""Clocks of streams: RTP timestamps as endless counts, and as times of the sender.

`SenderClock` reads sender reports: RTP timestamps to the sender's own clock, which its picture and
its voice share. `WindowMinimum` finds the path without queueing. Pure: the caller brings the time.
Does not know codecs, tracks, nor who waits for whom (`server.lip_sync`).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import ClassVar

RATE_HZ = 48_000
FRAME_SAMPLES = 960
"""20 ms of voice."""
_RTP_FULL = 1 << 32
_NTP_SECOND = 1 << 32


class TimestampUnwrapper:
    """32-bit RTP timestamps to an endless count."""

    def __init__(self) -> None:
        self._last: int | None = None

    def unwrap(self, timestamp: int) -> int:
        """The count nearest to the last one."""
        if self._last is None:
            self._last = timestamp
            return timestamp
        delta = (timestamp - self._last) % _RTP_FULL
        if delta >= _RTP_FULL // 2:
            delta -= _RTP_FULL
        value = self._last + delta
        self._last = max(self._last, value)
        return value


@dataclass(slots=True)
class SenderClock:
    """Where one stream's timestamps lie on the sender's clock (RFC 3550, sender reports)."""

    _report: tuple[float, int] | None = None

    def update(self, ntp_timestamp: int, rtp_timestamp: int) -> None:
        """Take in a sender report: 64-bit NTP time, 32-bit RTP timestamp."""
        if ntp_timestamp:
            self._report = (ntp_timestamp / _NTP_SECOND, rtp_timestamp)

    def time_s(self, rtp_timestamp: int, rate_hz: int) -> float | None:
        """Seconds on the sender's clock; None before the first report."""
        if self._report is None:
            return None
        ntp_s, reported = self._report
        delta = (rtp_timestamp - reported) % _RTP_FULL
        if delta >= _RTP_FULL // 2:
            delta -= _RTP_FULL
        return ntp_s + delta / rate_hz


@dataclass(slots=True)
class WindowMinimum:
    """Smallest value of the last seconds: the path without queueing.

    A path that has become longer for good is believed after `SETTLE_S`, not when the window has
    passed: a microphone that lost time (its timestamps count samples) never comes back.
    """

    SETTLE_S: ClassVar[float] = 0.25
    STEP_S: ClassVar[float] = 0.03
    """By how much everything of the last `SETTLE_S` has to be above what came before it."""

    window_s: float = 10.0
    _values: deque[tuple[float, float]] = field(default_factory=deque)
    _recent: deque[tuple[float, float]] = field(default_factory=deque)

    def add(self, value: float, now_s: float) -> float:
        """Take in a value; return the minimum over the window."""
        self._recent.append((now_s, value))
        while self._recent[0][0] < now_s - self.SETTLE_S:
            self._recent.popleft()
        self._take(value, now_s)
        is_settled = now_s - self._recent[0][0] > 0.9 * self.SETTLE_S
        if is_settled and min(v for _, v in self._recent) > self._values[0][1] + self.STEP_S:
            self._values.clear()
            for recent_s, recent in self._recent:
                self._take(recent, recent_s)
        return self._values[0][1]

    def _take(self, value: float, now_s: float) -> None:
        while self._values and self._values[-1][1] >= value:
            self._values.pop()
        self._values.append((now_s, value))
        while self._values[0][0] < now_s - self.window_s:
            self._values.popleft()
