"""The character without its background, for a streaming program: viewers of somebody's session.

An overlay is a second connection that only receives: the pictures that leave to the session's own
page at the same moment, cut out (colours above coverage, as `rgb_to_i420_over_alpha` stacks them),
and the same voice packets. Knows tracks and connections; does not know sessions, nor who may look.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Callable

import av
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from avatar.frames import ByteArray
from avatar.timing import Clock, monotonic_s
from server.config import ServeConfig
from server.connection import (
    answer_offer,
    audio_codecs,
    new_connection,
    prepare_transports,
    video_codecs,
)
from server.encoder import SteadyEncoder
from server.tracks import VIDEO_TIME_BASE

logger = logging.getLogger(__name__)

MAX_OVERLAYS = 2
"""Of one session: one that reloads its page leaves the old one behind for some seconds."""
_VOICE_PACKETS_WAITING = 10
_CLOSE_S = 1.0


class _Tap(MediaStreamTrack):  # type: ignore[misc]
    """A track that is told what to send; what is not taken in time is dropped."""

    def __init__(self, kind: str, most_waiting: int) -> None:
        super().__init__()
        self.kind = kind
        self.num_dropped = 0
        self._waiting: deque[av.VideoFrame | av.Packet] = deque(maxlen=most_waiting)
        self._bell = asyncio.Event()

    def offer(self, item: av.VideoFrame | av.Packet) -> None:
        """Something to send; the oldest makes room for it."""
        self.num_dropped += len(self._waiting) == self._waiting.maxlen
        self._waiting.append(item)
        self._bell.set()

    def stop(self) -> None:
        """End the track; a waiting `recv` ends with it."""
        super().stop()
        self._bell.set()

    async def recv(self) -> av.VideoFrame | av.Packet:
        """The next thing to send."""
        while not self._waiting:
            if self.readyState != "live":
                raise MediaStreamError
            self._bell.clear()
            await self._bell.wait()
        return self._waiting.popleft()


class OverlayPeer:
    """One viewer."""

    def __init__(
        self,
        config: ServeConfig,
        on_over: Callable[[OverlayPeer], None],
        *,
        clock: Clock = monotonic_s,
    ) -> None:
        self.id = secrets.token_urlsafe(16)
        self.pictures = _Tap("video", 1)
        self.voice = _Tap("audio", _VOICE_PACKETS_WAITING)
        self._config = config
        self._on_over = on_over
        self._clock = clock
        self._connection = new_connection(config)
        self._connection.on("connectionstatechange", self._on_state)
        self._video = self._connection.addTransceiver(self.pictures, direction="sendonly")
        self._audio = self._connection.addTransceiver(self.voice, direction="sendonly")
        self._video.setCodecPreferences(video_codecs(config.video.codec))
        self._audio.setCodecPreferences(audio_codecs())

    async def answer(self, offer_sdp: str) -> str:
        """The answer to an offer. Raises SessionError (400) where the offer cannot be used."""
        answer = await answer_offer(
            self._connection,
            offer_sdp,
            self._config,
            on_understood=self._on_understood,
        )
        codecs = self._video._codecs
        if codecs and self._video.currentDirection == "sendonly":
            self._video.sender._RTCRtpSender__encoder = SteadyEncoder(
                codecs[0].name,
                self._config.video,
                keyframe_interval_s=self._config.receiver.pli_interval_s,
                clock=self._clock,
            )
        return answer

    def _on_understood(self, offer_sdp: str) -> None:
        prepare_transports(self._connection, self._config, offer_sdp)

    async def close(self) -> None:
        """Close everything; takes at most a second."""
        self.pictures.stop()
        self.voice.stop()
        try:
            await asyncio.wait_for(self._connection.close(), _CLOSE_S)
        except TimeoutError:
            logger.warning("an overlay's connection did not close in %.0f s", _CLOSE_S)

    def _on_state(self) -> None:
        if self._connection.connectionState in ("closed", "failed"):
            self._on_over(self)


class Overlays:
    """The viewers of one session."""

    def __init__(
        self,
        config: ServeConfig,
        on_wanted: Callable[[bool], None],
        *,
        clock: Clock = monotonic_s,
    ) -> None:
        """`on_wanted` is told whether cut-out pictures are wanted from now on."""
        self._config = config
        self._on_wanted = on_wanted
        self._clock = clock
        self._peers: list[OverlayPeer] = []
        self._closing: set[asyncio.Task[None]] = set()
        self._is_over = False

    def __len__(self) -> int:
        return len(self._peers)

    async def open(self, offer_sdp: str) -> tuple[str, str]:
        """(id, answer) of a new viewer; the oldest leaves where there are too many.

        Raises SessionError as `OverlayPeer.answer` does.
        """
        while len(self._peers) >= MAX_OVERLAYS:
            self._drop(self._peers[0])
        peer = OverlayPeer(self._config, self._drop, clock=self._clock)
        self._peers.append(peer)
        self._on_wanted(True)
        try:
            answer = await peer.answer(offer_sdp)
        except BaseException:
            self._drop(peer)
            raise
        return peer.id, answer

    def on_picture(self, overlay_i420: ByteArray | None, pts: int) -> None:
        """A picture leaves to the session's own page; its cut-out, where there is one."""
        if overlay_i420 is None:
            return
        for peer in self._peers:
            frame = av.VideoFrame.from_ndarray(overlay_i420, format="yuv420p")
            frame.pts, frame.time_base = pts, VIDEO_TIME_BASE
            peer.pictures.offer(frame)

    def on_voice(self, packet: av.Packet) -> None:
        """A voice packet leaves to the session's own page."""
        for peer in self._peers:
            peer.voice.offer(packet)

    async def close(self) -> None:
        """End every viewer."""
        self._is_over = True
        for peer in list(self._peers):
            self._drop(peer)
        await asyncio.gather(*self._closing, return_exceptions=True)

    def _drop(self, peer: OverlayPeer) -> None:
        if peer not in self._peers:
            return
        self._peers.remove(peer)
        task = asyncio.ensure_future(peer.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
        if not self._peers and not self._is_over:
            self._on_wanted(False)
