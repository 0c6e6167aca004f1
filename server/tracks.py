"""What is seen: the character's pictures as an aiortc track, at a steady rate that never stops.

Knows pacing, the media clock and who holds a picture back; does not know encoders or peers. Counts
its timestamps from the session's origin, as the voice does (`server.voice_track`).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import av
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from avatar.frames import ByteArray
from avatar.timing import Clock, StageTimers, monotonic_s
from server import pacing
from server.engine_messages import RenderedMeta
from server.lane import RenderedPicture
from server.lip_sync import LipSync
from server.pacing import Action, PacingState

logger = logging.getLogger(__name__)

VIDEO_TIME_BASE = Fraction(1, 90_000)
_TRACES_KEPT = 64
_MAX_WAITING = 16
_FREEZE_S = 0.2
"""As the probe counts them."""


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


@dataclass(frozen=True, slots=True)
class _Waiting:
    picture: RenderedPicture
    release_s: float


class AvatarVideoTrack(MediaStreamTrack):  # type: ignore[misc]
    """Pictures of the character at a steady rate that never stops."""

    kind = "video"

    def __init__(
        self,
        *,
        fps: float,
        origin_s: float,
        lips: LipSync,
        timers: StageTimers,
        clock: Clock = monotonic_s,
    ) -> None:
        super().__init__()
        self.counters = VideoTrackCounters()
        self.recent: deque[SentPicture] = deque(maxlen=_TRACES_KEPT)
        self.on_first_sent: Callable[[], None] | None = None
        self.on_shown: Callable[[RenderedPicture, int], None] | None = None
        """Told every fresh picture as it leaves, with its pts."""
        self._origin_s = origin_s
        self._lips = lips
        self._timers = timers
        self._clock = clock
        self._pacing = PacingState(1.0 / fps)
        self._waiting: deque[_Waiting] = deque()
        self._shown: ByteArray | None = None
        self._shown_taken_s = float("nan")
        self._before: RenderedMeta | None = None
        self._last_pts = -1
        self._wake: asyncio.Future[None] | None = None

    @property
    def num_waiting(self) -> int:
        """Rendered pictures that have not left yet."""
        return len(self._waiting)

    def offer(self, picture: RenderedPicture) -> None:
        """A rendered picture is there; of those that may leave, the newest push wins."""
        now_s, meta = self._clock(), picture.meta
        release_s = now_s
        if _is_placed(meta):
            release_s = self._lips.on_picture(
                self._said_s(meta), now_s, voice_lag_s=meta.voice_lag_s
            )
        self._waiting.append(_Waiting(picture, release_s))
        self._drop_overtaken(now_s)
        while len(self._waiting) > _MAX_WAITING:
            self._waiting.popleft()
            self.counters.dropped += 1
        self._ring()

    def _drop_overtaken(self, now_s: float) -> None:
        due = [waiting for waiting in self._waiting if waiting.release_s <= now_s]
        for _ in range(len(due) - (due[-1].picture.meta.chunk_frames if due else 0)):
            self._waiting.popleft()
            self.counters.dropped += 1

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
            self._drop_overtaken(now_s)
            release_s = self._waiting[0].release_s if self._waiting else None
            is_due = release_s is not None and release_s <= now_s
            decision = pacing.decide(
                self._pacing,
                is_fresh_waiting=is_due,
                is_mid_chunk=is_due and self._is_mid_chunk(),
                now_s=now_s,
            )
            if decision.action is Action.WAIT:
                until_s = decision.until_s
                if release_s is not None and not is_due:
                    until_s = min(until_s, release_s)
                await self._wait(until_s - now_s, is_ringing=not is_due)
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
        return self._waiting[0].picture.meta.taken_s == self._shown_taken_s

    def _take(self, now_s: float) -> None:
        picture = self._waiting.popleft().picture
        meta = picture.meta
        self._tell_of_gap(meta, now_s)
        self._shown = picture.i420
        self._shown_taken_s = meta.taken_s
        self.counters.late += self._pacing.was_held
        self._last_pts = max(self._last_pts + 1, self._pts_at(now_s))
        if self.on_shown is not None:
            self.on_shown(picture, self._last_pts)
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
            self.recent.append(
                SentPicture(meta.rtp_timestamp, self._last_pts, now_s - meta.arrival_s)
            )
        if _is_placed(meta):
            self._lips.on_picture_sent(self._said_s(meta), now_s, voice_lag_s=meta.voice_lag_s)

    def _tell_of_gap(self, meta: RenderedMeta, now_s: float) -> None:
        """A freeze that is seen is worth a line that says where it came from."""
        before, self._before = self._before, meta
        gap_s = now_s - self._pacing.last_fresh_s
        if before is None or gap_s < _FREEZE_S:
            return
        logger.info(
            "no new picture for %.2f s: this came %.2f s after the one before, then took %.2f s "
            "to be decoded, %.2f to be taken, %.2f to be drawn, %.2f to leave",
            gap_s,
            meta.arrival_s - before.arrival_s,
            meta.published_s - meta.arrival_s,
            meta.taken_s - meta.published_s,
            meta.finished_s - meta.taken_s,
            now_s - meta.finished_s,
        )

    def _said_s(self, meta: RenderedMeta) -> float:
        """When the picture's moment came to us: on the media clock, so it is even."""
        return self._origin_s + meta.pts * float(VIDEO_TIME_BASE)

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


def _is_placed(meta: RenderedMeta) -> bool:
    """Whether the picture belongs to a moment of the voice; idle life does not."""
    return meta.is_driven or meta.voice_lag_s is not None
