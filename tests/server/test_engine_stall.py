"""An engine that lives but renders nothing is replaced, and the session goes on."""

from __future__ import annotations

import os
import signal
from dataclasses import replace

from server.config import ServeConfig, SessionsSection
from tests.server.live import calling, running_server, until

CONFIG = ServeConfig(sessions=SessionsSection(max_sessions=1))


async def test_a_stopped_engine_is_replaced_within_the_session() -> None:
    engine = replace(CONFIG.engine, stall_timeout_s=2.0)
    async with running_server(replace(CONFIG, engine=engine)) as server, calling(server):
        (session,) = server.table
        pid = server.engine.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        await until(lambda: server.engine.num_restarts == 1, "the stall is noticed")
        rendered = session.stats.num_rendered
        await until(lambda: session.stats.num_rendered > rendered + 10, "it renders again", 60.0)
        assert session.state.value == "live"
