"""A session's counters as one `stats` message. Knows where numbers are kept; changes nothing."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING

from avatar.frames import Tracking
from avatar.timing import Clock
from server import protocol
from server.engine_messages import RenderedMeta

if TYPE_CHECKING:
    from server.session import Session

_STATE_WORDS = {"live": "live", "closing": "closing", "closed": "closing"}


class _Rate:
    """Per-second rate of a counter between two snapshots."""

    def __init__(self) -> None:
        self._history: deque[tuple[float, float]] = deque(maxlen=4)

    def of(self, value: float, now_s: float) -> float:
        self._history.append((now_s, value))
        (first_s, first), (last_s, last) = self._history[0], self._history[-1]
        return (last - first) / (last_s - first_s) if last_s > first_s else 0.0


class SessionStats:
    """Sums up one session, twice a second."""

    def __init__(self, session: Session, clock: Clock) -> None:
        self._session = session
        self._clock = clock
        self._rates: dict[str, _Rate] = {}
        self._tracking = "none"
        self._num_in_state: Counter[Tracking] = Counter()
        self._num_by_voice = 0
        self.num_rendered = 0
        self.num_to_engine_dropped = 0

    def on_rendered(self, meta: RenderedMeta) -> None:
        """A picture came out of the engine."""
        self.num_rendered += 1
        self.num_to_engine_dropped += meta.num_skipped
        self._tracking = meta.tracking.value
        self._num_in_state[meta.tracking] += 1
        self._num_by_voice += meta.voice_lag_s is not None

    def drops(self) -> dict[str, int]:
        """Pictures lost per hop since the session began."""
        session = self._session
        video = session.peer.video_receiver if session.peer else None
        return {
            "network": video.buffer.num_given_up if video else 0,
            "decode": video.decoder.num_dropped + video.decoder.num_too_large if video else 0,
            "over_rate": session.intake.num_over_rate,
            "to_engine": self.num_to_engine_dropped,
            "from_engine": session.lane.num_to_sender_dropped,
            "to_sender": session.video_track.counters.dropped,
        }

    def counts(self) -> dict[str, int]:
        """Other counters since the session began."""
        session = self._session
        peer = session.peer
        video = peer.video_receiver if peer else None
        audio = peer.audio_receiver if peer else None
        encoder = peer.encoder if peer else None
        track, voice, line = (
            session.video_track.counters,
            session.voice_track.counters,
            session.line.counters,
        )
        return {
            "decoded": session.intake.num_pictures,
            "rendered": self.num_rendered,
            "sent": track.sent,
            "held": track.held,
            "late": track.late,
            "nack": video.recovery.num_nacked if video else 0,
            "pli": video.recovery.num_pli if video else 0,
            "decode_errors": video.decoder.num_errors if video else 0,
            "malformed": (video.counters.malformed if video else 0)
            + (audio.counters.malformed if audio else 0),
            "keyframes": encoder.counters.keyframes if encoder else 0,
            "encoder_restarts": encoder.counters.restarts if encoder else 0,
            "voice_lost": audio.buffer.num_lost if audio else 0,
            "voice_silent": line.silent_frames,
            "voice_jumps": line.jumps,
            "voice_slewed": line.slewed_frames,
            "voice_skipped": voice.skipped,
            "voice_awaited": voice.awaited,
            "bad_message": session.num_bad_messages,
            "mouth_by_voice": self._num_by_voice,
            **{f"face_{state.value}": self._num_in_state[state] for state in Tracking},
        }

    def queue_depths(self) -> dict[str, float]:
        """What waits at this moment: pictures, packets, and milliseconds of voice."""
        session = self._session
        video = session.peer.video_receiver if session.peer else None
        return {
            "packets": video.buffer.num_held if video else 0,
            "to_decoder": video.decoder.num_waiting if video else 0,
            "to_sender": session.video_track.num_waiting,
            "voice_ms": round(1e3 * session.line.held_s, 1),
        }

    def snapshot(self) -> protocol.Stats:
        """The message of this moment."""
        session, now_s = self._session, self._clock()
        peer = session.peer
        counts = self.counts()
        stages = {
            name: protocol.StageLatency(
                round(1e3 * summary.p50_s, 2), round(1e3 * summary.p95_s, 2)
            )
            for name, summary in session.timers.summary().items()
        }
        video = peer.video_receiver if peer else None
        encoder = peer.encoder if peer else None
        bits_in = 8 * video.counters.payload_bytes if video else 0
        bits_out = 8 * encoder.counters.payload_bytes if encoder else 0
        round_trip_s = peer.round_trip_s if peer else None
        skew_s = session.lips.skew_s
        return protocol.Stats(
            state=_STATE_WORDS.get(session.state.value, "connecting"),
            engine=session.engine_state.value,
            tracking=self._tracking,
            fps_in=round(self._rate("decoded", counts["decoded"], now_s), 1),
            fps_engine=round(self._rate("rendered", counts["rendered"], now_s), 1),
            fps_out=round(self._rate("sent", counts["sent"], now_s), 1),
            stages=stages,
            drops=self.drops(),
            counts=counts,
            bitrate_in_bps=round(self._rate("bits_in", bits_in, now_s)),
            bitrate_out_bps=round(self._rate("bits_out", bits_out, now_s)),
            voice_delay_ms=round(1e3 * (session.line.lag_s or 0.0), 1),
            picture_hold_ms=round(1e3 * session.lips.hold_s, 1),
            voice_skew_ms=None if skew_s is None else round(1e3 * skew_s, 1),
            round_trip_ms=None if round_trip_s is None else round(1e3 * round_trip_s, 1),
            frames=self._traces(),
        )

    def _traces(self) -> tuple[protocol.FrameTrace, ...]:
        session = self._session
        origin = session.peer.sent_rtp_origin if session.peer else None
        recent = session.video_track.recent
        if origin is None:
            return ()
        traces = tuple(
            protocol.FrameTrace(
                sent.driving_rtp_timestamp,
                (origin + sent.pts) % (1 << 32),
                round(1e3 * sent.server_s, 2),
            )
            for sent in recent
        )
        recent.clear()
        return traces

    def _rate(self, name: str, value: float, now_s: float) -> float:
        return self._rates.setdefault(name, _Rate()).of(value, now_s)
