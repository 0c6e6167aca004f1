"""Video encoders that a bandwidth estimate does not restart, in the place of aiortc's.

aiortc builds a new encoder, and with it a keyframe of ten to twenty times the usual size, whenever
the estimate moves by a tenth. Here `BitrateGovernor` moves the bitrate only when the network cannot
carry what is really sent, or has had room for much more for a while, and the encoder goes on: H264
is told the new rate, VP8 (whose wrapper in FFmpeg cannot be) is shown a clock that runs slower or
faster. Only a new picture size restarts it. Keyframes on request are debounced.

`encode` runs in the codec executor. Knows codecs and bits; does not know what is seen.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.vpx import Vp8Encoder
from av.video.frame import PictureType

from avatar.timing import Clock, monotonic_s
from server.config import VideoSection

TIME_BASE = Fraction(1, 90_000)


_ENOUGH_BITS_PER_PIXEL = 0.23
"""Measured: a person at 512 x 512 and 25 per second is at 48 dB with 1.44 Mb/s. More bits are more
packets for everyone."""


def enough_bps(width: int, height: int, fps: float) -> int:
    """What pictures of this size can make use of."""
    return round(_ENOUGH_BITS_PER_PIXEL * width * height * fps)


@dataclass(slots=True)
class BitrateGovernor:
    """Decides the encoder's bitrate: pure, the caller brings the time."""

    start_bps: int
    min_bps: int
    max_bps: int
    """Never more, and never more than `enough_bps` where that is known."""
    enough_bps: int | None = None
    DOWN_AFTER_S = 1.0
    UP_AFTER_S = 6.0
    target_bps: int = 0
    _sent: deque[tuple[float, int]] = field(default_factory=deque)
    _estimate_bps: int | None = None
    _congested_since_s: float | None = None
    _roomy_since_s: float | None = None

    def __post_init__(self) -> None:
        self.target_bps = self.start_bps

    def on_sent(self, num_bytes: int, now_s: float) -> None:
        """An encoded picture goes out."""
        self._sent.append((now_s, num_bytes))
        while self._sent[0][0] < now_s - 1.0:
            self._sent.popleft()

    @property
    def most_bps(self) -> int:
        """Where raising ends."""
        enough_bps = self.max_bps if self.enough_bps is None else self.enough_bps
        return min(self.max_bps, max(self.start_bps, enough_bps))

    @property
    def sent_bps(self) -> int:
        """Bits sent in the last second."""
        return 8 * sum(num_bytes for _, num_bytes in self._sent)

    def on_estimate(self, estimate_bps: int) -> None:
        """The receiver's estimate of what the network carries (REMB)."""
        self._estimate_bps = estimate_bps

    def update(self, now_s: float) -> int:
        """The bitrate to encode the next picture with."""
        estimate_bps = self._estimate_bps
        if estimate_bps is None:
            return self.target_bps
        sent_bps = self.sent_bps
        # An estimate below the target says nothing while less than it is sent anyway.
        is_congested = estimate_bps < 0.9 * self.target_bps and sent_bps > estimate_bps
        is_roomy = (
            self.target_bps < 0.9 * self.most_bps
            and estimate_bps > 1.4 * self.target_bps
            and sent_bps > 0.8 * self.target_bps
        )
        self._congested_since_s = (self._congested_since_s or now_s) if is_congested else None
        self._roomy_since_s = (self._roomy_since_s or now_s) if is_roomy else None
        if self._congested_since_s is not None and (
            now_s - self._congested_since_s >= self.DOWN_AFTER_S
        ):
            self.target_bps = max(self.min_bps, round(0.85 * estimate_bps))
            self._congested_since_s = None
        elif self._roomy_since_s is not None and now_s - self._roomy_since_s >= self.UP_AFTER_S:
            self.target_bps = min(self.most_bps, round(1.5 * self.target_bps))
            self._roomy_since_s = None
        return self.target_bps


@dataclass(slots=True)
class EncoderCounters:
    """What happened since the session began."""

    frames: int = 0
    keyframes: int = 0
    restarts: int = 0
    payload_bytes: int = 0
    keyframes_asked: int = 0


class RateClock:
    """Picture times that make a constant-bitrate encoder spend another rate than it was made for.

    libvpx gives a picture `bit_rate` times the time since the picture before it. Times that run at
    half speed halve what is sent; nothing but the rate control looks at them.
    """

    def __init__(self, made_for_bps: int) -> None:
        self._made_for_bps = made_for_bps
        self._shown = 0.0
        self._last_pts: int | None = None

    def show(self, pts: int, bitrate_bps: int) -> int:
        """The time to show the encoder for the picture at `pts`: always later than the last."""
        if self._last_pts is not None:
            step = (pts - self._last_pts) * bitrate_bps / self._made_for_bps
            self._shown += max(1.0, step)
        self._last_pts = pts
        return int(self._shown)


class SteadyEncoder:
    """Speaks aiortc's encoder interface: `encode`, `pack`, `target_bitrate`."""

    def __init__(
        self,
        codec_name: str,
        section: VideoSection,
        *,
        keyframe_interval_s: float,
        clock: Clock = monotonic_s,
    ) -> None:
        assert codec_name in ("VP8", "H264")
        self.codec_name = codec_name
        self.counters = EncoderCounters()
        self.governor = BitrateGovernor(
            section.start_bitrate_bps, section.min_bitrate_bps, section.max_bitrate_bps
        )
        self.durations_s: deque[float] = deque(maxlen=64)
        """Filled in the codec executor, emptied in the event loop, to which stage timers belong."""
        self.last_timestamp: int | None = None
        """Of the picture encoded last, before aiortc adds the stream's random origin."""
        self._fps = section.fps
        self._keyframe_interval_s = keyframe_interval_s
        self._clock = clock
        self._codec: Any = None
        self._rate_clock: RateClock | None = None
        self._picture_id = random.randrange(1 << 15)
        self._last_key_s = float("-inf")
        self._is_key_wanted = False

    def encode(self, frame: Any, force_keyframe: bool = False) -> tuple[list[bytes], int]:
        """An I420 av.VideoFrame (pts in 1/90000 s) into RTP payloads."""
        start_s = self._clock()
        bitrate_bps = self.governor.update(start_s)
        codec = self._codec
        if codec is not None and (codec.width, codec.height) != (frame.width, frame.height):
            codec = None
        if codec is None:
            if self._codec is not None:
                self.counters.restarts += 1
            codec = self._codec = self._new_codec(frame.width, frame.height, bitrate_bps)
            self._rate_clock = RateClock(bitrate_bps) if self.codec_name == "VP8" else None
        if force_keyframe:
            self.counters.keyframes_asked += 1
            self._is_key_wanted = True
        is_key_due = self._is_key_wanted and start_s - self._last_key_s >= self._keyframe_interval_s
        frame.pict_type = PictureType.I if is_key_due else PictureType.NONE
        pts = frame.pts
        if self._rate_clock is not None:
            frame.pts = self._rate_clock.show(pts, bitrate_bps)
        elif codec.bit_rate != bitrate_bps:
            codec.bit_rate = bitrate_bps
        data, is_key = b"", False
        for packet in codec.encode(frame):
            data += bytes(packet)
            is_key = is_key or bool(packet.is_keyframe)
        if is_key:
            self._last_key_s, self._is_key_wanted = start_s, False
            self.counters.keyframes += 1
        payloads = self._packetize(data)
        now_s = self._clock()
        self.counters.frames += 1
        self.counters.payload_bytes += len(data)
        self.governor.on_sent(len(data), now_s)
        self.durations_s.append(now_s - start_s)
        frame.pts = self.last_timestamp = pts
        return payloads, pts

    @property
    def target_bitrate(self) -> int:
        """Bits per second."""
        return self.governor.target_bps

    @target_bitrate.setter
    def target_bitrate(self, estimate_bps: int) -> None:
        # aiortc says here what the receiver estimates.
        self.governor.on_estimate(estimate_bps)

    def _packetize(self, data: bytes) -> list[bytes]:
        if self.codec_name == "VP8":
            payloads: list[bytes] = Vp8Encoder._packetize(data, self._picture_id)
            self._picture_id = (self._picture_id + 1) % (1 << 15)
            return payloads
        nal_units = H264Encoder._split_bitstream(data)
        h264_payloads: list[bytes] = H264Encoder._packetize(nal_units)
        return h264_payloads

    def _new_codec(self, width: int, height: int, bitrate_bps: int) -> Any:
        is_vp8 = self.codec_name == "VP8"
        self.governor.enough_bps = enough_bps(width, height, self._fps)
        codec = av.CodecContext.create("libvpx" if is_vp8 else "libx264", "w")
        codec.width, codec.height = width, height
        codec.pix_fmt = "yuv420p"
        codec.time_base = TIME_BASE
        codec.framerate = Fraction(round(self._fps * 1000), 1000)
        codec.bit_rate = bitrate_bps
        codec.gop_size = 3000  # keyframes on request only
        codec.thread_count = 1
        if is_vp8:
            codec.qmin, codec.qmax = 2, 56
            codec.options = {
                "deadline": "realtime",
                "cpu-used": "-10",  # against -6: two thirds of the time for 0.3 dB at 48
                "lag-in-frames": "0",
                # The same least and greatest rate means constant bitrate.
                "minrate": str(bitrate_bps),
                "maxrate": str(bitrate_bps),
                "bufsize": str(bitrate_bps // 2),
                "undershoot-pct": "100",
                "overshoot-pct": "15",
                "static-thresh": "1",
                "max-intra-rate": "500",
            }
        else:
            codec.profile = "Baseline"
            codec.options = {
                "preset": "veryfast",
                "tune": "zerolatency",
                "level": "31",
                "forced-idr": "1",
                "sc_threshold": "0",  # no keyframe of its own accord
                "maxrate": str(bitrate_bps),
                "bufsize": str(bitrate_bps // 2),
            }
        return codec
