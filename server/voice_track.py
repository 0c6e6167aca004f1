"""What is heard: the delayed voice as an aiortc track, 20 ms every 20 ms whatever happens.

Its rhythm follows the arrivals (a phase lock): a packet that is read just after it has come need
not wait for most of a packet's length. Knows the voice's delay line and the media clock; does not
know pictures.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import av
import numpy as np
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from avatar.timing import Clock, monotonic_s
from server.delay_line import DelayLine
from server.lip_sync import LipSync
from server.sync import FRAME_SAMPLES, RATE_HZ
from server.voice_encoder import VoiceEncoder

_FRAME_S = FRAME_SAMPLES / RATE_HZ
_PHASE_S = 0.003
"""How long after a packet is due it is read: the event loop's own unevenness."""
_PHASE_STEP_S = 0.0002
_PATIENCE_S = 0.04
"""How long a packet that is late is waited for; then there is a hole."""
BEGIN_AFTER_PICTURE_S = 0.25
"""A browser plays nothing before its first picture, and voice that comes meanwhile piles up in its
jitter buffer, which takes many seconds to empty."""
BEGIN_AT_THE_LATEST_S = 2.0


@dataclass(slots=True)
class VoiceTrackCounters:
    """What became of the voice's rhythm."""

    sent: int = 0
    skipped: int = 0
    """Frames left out after a stall of this process, instead of a burst."""
    awaited: int = 0
    """Frames that left later than due because their packet was late."""


class VoiceTrack(MediaStreamTrack):  # type: ignore[misc]
    """The voice, delayed to match the picture; encoded packets."""

    kind = "audio"
    MAX_BEHIND_S = 0.1

    def __init__(
        self,
        line: DelayLine,
        lips: LipSync,
        *,
        origin_s: float,
        is_on: bool,
        clock: Clock = monotonic_s,
    ) -> None:
        super().__init__()
        self.counters = VoiceTrackCounters()
        self.is_on = is_on
        self.on_packet: Callable[[av.Packet], None] | None = None
        """Told every packet as it leaves."""
        self._line = line
        self._line.on_push = self._ring
        self._lips = lips
        self._origin_s = origin_s
        self._clock = clock
        self._encoder = VoiceEncoder()
        self._begun = asyncio.Event()
        self._next: int | None = None
        """Timestamp of the next frame, in samples since the origin."""
        self._phase_s = 0.0
        self._was_silent = True
        self._arrival: asyncio.Future[None] | None = None

    def begin_soon(self) -> None:
        """The first picture has left: the listener will soon be ready."""
        asyncio.get_running_loop().call_later(BEGIN_AFTER_PICTURE_S, self._begun.set)

    def stop(self) -> None:
        """End the track; a waiting `recv` ends with it."""
        super().stop()
        self._begun.set()
        self._ring()

    async def recv(self) -> av.Packet:
        """The next 20 ms."""
        if self._next is None:
            await self._begin()
        assert self._next is not None
        now_s, due_s = self._clock(), self._due_s(self._next)
        if now_s - due_s > self.MAX_BEHIND_S:
            behind = int((now_s - due_s) / _FRAME_S)
            self._next += behind * FRAME_SAMPLES
            self.counters.skipped += behind
            due_s = self._due_s(self._next)
        await asyncio.sleep(max(0.0, due_s - now_s))
        await self._await_packet(due_s)
        if self.readyState != "live":
            raise MediaStreamError
        # Asked for the time at which it was due, not that of a timer that was late.
        samples_T = self._line.pull(self._lips.delay_s, due_s)
        lag_s = self._line.lag_s
        self._lips.on_voice(lag_s if self.is_on else None, due_s)
        self._follow_arrivals(is_silent=lag_s is None)
        if not self.is_on:
            samples_T = np.zeros_like(samples_T)
        packet = self._encoder.encode(samples_T, self._next)
        self._next += FRAME_SAMPLES
        self.counters.sent += 1
        if self.on_packet is not None:
            self.on_packet(packet)
        return packet

    async def _begin(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._begun.wait(), BEGIN_AT_THE_LATEST_S)
        self._next = round((self._clock() - self._origin_s) * RATE_HZ)

    def _due_s(self, count: int) -> float:
        return self._origin_s + self._phase_s + count / RATE_HZ

    async def _await_packet(self, due_s: float) -> None:
        loop = asyncio.get_running_loop()
        is_late = False
        while self.readyState == "live" and self._line.is_awaiting(self._clock()):
            left_s = due_s + _PATIENCE_S - self._clock()
            if left_s <= 0:
                break
            is_late = True
            self._arrival = loop.create_future()
            timer = loop.call_later(left_s, self._ring)
            try:
                await self._arrival
            finally:
                timer.cancel()
                self._arrival = None
        self.counters.awaited += is_late

    def _ring(self) -> None:
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    def _follow_arrivals(self, *, is_silent: bool) -> None:
        """Move the rhythm to just after the arrivals: at once in silence, else unnoticeably."""
        if not is_silent:
            error_s = self._line.waited_s - _PHASE_S
            if error_s > _FRAME_S / 2:
                error_s -= _FRAME_S
            if not self._was_silent:
                error_s = min(_PHASE_STEP_S, max(-_PHASE_STEP_S, error_s))
            self._phase_s -= error_s
        self._was_silent = is_silent
