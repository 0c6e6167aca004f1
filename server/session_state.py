"""The life of a session as a checked state machine. Knows words and arrows only."""

from __future__ import annotations

from enum import StrEnum


class SessionState(StrEnum):
    """Where a session is in its life."""

    RESERVED = "reserved"  # a slot is taken, nothing has been done yet
    NEGOTIATING = "negotiating"  # the offer is being answered
    CONNECTING = "connecting"  # answered; media does not flow yet
    LIVE = "live"
    CLOSING = "closing"
    CLOSED = "closed"


ARROWS: dict[SessionState, frozenset[SessionState]] = {
    SessionState.RESERVED: frozenset({SessionState.NEGOTIATING, SessionState.CLOSING}),
    SessionState.NEGOTIATING: frozenset({SessionState.CONNECTING, SessionState.CLOSING}),
    SessionState.CONNECTING: frozenset({SessionState.LIVE, SessionState.CLOSING}),
    SessionState.LIVE: frozenset({SessionState.CLOSING}),
    SessionState.CLOSING: frozenset({SessionState.CLOSED}),
    SessionState.CLOSED: frozenset(),
}


class IllegalTransition(RuntimeError):
    """A step that the state machine does not have: a bug of ours."""


class StateMachine:
    """Holds the state; every step is checked."""

    def __init__(self) -> None:
        self.state = SessionState.RESERVED

    def enter(self, state: SessionState) -> None:
        """Go on to `state`. Raises IllegalTransition."""
        if state not in ARROWS[self.state]:
            allowed = ", ".join(sorted(ARROWS[self.state])) or "nothing"
            raise IllegalTransition(f"from {self.state} only to {allowed}, not to {state}")
        self.state = state

    @property
    def is_over(self) -> bool:
        """Closing or closed."""
        return self.state in (SessionState.CLOSING, SessionState.CLOSED)
