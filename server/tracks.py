"""What is sent: the character's pictures and the delayed voice, as aiortc tracks.

Knows pacing and the media clock; does not know encoders or peers. Both tracks count their
timestamps from one origin, so that picture and voice that leave together carry the same time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from avatar.frames import ByteArray
from avatar.timing import Clock, StageTimers, monotonic_s
from server import pacing
from server.lane import RenderedPicture
from server.pacing import Action, PacingState
from server.sync import FRAME_SAMPLES, RATE_HZ, DelayLine, VoiceDelay

VIDEO_TIME_BASE = Fraction(1, 90_000)
AUDIO_TIME_BASE = Fraction(1, RATE_HZ)
_TRACES_KEPT = 64


@dataclass(slots=True)
class VideoTrackCounters:
    """What became of the rendered pictures."""

    sent: int = 0
    held: int = 0
    dropped: int = 0
    """Rendered, but overtaken by a newer one before they could leave."""
    late: int = 0
    """Pictures that left after the previous one had been held for them."""


@dataclass(frozen=True, slots=True)
class SentPicture:
    """A fresh picture that left."""

    driving_rtp_timestamp: int
    pts: int
    server_s: float


class AvatarVideoTrack(MediaStreamTrack):  # type: ignore[misc]
    """Pictures of the character at a steady rate that never stops."""

    kind = "video"

    def __init__(
        self,
        *,
        fps: float,
        origin_s: float,
        voice_delay: VoiceDelay,
        timers: StageTimers,
        clock: Clock = monotonic_s,
    ) -> None:
        super().__init__()
        self.counters = VideoTrackCounters()
        self.recent: deque[SentPicture] = deque(maxlen=_TRACES_KEPT)
        self.on_first_sent: Callable[[], None] | None = None
        self._origin_s = origin_s
        self._voice_delay = voice_delay
        self._timers = timers
        self._clock = clock
        self._pacing = PacingState(1.0 / fps)
        self._waiting: deque[RenderedPicture] = deque()
        self._shown: ByteArray | None = None
        self._shown_taken_s = float("nan")
        self._last_pts = -1
        self._wake: asyncio.Future[None] | None = None

    def offer(self, picture: RenderedPicture) -> None:
        """A rendered picture is there; the newest push wins."""
        self._waiting.append(picture)
        while len(self._waiting) > picture.meta.chunk_frames:
            self._waiting.popleft()
            self.counters.dropped += 1
        self._ring()

    def stop(self) -> None:
        """End the track; a waiting `recv` ends with it."""
        super().stop()
        self._ring()

    async def recv(self) -> av.VideoFrame:
        """The next picture, when it is time for it."""
        while True:
            if self.readyState != "live":
                raise MediaStreamError
            now_s = self._clock()
            decision = pacing.decide(
                self._pacing,
                is_fresh_waiting=bool(self._waiting),
                is_mid_chunk=self._is_mid_chunk(),
                now_s=now_s,
            )
            if decision.action is Action.WAIT:
                await self._wait(decision.until_s - now_s, is_ringing=not self._waiting)
                continue
            is_held = decision.action is Action.HOLD
            if not is_held:
                self._take(now_s)
            else:
                self.counters.held += 1
            self.counters.sent += 1
            self._pacing = pacing.sent(self._pacing, is_held=is_held, now_s=now_s)
            return self._frame()

    def _is_mid_chunk(self) -> bool:
        """The waiting picture came out of the same push as the one on screen."""
        return bool(self._waiting) and self._waiting[0].meta.taken_s == self._shown_taken_s

    def _take(self, now_s: float) -> None:
        picture = self._waiting.popleft()
        meta = picture.meta
        self._shown = picture.i420
        self._shown_taken_s = meta.taken_s
        self.counters.late += self._pacing.was_held
        self._last_pts = max(self._last_pts + 1, self._pts_at(now_s))
        if self.on_first_sent is not None:
            self.on_first_sent()
            self.on_first_sent = None
        timers = self._timers
        for stage, duration_s in meta.stage_s.items():
            timers.add(stage, duration_s)
        timers.add("engine", meta.finished_s - meta.taken_s)
        timers.add("to_sender", now_s - meta.finished_s)
        if meta.is_driven:
            timers.add("receive", meta.published_s - meta.arrival_s)
            timers.add("to_engine", meta.taken_s - meta.published_s)
            timers.add("server", now_s - meta.arrival_s)
            self._voice_delay.on_picture_sent(meta.arrival_s, now_s, voice_lag_s=meta.voice_lag_s)
            self.recent.append(
                SentPicture(meta.rtp_timestamp, self._last_pts, now_s - meta.arrival_s)
            )
        elif meta.voice_lag_s is not None:  # no camera: the voice alone moves the picture
            self._voice_delay.on_picture_sent(meta.arrival_s, now_s, voice_lag_s=meta.voice_lag_s)

    def _frame(self) -> av.VideoFrame:
        assert self._shown is not None
        if self._pacing.was_held:
            self._last_pts = max(self._last_pts + 1, self._pts_at(self._clock()))
        frame = av.VideoFrame.from_ndarray(self._shown, format="yuv420p")
        frame.pts = self._last_pts
        frame.time_base = VIDEO_TIME_BASE
        return frame

    def _pts_at(self, now_s: float) -> int:
        return round((now_s - self._origin_s) * 90_000)

    def _ring(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    async def _wait(self, duration_s: float, *, is_ringing: bool) -> None:
        """Sleep; a picture that comes ends it early where `is_ringing`."""
        if not is_ringing:
            await asyncio.sleep(max(0.0, duration_s))
            return
        loop = asyncio.get_running_loop()
        self._wake = loop.create_future()
        timer = loop.call_later(max(0.0, duration_s), self._ring)
        try:
            await self._wake
        finally:
            timer.cancel()
            self._wake = None


@dataclass(slots=True)
class VoiceTrackCounters:
    """What became of the voice's rhythm."""

    sent: int = 0
    skipped: int = 0
    """Frames left out after a stall of this process, instead of a burst."""


class VoiceTrack(MediaStreamTrack):  # type: ignore[misc]
    """The voice, delayed to match the picture; 20 ms every 20 ms whatever happens."""

    kind = "audio"
    MAX_BEHIND_S = 0.1

    def __init__(
        self,
        line: DelayLine,
        delay: VoiceDelay,
        *,
        origin_s: float,
        is_on: bool,
        clock: Clock = monotonic_s,
    ) -> None:
        super().__init__()
        self.counters = VoiceTrackCounters()
        self.is_on = is_on
        self._line = line
        self._delay = delay
        self._origin_s = origin_s
        self._clock = clock
        self._next: int | None = None
        """Timestamp of the next frame, in samples since the origin."""

    async def recv(self) -> av.AudioFrame:
        """The next 20 ms."""
        if self.readyState != "live":
            raise MediaStreamError
        now_s = self._clock()
        if self._next is None:
            self._next = round((now_s - self._origin_s) * RATE_HZ)
        due_s = self._origin_s + self._next / RATE_HZ
        if now_s - due_s > self.MAX_BEHIND_S:
            behind = int((now_s - due_s) * RATE_HZ / FRAME_SAMPLES)
            self._next += behind * FRAME_SAMPLES
            self.counters.skipped += behind
        elif due_s > now_s:
            await asyncio.sleep(due_s - now_s)
            if self.readyState != "live":
                raise MediaStreamError
        samples_T = self._line.pull(self._delay.delay_s, self._clock())
        if not self.is_on:
            samples_T = np.zeros_like(samples_T)
        pcm = (np.clip(samples_T, -1.0, 1.0) * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(pcm[np.newaxis, :], format="s16", layout="mono")
        frame.sample_rate = RATE_HZ
        frame.time_base = AUDIO_TIME_BASE
        frame.pts = self._next
        self._next += FRAME_SAMPLES
        self.counters.sent += 1
        return frame
