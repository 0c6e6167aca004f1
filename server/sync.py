"""One time for picture and voice: the voice is held back by as long as the picture takes.

`SenderClock` reads sender reports: RTP timestamps to the sender's own clock, which its picture and
its voice share. `VoiceDelay` decides by how much the voice is late on purpose. `DelayLine` holds
the samples and gives 20 ms whenever asked, come what may: silence where nothing is there, a
slightly faster or slower passage to follow the delay (bounded slew), a crossfaded jump where the
delay moved too far. Pure: the caller brings the time. Does not know codecs, tracks or pictures.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from avatar.frames import FloatArray

RATE_HZ = 48_000
FRAME_SAMPLES = 960
"""20 ms."""
MAX_DELAY_S = 1.0
MAX_SKEW_S = 0.25
"""A larger difference between the uplinks of picture and voice is a clock that lies."""
_WINDOW_S = 2.0
_MIN_DELAY_S = 0.01
_RTP_FULL = 1 << 32
_NTP_SECOND = 1 << 32
BROWSER_LEAD_S = 0.035
"""Browsers hold voice in their jitter buffer for about this much longer than pictures (Chromium:
50 to 60 ms against 5 to 15 with `jitterBufferTarget = 0`), so it leaves that much earlier."""


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
    """Smallest value of the last seconds: the path without queueing."""

    window_s: float = 10.0
    _values: deque[tuple[float, float]] = field(default_factory=deque)

    def add(self, value: float, now_s: float) -> float:
        """Take in a value; return the minimum over the window."""
        while self._values and self._values[-1][1] >= value:
            self._values.pop()
        self._values.append((now_s, value))
        while self._values[0][0] < now_s - self.window_s:
            self._values.popleft()
        return self._values[0][1]


class VoiceDelay:
    """By how much the voice is to leave later than it came."""

    def __init__(self) -> None:
        self._pipeline: deque[tuple[float, float]] = deque()
        self._uplink = {"video": WindowMinimum(), "audio": WindowMinimum()}
        self._uplink_s: dict[str, float] = {}
        self.delay_s = _MIN_DELAY_S

    def on_arrival(self, kind: str, sender_s: float | None, arrival_s: float, now_s: float) -> None:
        """A picture or a piece of voice came; `sender_s`: its time on the sender's clock."""
        if sender_s is not None:
            self._uplink_s[kind] = self._uplink[kind].add(arrival_s - sender_s, now_s)

    def on_picture_sent(
        self, arrival_s: float, now_s: float, *, voice_lag_s: float | None = None
    ) -> None:
        """The picture that came at `arrival_s` leaves now.

        `voice_lag_s`: its mouth follows the voice, and shows what was said that much earlier. Then
        the camera's way to us does not matter.
        """
        extra_s = self.skew_s if voice_lag_s is None else voice_lag_s
        self._pipeline.append((now_s, now_s - arrival_s + extra_s))
        while self._pipeline[0][0] < now_s - _WINDOW_S:
            self._pipeline.popleft()
        durations_s = [duration_s for _, duration_s in self._pipeline]
        wanted_s = float(np.median(durations_s)) - BROWSER_LEAD_S
        self.delay_s = min(MAX_DELAY_S, max(_MIN_DELAY_S, wanted_s))

    @property
    def skew_s(self) -> float:
        """By how much the picture's way to us is longer than the voice's."""
        if len(self._uplink_s) < 2:
            return 0.0
        skew_s = self._uplink_s["video"] - self._uplink_s["audio"]
        return skew_s if abs(skew_s) <= MAX_SKEW_S else 0.0


@dataclass(slots=True)
class DelayLineCounters:
    """What was done to the voice."""

    silent_frames: int = 0
    jumps: int = 0
    slewed_frames: int = 0
    concealed_samples: int = 0
    discarded_samples: int = 0


class DelayLine:
    """Mono samples on their way back, addressed by unwrapped RTP timestamp."""

    DEADBAND_S = 0.008
    JUMP_S = 0.12
    SLEW = 0.02
    """A passage is played at most this much faster or slower."""
    FADE_SAMPLES = 240
    CAPACITY_S = 2.0
    MAX_GAP_S = 0.3
    PACKET_S = 0.02
    MAX_FLOOR_S = 0.2

    def __init__(self) -> None:
        self.counters = DelayLineCounters()
        self._samples_T: FloatArray = np.zeros(0, dtype=np.float32)
        self._start = 0
        """Timestamp of the first sample held."""
        self._position: float | None = None
        """Timestamp that is played next."""
        self._offset = WindowMinimum()
        self._offset_s: float | None = None
        self._lateness = WindowMinimum(5.0)
        self._is_silent = True
        self.floor_s = self.PACKET_S
        """Less delay than this would leave holes: a packet's length and the arrivals' jitter."""

    def push(self, samples_T: FloatArray, timestamp: int, arrival_s: float) -> None:
        """Append samples that came at `arrival_s`; a gap is filled with silence."""
        end = self._start + len(self._samples_T)
        if self._offset_s is None or not -len(self._samples_T) <= timestamp - end <= round(
            self.MAX_GAP_S * RATE_HZ
        ):
            self._restart(timestamp)
            end = timestamp
        if timestamp > end:
            gap = timestamp - end
            self.counters.concealed_samples += gap
            self._samples_T = np.concatenate([self._samples_T, np.zeros(gap, dtype=np.float32)])
        elif timestamp < end:
            samples_T = samples_T[end - timestamp :]  # a repeated packet
        self._samples_T = np.concatenate([self._samples_T, samples_T])
        last_said = timestamp + len(samples_T)
        path_s = arrival_s - last_said / RATE_HZ
        self._offset_s = self._offset.add(path_s, arrival_s)
        jitter_s = -self._lateness.add(self._offset_s - path_s, arrival_s)
        self.floor_s = min(self.MAX_FLOOR_S, self.PACKET_S + jitter_s + 0.005)
        surplus = len(self._samples_T) - round(self.CAPACITY_S * RATE_HZ)
        if surplus > 0:
            self._drop_front(surplus)
            self.counters.discarded_samples += surplus

    def pull(self, delay_s: float, now_s: float) -> FloatArray:
        """The next FRAME_SAMPLES samples, of what arrived `delay_s` before `now_s`."""
        if self._offset_s is None:
            return self._silence()
        delay_s = max(delay_s, self.floor_s)
        wanted = (now_s - delay_s - self._offset_s) * RATE_HZ - FRAME_SAMPLES
        if self._position is None or self._is_silent:
            self._position = wanted
        error_s = (self._position - wanted) / RATE_HZ
        if abs(error_s) > self.JUMP_S:
            before_T = self._read(self._position, 1.0)
            self._position = wanted
            frame_T = self._take(1.0)
            self.counters.jumps += 1
            return self._crossfade(before_T, frame_T)
        if abs(error_s) > self.DEADBAND_S:
            self.counters.slewed_frames += 1
            return self._take(1.0 - self.SLEW if error_s > 0 else 1.0 + self.SLEW)
        return self._take(1.0)

    def hush(self) -> None:
        """Let nothing of what is held be heard any more: fade out and go on in silence."""
        if self._position is None:
            return
        at = max(0, int(self._position) - self._start)
        tail_T = self._samples_T[at:].copy()
        fade_T = np.zeros(len(tail_T), dtype=np.float32)
        count = min(len(tail_T), self.FADE_SAMPLES)
        fade_T[:count] = np.linspace(1, 0, self.FADE_SAMPLES)[:count]
        self._samples_T = np.concatenate([self._samples_T[:at], tail_T * fade_T])

    def _take(self, speed: float) -> FloatArray:
        assert self._position is not None
        frame_T = self._read(self._position, speed)
        available = self._start + len(self._samples_T)
        if self._position >= available or self._position + FRAME_SAMPLES <= self._start:
            self.counters.silent_frames += 1
            self._is_silent = True
        else:
            if self._is_silent:
                frame_T[: self.FADE_SAMPLES] *= np.linspace(0, 1, self.FADE_SAMPLES)
            self._is_silent = False
        self._position += FRAME_SAMPLES * speed
        keep_from = int(self._position) - FRAME_SAMPLES
        self._drop_front(min(len(self._samples_T), max(0, keep_from - self._start)))
        return frame_T

    def _read(self, position: float, speed: float) -> FloatArray:
        """Samples from a fractional position, zeros where none are held."""
        index_T = position - self._start + speed * np.arange(FRAME_SAMPLES)
        if not len(self._samples_T):
            return np.zeros(FRAME_SAMPLES, dtype=np.float32)
        known_T = np.arange(len(self._samples_T))
        return np.interp(index_T, known_T, self._samples_T, left=0.0, right=0.0).astype(np.float32)

    def _crossfade(self, before_T: FloatArray, after_T: FloatArray) -> FloatArray:
        fade_T = np.ones(FRAME_SAMPLES, dtype=np.float32)
        fade_T[: self.FADE_SAMPLES] = np.linspace(0, 1, self.FADE_SAMPLES)
        return before_T * (1 - fade_T) + after_T * fade_T

    def _silence(self) -> FloatArray:
        self.counters.silent_frames += 1
        return np.zeros(FRAME_SAMPLES, dtype=np.float32)

    def _drop_front(self, count: int) -> None:
        if count > 0:
            self._samples_T = self._samples_T[count:]
            self._start += count

    def _restart(self, timestamp: int) -> None:
        self._samples_T = np.zeros(0, dtype=np.float32)
        self._start = timestamp
        self._position = None
        self._offset = WindowMinimum()
        self._is_silent = True
