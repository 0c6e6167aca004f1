"""What the engine says of a mouth that the voice moves reaches the statistics."""

from __future__ import annotations

from avatar.frames import Tracking
from server.engine_messages import RenderedMeta
from server.session_stats import SessionStats


def _meta(tracking: Tracking, lag_s: float | None) -> RenderedMeta:
    return RenderedMeta(1, 0, 0, 0.0, 0.0, 0.0, 0.0, 1, True, 0, tracking, {}, lag_s)


def test_every_rung_of_the_ladder_is_counted() -> None:
    stats = SessionStats(None, lambda: 0.0)  # type: ignore[arg-type]
    for tracking, lag_s in (
        (Tracking.TRACKED, None),
        (Tracking.TRACKED, 0.08),
        (Tracking.LOST, 0.09),
        (Tracking.LOST, None),
    ):
        stats.on_rendered(_meta(tracking, lag_s))
    assert stats._num_by_voice == 2
    assert stats._num_in_state == {Tracking.TRACKED: 2, Tracking.LOST: 2}
