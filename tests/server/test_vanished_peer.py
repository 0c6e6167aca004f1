"""A peer that vanishes leaves its slot in time: the settings as shipped, on a clock that jumps."""

from __future__ import annotations

import asyncio
import selectors
from typing import Any
from unittest.mock import MagicMock

import pytest

from server.config import ServeConfig
from server.overlays import OverlayPeer
from server.peer import Peer, PeerCallbacks
from server.protocol import HEARTBEAT_INTERVAL_S, SLOT_FREE_S, Notice
from server.session import Session
from server.session_state import SessionState
from server.speak import SpeakSocket


class _JumpingSelector(selectors.SelectSelector):
    """Never waits: what a wait would have taken is added to the time."""

    now_s = 100.0

    def select(self, timeout: float | None = None) -> list[Any]:
        assert timeout is not None, "everybody waits for ever"
        self.now_s += timeout
        return super().select(0)


class _JumpingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.selector = _JumpingSelector()
        super().__init__(self.selector)

    def time(self) -> float:
        return self.selector.now_s


async def _never(*_: object, **__: object) -> None:
    await asyncio.get_running_loop().create_future()


async def _vanish(last_said_s: float) -> tuple[float, str]:
    """How long after its last packet the slot of a live session is free, and why it ended.

    Nothing at the other ends answers: the page, an overlay and a speaking application.
    """
    clock = asyncio.get_running_loop().time
    config = ServeConfig()
    session = Session(config, MagicMock(on_state=[]), MagicMock(), MagicMock(), clock=clock)
    callbacks = PeerCallbacks(session._on_open, session._on_message, session._on_connection)
    session.peer = Peer(
        config,
        session.intake,
        session.video_track,
        session.voice_track,
        callbacks,
        timers=session.timers,
        clock=clock,
    )
    overlay = OverlayPeer(config, session.overlays._drop, clock=clock)
    session.overlays._peers.append(overlay)
    session.speaker = SpeakSocket(session.speech, session.id)
    ends: list[Any] = [session.peer._pc, overlay._connection, session.speaker._socket]
    closings = [end.close for end in ends[:2]]
    for end in ends:
        end.close = _never
    say = MagicMock()
    session.peer.say = say  # type: ignore[method-assign]
    session.stats = MagicMock()
    session.stats.snapshot.return_value = Notice("figures", "There is no engine to have any.")
    for state in (SessionState.NEGOTIATING, SessionState.CONNECTING):
        session._machine.enter(state)
    session._on_connection("connected")
    session._start(session._watch())
    await asyncio.sleep(last_said_s)
    session._last_heartbeat_s = silent_since_s = clock()
    await session.closed.wait()
    took_s = clock() - silent_since_s
    for close in closings:
        await close()
    return took_s, say.call_args.args[0]


@pytest.mark.parametrize("last_said_s", [0.01, 0.24, 0.49, 3.26])
def test_its_slot_is_free_in_time(last_said_s: float) -> None:
    with asyncio.Runner(loop_factory=_JumpingLoop) as runner:
        took_s, last_word = runner.run(_vanish(last_said_s))
    assert took_s <= SLOT_FREE_S
    assert took_s > 1.5 * HEARTBEAT_INTERVAL_S, "one late word is forgiven"
    assert "timeout" in last_word
