"""When the next picture leaves: pure decisions of (state, waiting pictures, now).

A fresh picture leaves at once if the rate budget allows, because waiting for a fixed phase would
cost half an interval of latency. Where nothing fresh comes in time, the previous picture is held
(sent again) and counted, so that the stream never stops; a hold costs nothing of the budget, or one
late picture would delay all that follow. After a stall there is no burst: the budget never saves up
more than its credit. Knows seconds; does not know pictures.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

_LATE_AFTER = 2.0
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
    credit: float = 0.75
    """Share of an interval by which a picture may come early: engines are no metronomes."""
    headroom: float = 1.15
    """By how much more than one picture per interval may leave, to make up for late ones."""
    due_s: float = float("-inf")
    """When the rate budget has room for the next fresh picture, credit not counted."""
    last_fresh_s: float = float("-inf")
    last_sent_s: float | None = None
    was_held: bool = False
    """The last picture sent was a repetition."""


def decide(
    state: PacingState, *, is_fresh_waiting: bool, now_s: float, is_mid_chunk: bool = False
) -> Decision:
    """What to do at `now_s`; `is_mid_chunk`: the waiting picture was rendered together with the
    one before it, and follows it a whole interval later."""
    if is_fresh_waiting:
        earliest_s = state.due_s - state.credit * state.period_s
        if is_mid_chunk:
            earliest_s = max(earliest_s, state.last_fresh_s + state.period_s)
        if now_s >= earliest_s:
            return Decision(Action.SEND, now_s)
        return Decision(Action.WAIT, earliest_s)
    if state.last_sent_s is None:
        return Decision(Action.WAIT, now_s + state.period_s)
    late_s = state.last_sent_s + (1.0 if state.was_held else _LATE_AFTER) * state.period_s
    if now_s >= late_s:
        return Decision(Action.HOLD, now_s)
    return Decision(Action.WAIT, late_s)


def sent(state: PacingState, *, is_held: bool, now_s: float) -> PacingState:
    """The state after a picture left at `now_s`."""
    if is_held:
        return replace(state, last_sent_s=now_s, was_held=True)
    due_s = max(state.due_s, now_s) + state.period_s / state.headroom
    return replace(state, due_s=due_s, last_fresh_s=now_s, last_sent_s=now_s, was_held=False)


class RateGate:
    """Lets one frame per interval pass, early ones by half an interval, and hardly more on average.

    A camera of the same nominal rate may be a little quicker; leaving out every hundredth of its
    frames would be seen, and costs more than it saves. Asked by the frames' own times, not by their
    arrivals: those bunch up, and a late frame must not cost the next one its place.
    """

    TOLERANCE = 1.02

    def __init__(self, period_s: float) -> None:
        self._period_s = period_s / self.TOLERANCE
        self._due_s = float("-inf")

    def passes(self, taken_s: float) -> bool:
        """Whether a frame that was taken at `taken_s` may go on."""
        if taken_s < self._due_s - 0.5 * self._period_s:
            return False
        self._due_s = max(self._due_s, taken_s - 0.5 * self._period_s) + self._period_s
        return True
