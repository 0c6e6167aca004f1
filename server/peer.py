"""One WebRTC peer: aiortc's connection with our receivers, encoder and candidates in it.

Knows tracks and the data channel; does not know characters, engines or who may connect. What
arrives is handed to callbacks.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiortc.mediastreams import MediaStreamError

from avatar.timing import Clock, StageTimers, monotonic_s
from server.config import ServeConfig
from server.connection import (
    answer_offer,
    audio_codecs,
    new_connection,
    prepare_transports,
    video_codecs,
)
from server.encoder import SteadyEncoder
from server.impairment import Impairment
from server.intake import DrivingIntake
from server.protocol import CONTROL_CHANNEL
from server.receiver import AudioReceiver, VideoReceiver, take_over
from server.tracks import AvatarVideoTrack
from server.voice_track import VoiceTrack

logger = logging.getLogger(__name__)

MAX_BUFFERED_BYTES = 256 * 1024
_CLOSE_S = 1.0


@dataclass(frozen=True, slots=True)
class PeerCallbacks:
    """Where a peer's news go; all called in the event loop."""

    on_open: Callable[[], None]
    """The data channel is open."""
    on_message: Callable[[str | bytes], None]
    on_connection: Callable[[str], None]
    """aiortc's connectionState."""


class Peer:
    """A browser (or native client) at the other end."""

    def __init__(
        self,
        config: ServeConfig,
        intake: DrivingIntake,
        video_track: AvatarVideoTrack,
        voice_track: VoiceTrack,
        callbacks: PeerCallbacks,
        *,
        timers: StageTimers,
        clock: Clock = monotonic_s,
    ) -> None:
        self._config = config
        self._intake = intake
        self._callbacks = callbacks
        self._timers = timers
        self._clock = clock
        self._channel: Any = None
        self._tasks: list[asyncio.Task[None]] = []
        self.encoder: SteadyEncoder | None = None
        self.video_receiver: VideoReceiver | None = None
        self.audio_receiver: AudioReceiver | None = None
        self.impairments: tuple[Impairment, ...] = ()
        self._pc = new_connection(config)
        self._pc.on("datachannel", self._on_channel)
        self._pc.on("connectionstatechange", self._on_connection)
        self._video = self._pc.addTransceiver(video_track, direction="sendrecv")
        self._voice = self._pc.addTransceiver(voice_track, direction="sendrecv")
        # Streams of their own: in one stream, browsers hold pictures back until the voice's jitter
        # buffer has caught up. The two are matched here, before they leave.
        self._voice.sender._stream_id = str(uuid.uuid4())
        self._video.setCodecPreferences(video_codecs(config.video.codec))
        self._voice.setCodecPreferences(audio_codecs())

    async def answer(self, offer_sdp: str) -> str:
        """The answer to an offer. Raises SessionError (400) where the offer cannot be used."""
        answer = await answer_offer(
            self._pc, offer_sdp, self._config, on_understood=self._on_understood
        )
        self._install_encoder()
        return answer

    def _on_understood(self, offer_sdp: str) -> None:
        self._install_receivers()
        self.impairments = prepare_transports(self._pc, self._config, offer_sdp)

    def say(self, text: str) -> bool:
        """Send on the data channel; False where it is not open or its buffer is full."""
        channel = self._channel
        if channel is None or channel.readyState != "open":
            return False
        if channel.bufferedAmount > MAX_BUFFERED_BYTES:
            return False
        channel.send(text)
        return True

    @property
    def round_trip_s(self) -> float | None:
        """RTCP round trip of the video stream; None until known."""
        rtt: float | None = getattr(self._video.sender, "_RTCRtpSender__rtt", None)
        return rtt

    @property
    def sent_rtp_origin(self) -> int | None:
        """What aiortc adds to our video timestamps; None before the first picture."""
        encoder = self.encoder
        if encoder is None or encoder.last_timestamp is None:
            return None
        last: int = self._video.sender._RTCRtpSender__rtp_timestamp
        return (last - encoder.last_timestamp) % (1 << 32) if last else None

    def collect_timings(self) -> None:
        """Take over what the codec threads have measured."""
        while self.encoder is not None and self.encoder.durations_s:
            self._timers.add("encode", self.encoder.durations_s.popleft())

    @property
    def last_packet_s(self) -> float:
        """When the last media packet came."""
        receivers = (self.video_receiver, self.audio_receiver)
        return max(
            (r.counters.last_packet_s for r in receivers if r is not None), default=float("-inf")
        )

    async def close(self) -> None:
        """Close everything; safe to call in any state, takes at most a second."""
        for task in self._tasks:
            task.cancel()
        for receiver in (self.video_receiver, self.audio_receiver):
            if receiver is not None:
                receiver.close()
        try:
            await asyncio.wait_for(self._pc.close(), _CLOSE_S)
        except TimeoutError:
            logger.warning("a peer connection did not close in %.0f s", _CLOSE_S)
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._channel = None

    # --- installation ---------------------------------------------------------------------------

    def _install_receivers(self) -> None:
        if self._config.receiver.kind == "stock":
            for transceiver, deliver in (
                (self._video, self._intake.on_picture),
                (self._voice, self._intake.on_sound),
            ):
                if transceiver.receiver.track is not None:
                    pump = self._pump(transceiver.receiver.track, deliver)
                    self._tasks.append(asyncio.get_running_loop().create_task(pump))
            return
        self.video_receiver = VideoReceiver(
            self._config.receiver,
            self._intake.on_picture,
            round_trip_s=lambda: self.round_trip_s,
            max_decoded_px=self._config.video.driving_max_decoded_px,
            clock=self._clock,
        )
        self.audio_receiver = AudioReceiver(self._intake.on_sound, clock=self._clock)
        take_over(self._video.receiver, self.video_receiver)
        take_over(self._voice.receiver, self.audio_receiver)
        self._intake.video, self._intake.audio = self.video_receiver, self.audio_receiver

    async def _pump(self, track: Any, deliver: Callable[[Any, int, float], None]) -> None:
        """aiortc's own receiver, for comparison: frames come from its queue."""
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                deliver(frame, frame.pts % (1 << 32), self._clock())

    def _install_encoder(self) -> None:
        codecs = self._video._codecs
        if not codecs or self._video.currentDirection not in ("sendonly", "sendrecv"):
            return
        self.encoder = SteadyEncoder(
            codecs[0].name,
            self._config.video,
            keyframe_interval_s=self._config.receiver.pli_interval_s,
            clock=self._clock,
        )
        self._video.sender._RTCRtpSender__encoder = self.encoder

    # --- news -----------------------------------------------------------------------------------

    def _on_channel(self, channel: Any) -> None:
        if channel.label != CONTROL_CHANNEL or self._channel is not None:
            channel.close()
            return
        self._channel = channel
        channel.on("message", self._callbacks.on_message)
        self._callbacks.on_open()

    def _on_connection(self) -> None:
        self._callbacks.on_connection(self._pc.connectionState)
