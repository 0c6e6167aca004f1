"""When the next picture leaves: pure decisions of (state, waiting pictures, now).

A fresh picture leaves at once if the rate budget allows, because waiting for a fixed phase would
cost half an interval of latency. Where nothing fresh comes in time, the previous picture is held
(sent again) and counted, so that the stream never stops. After a stall there is no burst: the
budget never saves up more than a fraction of an interval. Knows seconds; does not know pictures.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

_JITTER_CREDIT = 0.5
"""Share of an interval by which a picture may be early: cameras and engines are no metronomes."""
_LATE_AFTER = 1.5
"""A picture is late, and the previous one held, this many intervals after the last one sent."""


class Action(StrEnum):
    """What the track does now."""

    SEND = "send"  # the waiting picture
    HOLD = "hold"  # the previous picture again
    WAIT = "wait"  # until `until_s`, or until a picture comes


@dataclass(frozen=True, slots=True)
class Decision:
    """An action; `until_s` is the time to look again at the latest."""

    action: Action
    until_s: float


@dataclass(frozen=True, slots=True)
class PacingState:
    """What has been sent so far."""

    period_s: float
    due_s: float = 0.0
    """When the rate budget has room for the next picture, jitter credit not counted."""
    last_sent_s: float | None = None
    was_held: bool = False
    """The last picture sent was a repetition."""


def decide(state: PacingState, *, is_fresh_waiting: bool, now_s: float) -> Decision:
    """What to do at `now_s`."""
    if state.last_sent_s is None:
        return Decision(Action.SEND if is_fresh_waiting else Action.WAIT, now_s + state.period_s)
    if is_fresh_waiting:
        earliest_s = state.due_s - _JITTER_CREDIT * state.period_s
        if now_s >= earliest_s:
            return Decision(Action.SEND, now_s)
        return Decision(Action.WAIT, earliest_s)
    hold_after_s = (1.0 if state.was_held else _LATE_AFTER) * state.period_s
    late_s = state.last_sent_s + hold_after_s
    if now_s >= late_s:
        return Decision(Action.HOLD, now_s)
    return Decision(Action.WAIT, late_s)


def sent(state: PacingState, *, is_held: bool, now_s: float) -> PacingState:
    """The state after a picture left at `now_s`."""
    if state.last_sent_s is None:
        due_s = now_s + state.period_s
    else:
        # Time not used is lost (no burst after a stall), but for a small jitter credit.
        due_s = max(state.due_s, now_s - _JITTER_CREDIT * state.period_s) + state.period_s
    return replace(state, due_s=due_s, last_sent_s=now_s, was_held=is_held)


@dataclass(slots=True)
class RateGate:
    """Lets at most `1 / period_s` frames a second pass, early ones by the same credit."""

    period_s: float
    _state: PacingState | None = None

    def passes(self, now_s: float) -> bool:
        """Whether a frame that came at `now_s` may go on."""
        state = self._state or PacingState(self.period_s)
        if decide(state, is_fresh_waiting=True, now_s=now_s).action is not Action.SEND:
            return False
        self._state = sent(state, is_held=False, now_s=now_s)
        return True
