"""When to ask again for lost packets, and when for a keyframe: pure decisions.

A missing packet is asked for at once and then once per round trip until it comes; a gap that blocks
the picture for longer than `blocked_before_pli_s` asks for a keyframe, at most once per
`pli_interval_s`. Knows sequence numbers and seconds; does not know RTCP's bytes.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

MAX_TRIES = 10
MAX_NACKED = 128
"""Packets asked for at a time: a longer gap is a case for a keyframe."""
_MIN_REPEAT_S = 0.015
_MAX_REPEAT_S = 0.2
_UNKNOWN_ROUND_TRIP_S = 0.05


@dataclass(frozen=True, slots=True)
class Requests:
    """What to send now, and when to ask again at the latest."""

    nack: tuple[int, ...]
    is_pli: bool
    next_s: float | None


@dataclass(slots=True)
class _Wanted:
    since_s: float
    last_s: float = -1.0
    num_tries: int = 0


@dataclass(slots=True)
class LossRecovery:
    """Memory of what was asked for."""

    blocked_before_pli_s: float = 0.12
    pli_interval_s: float = 0.3
    num_nacked: int = 0
    num_pli: int = 0
    _wanted: dict[int, _Wanted] = field(default_factory=dict)
    _last_pli_s: float = float("-inf")
    _needs_key_since_s: float | None = None

    def poll(
        self,
        missing: Collection[int],
        *,
        needs_key: bool,
        round_trip_s: float | None,
        now_s: float,
    ) -> Requests:
        """Decide for the packets missing now; `needs_key`: nothing can be shown without one."""
        awaited = list(missing)[:MAX_NACKED]
        kept = set(awaited)
        for number in [n for n in self._wanted if n not in kept]:
            del self._wanted[number]
        repeat_s = min(
            _MAX_REPEAT_S,
            max(_MIN_REPEAT_S, 1.25 * (round_trip_s or _UNKNOWN_ROUND_TRIP_S)),
        )
        nack: list[int] = []
        next_s: float | None = None
        for number in awaited:
            wanted = self._wanted.setdefault(number, _Wanted(now_s))
            if wanted.num_tries >= MAX_TRIES:
                continue
            due_s = wanted.last_s + repeat_s
            if wanted.num_tries == 0 or now_s >= due_s:
                wanted.last_s, wanted.num_tries = now_s, wanted.num_tries + 1
                due_s = now_s + repeat_s
                nack.append(number)
            next_s = due_s if next_s is None else min(next_s, due_s)
        self.num_nacked += len(nack)

        oldest_s = min((w.since_s for w in self._wanted.values()), default=None)
        pli_due_s: float | None = None
        if needs_key:
            pli_due_s = now_s
        elif oldest_s is not None:
            pli_due_s = oldest_s + max(self.blocked_before_pli_s, 2 * (round_trip_s or 0.0))
        is_pli = False
        if pli_due_s is not None:
            pli_due_s = max(pli_due_s, self._last_pli_s + self.pli_interval_s)
            if now_s >= pli_due_s:
                is_pli = True
                self.num_pli += 1
                self._last_pli_s = now_s
                pli_due_s = now_s + self.pli_interval_s
            next_s = pli_due_s if next_s is None else min(next_s, pli_due_s)
        return Requests(tuple(nack), is_pli, next_s)
