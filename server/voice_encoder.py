"""The voice as Opus packets, encoded where it is made.

20 ms take a tenth of a millisecond, so it happens in the event loop: aiortc's way through a thread
pool costs two hand-overs per packet, each at the mercy of whoever holds the interpreter, and the
listener's jitter buffer grows by what they vary. Low-delay mode looks 2.5 ms ahead instead of 6.5
(RFC 6716, section 2.1.9). Knows samples and packets; does not know when they leave.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import numpy as np

from avatar.frames import FloatArray
from server.sync import RATE_HZ

TIME_BASE = Fraction(1, RATE_HZ)
BITRATE_BPS = 64_000
"""Full-band mono: transparent (RFC 7587 recommends 40 kb/s and more for full-band speech)."""


class VoiceEncoder:
    """One stream of mono samples."""

    def __init__(self) -> None:
        codec: Any = av.CodecContext.create("libopus", "w")
        codec.bit_rate = BITRATE_BPS
        codec.format, codec.layout, codec.sample_rate = "s16", "mono", RATE_HZ
        codec.time_base = TIME_BASE
        codec.options = {"application": "lowdelay", "frame_duration": "20"}
        self._codec = codec
        self._count = 0

    def encode(self, samples_T: FloatArray, pts: int) -> av.Packet:
        """20 ms in [-1, 1] as a packet with `pts` in samples."""
        pcm = (np.clip(samples_T, -1.0, 1.0) * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(pcm[np.newaxis, :], format="s16", layout="mono")
        frame.sample_rate = RATE_HZ
        frame.time_base = TIME_BASE
        # The encoder's own count has no holes; the packet's may.
        frame.pts, self._count = self._count, self._count + len(samples_T)
        (packet,) = self._codec.encode(frame)
        packet.pts, packet.time_base = pts, TIME_BASE
        return packet
