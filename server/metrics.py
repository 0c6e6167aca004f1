"""The server's numbers for Prometheus, read from where they are kept when somebody asks.

Knows names and help texts; owns no counter but those of sessions that are over. Nothing in here
says who anybody is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from avatar.timing import LatencySummary
from server.builder import BuilderLike
from server.characters import CharacterStore
from server.engine import Engine, EngineState
from server.session import Session
from server.session_table import SessionTable

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_PREFIX = "liveactor_"


class Metrics(Collector):
    """Everything `/metrics` shows."""

    def __init__(
        self, table: SessionTable, engine: Engine, characters: CharacterStore, builder: BuilderLike
    ) -> None:
        self._table = table
        self._engine = engine
        self._characters = characters
        self._builder = builder
        self._past_counts: Counter[str] = Counter()
        self._past_drops: Counter[str] = Counter()
        self.http_refusals: Counter[str] = Counter()
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)

    def on_session_closed(self, session: Session) -> None:
        """Keep the counters of a session that is over."""
        self._past_counts.update(session.stats.counts())
        self._past_drops.update(session.stats.drops())

    def render(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self._registry)

    def collect(self) -> Iterable[GaugeMetricFamily | CounterMetricFamily]:
        """Called by the registry."""
        sessions = list(self._table)
        yield _gauge("sessions", "Slots that are taken.", len(sessions))
        yield _counter("sessions_started", "Sessions begun.", self._table.num_started)
        yield _counter("sessions_refused", "Offers refused with 503.", self._table.num_refused)
        is_ready = self._engine.state is EngineState.READY
        yield _gauge("engine_ready", "1 while the engine can render.", int(is_ready))
        yield _counter("engine_restarts", "Engine processes lost.", self._engine.num_restarts)
        yield _counter("builder_restarts", "Builder processes lost.", self._builder.num_killed)
        yield _gauge("uploads", "Uploaded characters in memory.", self._characters.num_uploads)
        yield _gauge("characters", "Built-in characters.", self._characters.num_built_in)
        yield _gauge(
            "characters_open", "Built-in characters ready in memory.", self._characters.num_open
        )
        counts, drops = Counter(self._past_counts), Counter(self._past_drops)
        for session in sessions:
            counts.update(session.stats.counts())
            drops.update(session.stats.drops())
        yield _labelled("events", "What happened in sessions.", "event", counts)
        yield _labelled("frames_dropped", "Pictures lost per hop.", "hop", drops)
        yield _labelled("http_refusals", "Requests refused.", "code", self.http_refusals)
        yield self._stages(sessions)
        yield from self._lip_sync(sessions)
        depths = [session.stats.queue_depths() for session in sessions]
        family = GaugeMetricFamily(
            _PREFIX + "queue_depth",
            "What waits in a queue, most of all sessions.",
            labels=["queue"],
        )
        for queue in depths[0] if depths else ():
            family.add_metric([queue], max(depth[queue] for depth in depths))
        yield family

    def _lip_sync(self, sessions: list[Session]) -> Iterable[GaugeMetricFamily]:
        lips = [session.lips for session in sessions]
        yield _gauge(
            "voice_delay_seconds",
            "By how much the voice is held back, longest of all sessions.",
            max((session.line.lag_s or 0.0 for session in sessions), default=0.0),
        )
        yield _gauge(
            "picture_hold_seconds",
            "By how much pictures are held back for the voice, longest of all sessions.",
            max((one.hold_s for one in lips), default=0.0),
        )
        yield _gauge(
            "voice_skew_seconds",
            "By how much the voice is heard after the picture is seen, largest.",
            max((one.skew_s or 0.0 for one in lips), key=abs, default=0.0),
        )
        yield _gauge(
            "uplink_skew_seconds",
            "By how much longer the picture's way to us is than the voice's, largest.",
            max((one.uplink_skew_s for one in lips), key=abs, default=0.0),
        )

    def _stages(self, sessions: list[Session]) -> GaugeMetricFamily:
        family = GaugeMetricFamily(
            _PREFIX + "stage_seconds",
            "Latency per stage over the last seconds of the sessions that are live.",
            labels=["stage", "quantile"],
        )
        worst: dict[str, LatencySummary] = {}
        for session in sessions:
            for stage, summary in session.timers.summary().items():
                if stage not in worst or summary.p95_s > worst[stage].p95_s:
                    worst[stage] = summary
        for stage, summary in sorted(worst.items()):
            family.add_metric([stage, "0.5"], summary.p50_s)
            family.add_metric([stage, "0.95"], summary.p95_s)
        return family


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(_PREFIX + name, text, value=value)


def _counter(name: str, text: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(_PREFIX + name, text, value=value)


def _labelled(name: str, text: str, label: str, values: Counter[str]) -> CounterMetricFamily:
    family = CounterMetricFamily(_PREFIX + name, text, labels=[label])
    for key in sorted(values):
        family.add_metric([key], values[key])
    return family
