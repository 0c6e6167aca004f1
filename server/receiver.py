"""aiortc's RTP receiver, made fast: our jitter buffers, loss recovery and decoder on top of it.

aiortc 1.16 hands a video frame out when the first packet of the *next* frame comes (one whole frame
interval late), prefetches 80 ms of sound, asks once for a lost packet, and queues without bounds.
`take_over` puts a `LowLatencyReceiver` in the place of those parts on ONE receiver object; no class
and no module of aiortc is changed. It reaches into private attributes (`_inside`), so a test holds
the project to the aiortc version that it was written for.

Knows RTP packets and codecs; does not know what frames are used for. Video frames are delivered in
the decoder thread, sound in the event loop (decoding 20 ms of Opus takes about 0.1 ms).
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import av
from aiortc.codecs import depayload, get_decoder, is_rtx
from aiortc.jitterbuffer import JitterFrame
from aiortc.rtp import RTCP_PSFB_APP, RtcpPsfbPacket, RtcpSrPacket, pack_remb_fci, unwrap_rtx

from avatar.timing import Clock, monotonic_s
from server.config import ReceiverSection
from server.decoder import DecoderThread, EncodedPicture
from server.jitter_buffer import AudioJitterBuffer, MediaPacket, VideoJitterBuffer
from server.loss_recovery import LossRecovery
from server.payloads import describe_payload
from server.sync import SenderClock

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class ReceiverCounters:
    """What happened since the session began."""

    packets: int = 0
    payload_bytes: int = 0
    frames: int = 0
    malformed: int = 0
    last_packet_s: float = float("-inf")


OnPicture = Callable[[Any, int, float], None]
"""(av.VideoFrame, RTP timestamp, arrival of its last packet), in the decoder thread."""
OnSound = Callable[[Any, int, float], None]
"""(av.AudioFrame, RTP timestamp, arrival), in the event loop."""


def take_over(receiver: Any, low_latency: LowLatencyReceiver) -> None:
    """Make `low_latency` do the work of an RTCRtpReceiver that has not begun to receive."""
    assert not _inside(receiver, "started"), "too late: the receiver is running"
    handle_rtcp = receiver._handle_rtcp_packet

    async def handle_rtcp_packet(packet: Any) -> None:
        low_latency.on_rtcp(packet)
        await handle_rtcp(packet)

    receiver.receive = low_latency.receive
    receiver._handle_rtp_packet = low_latency.on_rtp
    receiver._handle_rtcp_packet = handle_rtcp_packet
    low_latency.attach(receiver)


def _inside(receiver: Any, name: str) -> Any:
    return getattr(receiver, f"_RTCRtpReceiver__{name}")


class LowLatencyReceiver(ABC):
    """Common part: routing, statistics, retransmissions. Subclasses assemble and decode."""

    def __init__(self, *, clock: Clock = monotonic_s) -> None:
        self.counters = ReceiverCounters()
        self.sender_clock = SenderClock()
        self._clock = clock
        self._receiver: Any = None

    def attach(self, receiver: Any) -> None:
        """Remember whose place is taken."""
        self._receiver = receiver

    async def receive(self, parameters: Any) -> None:
        """RTCRtpReceiver.receive without its decoder thread."""
        receiver = self._receiver
        if _inside(receiver, "started"):
            return
        for codec in parameters.codecs:
            _inside(receiver, "codecs")[codec.payloadType] = codec
        for encoding in parameters.encodings:
            if encoding.rtx:
                _inside(receiver, "rtx_ssrc")[encoding.rtx.ssrc] = encoding.ssrc
        receiver.transport._register_rtp_receiver(receiver, parameters)
        receiver._RTCRtpReceiver__rtcp_task = asyncio.ensure_future(receiver._run_rtcp())
        receiver._RTCRtpReceiver__started = True

    async def on_rtp(self, packet: Any, arrival_time_ms: int) -> None:
        """RTCRtpReceiver._handle_rtp_packet: everything up to the payload."""
        now_s = self._clock()
        receiver = self._receiver
        if not receiver._enabled:
            return
        self.counters.packets += 1
        self.counters.payload_bytes += len(packet.payload)
        self.counters.last_packet_s = now_s
        await self._estimate_bitrate(packet, arrival_time_ms)
        codec = _inside(receiver, "codecs").get(packet.payload_type)
        if codec is None:
            self.counters.malformed += 1
            return
        streams = _inside(receiver, "remote_streams")
        if packet.ssrc not in streams:
            if len(streams) >= 8:  # a peer that invents sources must not fill the memory
                self.counters.malformed += 1
                return
            streams[packet.ssrc] = _new_statistics(codec.clockRate)
        streams[packet.ssrc].add(packet)
        if is_rtx(codec):
            ssrc = _inside(receiver, "rtx_ssrc").get(packet.ssrc)
            payload_type = codec.parameters.get("apt")
            codec = _inside(receiver, "codecs").get(payload_type)
            if ssrc is None or codec is None or len(packet.payload) < 2:
                self.counters.malformed += 1
                return
            packet = unwrap_rtx(packet, payload_type=payload_type, ssrc=ssrc)
        try:
            data = depayload(codec, packet.payload) if packet.payload else b""
        except ValueError:
            self.counters.malformed += 1
            return
        is_first, is_key = describe_payload(codec.name, packet.payload)
        media = MediaPacket(
            sequence=packet.sequence_number,
            timestamp=packet.timestamp,
            is_last=bool(packet.marker),
            is_first=is_first,
            is_key=is_key,
            data=data,
        )
        await self._on_media(media, codec, packet.ssrc, now_s)

    async def _estimate_bitrate(self, packet: Any, arrival_time_ms: int) -> None:
        receiver = self._receiver
        estimator = _inside(receiver, "remote_bitrate_estimator")
        if estimator is None or packet.extensions.abs_send_time is None:
            return
        remb = estimator.add(
            abs_send_time=packet.extensions.abs_send_time,
            arrival_time_ms=arrival_time_ms,
            payload_size=len(packet.payload) + packet.padding_size,
            ssrc=packet.ssrc,
        )
        rtcp_ssrc = _inside(receiver, "rtcp_ssrc")
        if remb is not None and rtcp_ssrc is not None:
            await receiver._send_rtcp(
                RtcpPsfbPacket(
                    fmt=RTCP_PSFB_APP, ssrc=rtcp_ssrc, media_ssrc=0, fci=pack_remb_fci(*remb)
                )
            )

    def on_rtcp(self, packet: Any) -> None:
        """Sender reports tie the stream's timestamps to the sender's own clock."""
        if isinstance(packet, RtcpSrPacket):
            info = packet.sender_info
            self.sender_clock.update(info.ntp_timestamp, info.rtp_timestamp)

    @abstractmethod
    async def _on_media(self, packet: MediaPacket, codec: Any, ssrc: int, now_s: float) -> None:
        """A packet in order of arrival: what it makes whole goes on."""

    @abstractmethod
    def close(self) -> None:
        """Stop timers and threads."""


def _new_statistics(clock_rate: int) -> Any:
    from aiortc.rtcrtpreceiver import StreamStatistics

    return StreamStatistics(clock_rate)


class VideoReceiver(LowLatencyReceiver):
    """Pictures, delivered in the decoder thread as soon as their last packet is there."""

    def __init__(
        self,
        section: ReceiverSection,
        on_picture: OnPicture,
        *,
        round_trip_s: Callable[[], float | None],
        max_decoded_px: int,
        clock: Clock = monotonic_s,
    ) -> None:
        super().__init__(clock=clock)
        self.buffer = VideoJitterBuffer()
        self.recovery = LossRecovery(section.blocked_before_pli_s, section.pli_interval_s)
        self.decoder = DecoderThread(on_picture, max_decoded_px=max_decoded_px)
        self._round_trip_s = round_trip_s
        self._ssrc = 0
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    async def receive(self, parameters: Any) -> None:
        """Begin to receive; the decoder thread starts here."""
        await super().receive(parameters)
        self.decoder.start()

    async def _on_media(self, packet: MediaPacket, codec: Any, ssrc: int, now_s: float) -> None:
        self._ssrc = ssrc
        if self.decoder.take_lost_state():
            self.buffer.require_key()
        for frame in self.buffer.add(packet):
            self.counters.frames += 1
            encoded = EncodedPicture(frame.data, frame.timestamp, frame.is_key, now_s)
            if not self.decoder.put(codec, encoded):
                self.buffer.require_key()
        await self._ask()

    async def _ask(self) -> None:
        """Send the NACK and PLI that are due, and come back for the next."""
        now_s = self._clock()
        requests = self.recovery.poll(
            self.buffer.missing(),
            needs_key=self.buffer.needs_key and self.counters.frames > 0,
            round_trip_s=self._round_trip_s(),
            now_s=now_s,
        )
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if requests.next_s is not None:
            self._timer = asyncio.get_running_loop().call_later(
                max(0.001, requests.next_s - now_s), self._on_timer
            )
        if requests.nack:
            await self._receiver._send_rtcp_nack(self._ssrc, list(requests.nack))
        if requests.is_pli:
            await self._receiver._send_rtcp_pli(self._ssrc)

    def _on_timer(self) -> None:
        self._timer = None
        self._task = asyncio.get_running_loop().create_task(self._ask())

    def close(self) -> None:
        """Stop asking and end the decoder thread."""
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
        self.decoder.stop()


class AudioReceiver(LowLatencyReceiver):
    """Sound, delivered packet by packet in order."""

    def __init__(self, on_sound: OnSound, *, clock: Clock = monotonic_s) -> None:
        super().__init__(clock=clock)
        self.buffer = AudioJitterBuffer()
        self.num_decode_errors = 0
        self._on_sound = on_sound
        self._decoder: Any = None
        self._codec: Any = None
        self._timer: asyncio.TimerHandle | None = None

    async def _on_media(self, packet: MediaPacket, codec: Any, ssrc: int, now_s: float) -> None:
        if codec is not self._codec:
            self._codec, self._decoder = codec, get_decoder(codec)
        self._play(self.buffer.add(packet, now_s), now_s)

    def _play(self, packets: list[MediaPacket], now_s: float) -> None:
        for packet in packets:
            if not packet.data:
                continue
            self.counters.frames += 1
            try:
                frames = self._decoder.decode(JitterFrame(packet.data, packet.timestamp))
            except av.FFmpegError:
                self.num_decode_errors += 1
                continue
            for frame in frames:
                self._on_sound(frame, packet.timestamp, now_s)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if (deadline_s := self.buffer.deadline_s) is not None:
            self._timer = asyncio.get_running_loop().call_later(
                max(0.001, deadline_s - now_s), self._on_deadline
            )

    def _on_deadline(self) -> None:
        self._timer = None
        now_s = self._clock()
        self._play(self.buffer.poll(now_s), now_s)

    def close(self) -> None:
        """Stop waiting for gaps."""
        if self._timer is not None:
            self._timer.cancel()
