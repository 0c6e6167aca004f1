"""Who holds which slot. A slot is reserved before anything else is done for a session.

Knows how many there may be and that a slot is free again only when everything of its session is
gone; does not know what a session does.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable, Iterator

from avatar.errors import SessionError
from avatar.timing import Clock, monotonic_s
from server.config import ServeConfig
from server.engine import Engine
from server.session import CharacterSource, Session
from server.session_state import SessionState


class SessionTable:
    """All sessions of this server."""

    def __init__(
        self,
        config: ServeConfig,
        engine: Engine,
        characters: CharacterSource,
        *,
        clock: Clock = monotonic_s,
    ) -> None:
        self._config = config
        self._engine = engine
        self._characters = characters
        self._clock = clock
        self._sessions: dict[str, Session] = {}
        self._is_closing = False
        self.idle = asyncio.Event()
        """Set while there is no session."""
        self.idle.set()
        self.on_closed: list[Callable[[Session], None]] = []
        self.num_started = 0
        self.num_refused = 0

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._sessions.values()))

    def __len__(self) -> int:
        return len(self._sessions)

    def find(self, session_id: str) -> Session | None:
        """The session of an id."""
        return self._sessions.get(session_id)

    def find_by_overlay_key(self, key: str) -> Session | None:
        """The live session that an overlay may look on."""
        for session in self._sessions.values():
            kept = session.overlay_key
            if (
                kept is not None
                and hmac.compare_digest(kept.encode(), key.encode())
                and session.state is SessionState.LIVE
            ):
                return session
        return None

    def reserve(self) -> Session:
        """Take a slot: no await between the look and the taking, so no two get the same one.

        Raises SessionError (503) where none is free.
        """
        retry_s = self._config.sessions.retry_after_s
        if self._is_closing:
            raise SessionError(503, "The server is shutting down.", retry_after_s=retry_s)
        # A reserved session has not opened its lane yet: the lane counts as held all the same.
        held = {session.lane.index for session in self._sessions.values()}
        free = (lane for lane in self._engine.lanes if lane.is_free and lane.index not in held)
        lane = next(free, None)
        if lane is None or len(self._sessions) >= self._config.sessions.max_sessions:
            self.num_refused += 1
            raise SessionError(
                503, "All places are taken; try again in a moment.", retry_after_s=retry_s
            )
        session = Session(self._config, self._engine, lane, self._characters, clock=self._clock)
        self._sessions[session.id] = session
        self.idle.clear()
        session.on_closed.extend([self._forget, *self.on_closed])
        self.num_started += 1
        return session

    def _forget(self, session: Session) -> None:
        self._sessions.pop(session.id, None)
        if not self._sessions:
            self.idle.set()

    async def close_all(self, reason: str) -> None:
        """Close every session and take no new one."""
        self._is_closing = True
        await asyncio.gather(*(session.close(reason) for session in self), return_exceptions=True)
