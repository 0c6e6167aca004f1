"""Whether an engine that has fallen behind takes the next picture or the newest: a pure decision.

One slow push (a body tracked beside it, another program's turn) is caught up with where pushes
usually leave time for it: nothing is lost, and the delay is gone after a picture or two. An engine
that is too slow on the whole leaves pictures out instead, or its delay would stay. How many can
wait is the ring's matter. Knows seconds; does not know pictures.
"""

from __future__ import annotations

_SHARE = 0.8
"""Of the interval that a usual push may take, so that there is time to catch up in."""
_MEMORY = 0.05
"""Weight of the newest push: about the last 20 count."""


class PushPace:
    """How long pushes take, against the interval between pictures."""

    def __init__(self, period_s: float) -> None:
        self._limit_s = _SHARE * period_s
        self._usual_s = 0.0

    def note(self, duration_s: float) -> None:
        """A push took that long."""
        self._usual_s += _MEMORY * (duration_s - self._usual_s)

    @property
    def can_catch_up(self) -> bool:
        """Pushes usually leave time over."""
        return self._usual_s < self._limit_s
