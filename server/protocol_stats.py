"""The wire's longest message: how a session fares, as the server says it again and again.

Part of `server.protocol`, which hands its names out; standard library only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class StageLatency:
    """Percentiles of one stage over the last seconds, in milliseconds (shown to people)."""

    p50_ms: float
    p95_ms: float


@dataclass(frozen=True, slots=True)
class FrameTrace:
    """One rendered picture on its way: lets the page put glass-to-glass together."""

    driving_rtp_timestamp: int
    """RTP timestamp (90 kHz) that the driving frame arrived with, as sent by the page."""
    sent_rtp_timestamp: int
    """RTP timestamp that the rendered frame leaves with (as in requestVideoFrameCallback)."""
    server_ms: float
    """From arrival of the driving frame's last packet to hand-over to the sender."""


@dataclass(frozen=True, slots=True)
class Stats:
    """How the session fares; every STATS_INTERVAL_S."""

    type: ClassVar[str] = "stats"
    state: str
    """Session state: connecting | live | closing."""
    engine: str
    """starting | ready | restarting"""
    tracking: str
    """tracked | held | easing | lost, or 'none' before the first rendered frame."""
    fps_in: float
    """Driving frames decoded per second."""
    fps_engine: float
    """Pictures rendered per second."""
    fps_out: float
    """Pictures handed to the encoder per second, repeated ones included."""
    stages: Mapping[str, StageLatency]
    """receive, to_engine, motion, render, ..., to_sender, encode, server (the sum)."""
    drops: Mapping[str, int]
    """Frames lost per hop since the session began: decode, to_engine, to_sender, ..."""
    counts: Mapping[str, int]
    """Other counters since the session began: sent, held, nack, pli, bad_message, ..."""
    bitrate_in_bps: float
    bitrate_out_bps: float
    voice_delay_ms: float
    """By how much the voice is held back to match the picture."""
    picture_hold_ms: float
    """By how much the picture is held back to match the voice."""
    voice_skew_ms: float | None
    """By how much the voice is heard after the picture is seen; null until the page has reported
    (`playout`)."""
    round_trip_ms: float | None
    """RTCP round trip; null until known."""
    frames: tuple[FrameTrace, ...] = ()
