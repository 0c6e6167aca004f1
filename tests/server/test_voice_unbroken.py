"""Whatever befalls the pictures, the voice that goes back has no hole: its very samples."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from dataclasses import replace
from typing import Any

import numpy as np

from avatar.frames import FloatArray
from avatar.timing import monotonic_s
from server.config import ServeConfig, SessionsSection
from server.session import Session
from server.sync import RATE_HZ
from tests.server.live import calling, running_server, until

CONFIG = ServeConfig(sessions=SessionsSection(max_sessions=1))
_HEARD = 0.05
"""The microphone's tone is at a quarter of full scale."""
_EVEN_S = 0.05
_SETTLED_S = 1.0


class _Ear:
    """Listens to what a session sends back, piece by piece, before it is encoded.

    On a machine that is busy this process (caller and server in one) stands still now and then, and
    the microphone with it. Pieces within a second of that are not judged; those that are count.
    """

    def __init__(self, session: Session) -> None:
        self._line = session.line
        self._push, self._pull = self._line.push, self._line.pull
        self._line.push = self._on_push  # type: ignore[method-assign]
        self._line.pull = self._on_pull  # type: ignore[method-assign]
        self._pushed_s = self._pulled_s = self._uneven_s = monotonic_s()
        self.num_judged = 0
        self.holes_s: list[float] = []

    def _note(self, since_s: float) -> float:
        now_s = monotonic_s()
        if now_s - since_s > _EVEN_S:
            self._uneven_s = now_s
        return now_s

    def _on_push(self, samples_T: FloatArray, timestamp: int, arrival_s: float) -> None:
        self._pushed_s = self._note(self._pushed_s)
        self._push(samples_T, timestamp, arrival_s)

    def _on_pull(self, delay_s: float, now_s: float) -> FloatArray:
        self._note(self._pushed_s)
        self._pulled_s = at_s = self._note(self._pulled_s)
        heard_T = self._pull(delay_s, now_s)
        if at_s - self._uneven_s > _SETTLED_S:
            self.num_judged += 1
            loud = np.flatnonzero(np.abs(heard_T) > _HEARD)
            hole_s = float(np.diff(np.r_[-1, loud, len(heard_T)]).max()) / RATE_HZ
            if hole_s > 0.002:
                self.holes_s.append(hole_s)
        return heard_T

    async def has_judged(self, num_more: int) -> None:
        """Wait until so many more pieces were judged."""
        wanted = self.num_judged + num_more
        await until(lambda: self.num_judged >= wanted, "enough is heard", 60.0)


def _lose_video(sender: Any, loss: float, seed: int) -> list[int]:
    """Of the packets of this sender's stream that leave, lose some; returns what counts them."""
    transport, chance, lost = sender.transport, random.Random(seed), [0]
    send = transport._send_rtp

    async def lossy(packet: bytes) -> None:
        is_rtp = not 192 <= packet[1] <= 223
        if is_rtp and int.from_bytes(packet[8:12]) == sender._ssrc and chance.random() < loss:
            lost[0] += 1
        else:
            await send(packet)

    transport._send_rtp = lossy
    return lost


async def test_five_percent_of_the_pictures_packets_are_lost() -> None:
    async with running_server(CONFIG) as server, calling(server) as caller:
        (session,) = server.table
        assert session.peer is not None
        up = _lose_video(caller.pc.getSenders()[0], 0.05, 1)
        down = _lose_video(session.peer._video.sender, 0.05, 2)
        ear = _Ear(session)
        await until(lambda: up[0] > 10 and down[0] > 10, "packets are lost", 60.0)
        await ear.has_judged(150)
        assert ear.holes_s == []


async def test_the_engine_is_slow_then_stands_still_then_dies() -> None:
    engine = replace(CONFIG.engine, stall_timeout_s=120.0)  # it is killed here, not there
    async with running_server(replace(CONFIG, engine=engine)) as server, calling(server):
        (session,) = server.table
        pid = server.engine.pid
        assert pid is not None
        ear = _Ear(session)
        for _ in range(12):  # pictures come late and few
            os.kill(pid, signal.SIGSTOP)
            await asyncio.sleep(0.35)
            os.kill(pid, signal.SIGCONT)
            await asyncio.sleep(0.1)
        os.kill(pid, signal.SIGSTOP)
        await ear.has_judged(50)
        os.kill(pid, signal.SIGCONT)
        num_rendered = session.stats.num_rendered
        await until(lambda: session.stats.num_rendered > num_rendered + 25, "it recovers")
        os.kill(pid, signal.SIGKILL)
        await until(lambda: server.engine.num_restarts == 1, "it is replaced")
        num_rendered = session.stats.num_rendered
        await until(lambda: session.stats.num_rendered > num_rendered + 10, "it renders", 60.0)
        await ear.has_judged(100)
        assert ear.holes_s == []
