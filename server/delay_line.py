"""The voice on its way back: samples wait here until the picture that they belong to leaves.

Gives 20 ms whenever asked, come what may: silence where nothing is there, a slightly faster or
slower passage to follow the delay (bounded slew). A delay that moves far, as pictures in trouble
make it, is followed in the pauses of the voice and slewed to meanwhile, so that no word has a hole;
a crossfaded jump is for a reader or a sender that lost time.
Pure: the caller brings the time. Does not know codecs, tracks or pictures.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from avatar.frames import FloatArray
from avatar.timing import quantile
from server.sync import FRAME_SAMPLES, RATE_HZ, WindowMinimum


@dataclass(slots=True)
class DelayLineCounters:
    """What was done to the voice."""

    silent_frames: int = 0
    jumps: int = 0
    slewed_frames: int = 0
    concealed_samples: int = 0
    discarded_samples: int = 0
    hurried_samples: int = 0
    """Silence left out by a voice that was late."""


class DelayLine:
    """Mono samples, addressed by unwrapped RTP timestamp."""

    BEHIND_S = 0.008
    """How far the voice may lag behind the delay asked for before it is hurried."""
    AHEAD_S = 0.001
    """How far it may run ahead: there is nothing to read beyond what has arrived."""
    JUMP_S = 0.12
    FAR_S = 0.06
    """A delay asked for that is further away than this is followed no quicker than by slewing,
    while something is heard."""
    SLEW = 0.02
    """A passage is played at most this much faster or slower."""
    QUIET = 0.01
    """Silence is what stays below this, of full scale: a late voice leaves it out."""
    FADE_SAMPLES = 240
    CAPACITY_S = 2.0
    MAX_GAP_S = 0.3
    MAX_JITTER_S = 0.1
    JITTER_SHARE = 0.8
    """Share of packets that must have come by the time they are read. Who reads waits a moment for
    later ones: the listener's own jitter buffer is made for that, and one buffer is enough."""
    JITTER_STEP_S = 0.0002
    ALIVE_S = 0.1
    """Packets that have not come for this long are not awaited."""

    def __init__(self) -> None:
        self.counters = DelayLineCounters()
        self.on_push: Callable[[], None] | None = None
        self._samples_T: FloatArray = np.zeros(0, dtype=np.float32)
        self._start = 0
        """Timestamp of the first sample held."""
        self._position: float | None = None
        """Timestamp that is played next."""
        self._delay_s = 0.0
        """The delay that is being held: what is asked for, or on the way there."""
        self._offset = WindowMinimum()
        self._offset_s: float | None = None
        self._lateness_s: deque[float] = deque(maxlen=100)
        self._jitter_s = 0.0
        self._packet = FRAME_SAMPLES
        self._last_arrival_s = float("-inf")
        self._is_silent = True
        self.floor_s = FRAME_SAMPLES / RATE_HZ
        """The least delay that leaves no holes, for one who reads at the rhythm of late."""
        self.waited_s = 0.0
        """How long the newest packet had been due at the last `pull`: a reader that comes this
        much earlier can do with this much less delay."""
        self.lag_s: float | None = None
        """How old the end of the frame pulled last was; None: nothing was heard."""

    def push(self, samples_T: FloatArray, timestamp: int, arrival_s: float) -> None:
        """Append samples that came at `arrival_s`; a gap is filled with silence."""
        end = self._start + len(self._samples_T)
        if self._offset_s is None or not -len(self._samples_T) <= timestamp - end <= round(
            self.MAX_GAP_S * RATE_HZ
        ):
            self._restart(timestamp)
            end = timestamp
        self._note_arrival(timestamp + len(samples_T), len(samples_T), arrival_s)
        if timestamp > end:
            gap = timestamp - end
            self.counters.concealed_samples += gap
            self._samples_T = np.concatenate([self._samples_T, np.zeros(gap, dtype=np.float32)])
        elif timestamp < end:
            samples_T = samples_T[end - timestamp :]  # a repeated packet
        self._samples_T = np.concatenate([self._samples_T, samples_T])
        surplus = len(self._samples_T) - round(self.CAPACITY_S * RATE_HZ)
        if surplus > 0:
            self._drop_front(surplus)
            self.counters.discarded_samples += surplus
        if self.on_push is not None:
            self.on_push()

    def _note_arrival(self, end: int, length: int, arrival_s: float) -> None:
        path_s = arrival_s - end / RATE_HZ
        self._offset_s = self._offset.add(path_s, arrival_s)
        self._packet = max(FRAME_SAMPLES, length)
        self._last_arrival_s = arrival_s
        self._lateness_s.append(path_s - self._offset_s)
        wanted_s = quantile(sorted(self._lateness_s), self.JITTER_SHARE)
        # Slowly, so that a reader can follow with its rhythm.
        step_s = wanted_s - self._jitter_s
        self._jitter_s += min(self.JITTER_STEP_S, max(-self.JITTER_STEP_S, step_s))
        self._jitter_s = min(self.MAX_JITTER_S, self._jitter_s)

    @property
    def held_s(self) -> float:
        """Length of what is held, a packet that has been played included."""
        return len(self._samples_T) / RATE_HZ

    def is_awaiting(self, now_s: float) -> bool:
        """The next frame is not all there yet, but should be at any moment."""
        if self._position is None or self._is_silent:
            return False
        available = self._start + len(self._samples_T)
        is_short = self._position + FRAME_SAMPLES > available
        return is_short and now_s - self._last_arrival_s < self.ALIVE_S

    def pull(self, delay_s: float, now_s: float) -> FloatArray:
        """The next FRAME_SAMPLES samples, of what arrived `delay_s` before `now_s`."""
        if self._offset_s is None:
            return self._silence()
        end = self._start + len(self._samples_T)
        due = (now_s - self._jitter_s - self._offset_s) * RATE_HZ
        self.waited_s = (due - end) % self._packet / RATE_HZ
        self.floor_s = self._jitter_s + self.waited_s
        asked_s = max(delay_s, self.floor_s)
        asked = (now_s - asked_s - self._offset_s) * RATE_HZ - FRAME_SAMPLES
        if self._position is None or self._is_silent:
            self._position = asked
            self._delay_s = asked_s
        skipped = self._silence_to_skip(self._position, asked)
        self._position += skipped
        delay_s = self._delay_s = self._towards(asked_s, skipped)
        wanted = (now_s - delay_s - self._offset_s) * RATE_HZ - FRAME_SAMPLES
        error_s = (self._position - wanted) / RATE_HZ
        if abs(error_s) > self.JUMP_S:
            before_T = self._read(self._position, 1.0)
            self._position = wanted
            frame_T = self._take(1.0)
            self.counters.jumps += 1
            self.lag_s = delay_s
            return self._crossfade(before_T, frame_T)
        self.lag_s = delay_s - error_s
        if error_s > self.AHEAD_S:
            self.counters.slewed_frames += 1
            return self._take(1.0 - self.SLEW)
        if error_s < -self.BEHIND_S:
            self.counters.slewed_frames += 1
            return self._take(1.0 + self.SLEW)
        return self._take(1.0)

    def change_source(self) -> None:
        """What is pushed from here on has timestamps and a path of its own: begin anew with it."""
        self._offset_s = None
        self._restart(self._start)

    def _towards(self, asked_s: float, skipped: int) -> float:
        """The delay to hold now, on the way from the one held to the one asked for."""
        step_s = asked_s - self._delay_s
        if abs(step_s) <= self.FAR_S or (step_s > 0 and self._is_pause()):
            return asked_s
        slewed_s = self.SLEW * FRAME_SAMPLES / RATE_HZ
        if step_s > 0:
            return self._delay_s + slewed_s
        return max(asked_s, self._delay_s - slewed_s - skipped / RATE_HZ)

    def _is_pause(self) -> bool:
        """What is played next is quiet: a longer silence in its place is not heard."""
        assert self._position is not None
        at = max(0, int(self._position) - self._start)
        ahead_T = self._samples_T[at : at + FRAME_SAMPLES]
        return bool(np.abs(ahead_T).max(initial=0.0) <= self.QUIET)

    def _silence_to_skip(self, position: float, wanted: float) -> int:
        """Samples of silence ahead that a voice which is late need not play."""
        if (wanted - position) / RATE_HZ < self.BEHIND_S:
            return 0
        at = max(0, int(position) - self._start)
        ahead_T = np.abs(self._samples_T[at : at + int(wanted - position)])
        loud = np.flatnonzero(ahead_T > self.QUIET)
        num_quiet = int(loud[0]) if len(loud) else len(ahead_T)
        self.counters.hurried_samples += num_quiet
        return num_quiet

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
            self.lag_s = None
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
        if not len(self._samples_T):
            return np.zeros(FRAME_SAMPLES, dtype=np.float32)
        index_T = position - self._start + speed * np.arange(FRAME_SAMPLES)
        known_T = np.arange(len(self._samples_T))
        return np.interp(index_T, known_T, self._samples_T, left=0.0, right=0.0).astype(np.float32)

    def _crossfade(self, before_T: FloatArray, after_T: FloatArray) -> FloatArray:
        fade_T = np.ones(FRAME_SAMPLES, dtype=np.float32)
        fade_T[: self.FADE_SAMPLES] = np.linspace(0, 1, self.FADE_SAMPLES)
        return before_T * (1 - fade_T) + after_T * fade_T

    def _silence(self) -> FloatArray:
        self.counters.silent_frames += 1
        self.lag_s = None
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
        self._lateness_s.clear()
        self._is_silent = True
