"""A bad network on purpose, for tests and benchmarks: media packets lost and reordered.

Knows datagrams and probabilities; signalling, DTLS and the data channel pass untouched. Off unless
the configuration's `[impairment]` says otherwise.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable

from server.config import ImpairmentSection

_MAX_PLACES = 4
"""A reordered packet is overtaken by 1 to this many others."""

Send = Callable[[bytes], Awaitable[None]]
Receive = Callable[[], Awaitable[bytes]]


def is_media(datagram: bytes) -> bool:
    """RTP or RTCP, as RFC 7983 tells them from STUN and DTLS."""
    return bool(datagram) and 128 <= datagram[0] <= 191


class Impairment:
    """One direction of one connection."""

    def __init__(self, section: ImpairmentSection, *, seed: int = 0) -> None:
        self._loss = section.loss
        self._reorder = section.reorder
        self._random = random.Random(seed)
        self._held: list[tuple[int, bytes]] = []
        self._count = 0
        self.num_lost = 0
        self.num_reordered = 0

    def _pass(self, datagram: bytes) -> list[bytes]:
        """What goes on now that this datagram has come."""
        if not is_media(datagram):
            return [datagram]
        self._count += 1
        passed: list[bytes] = []
        draw = self._random.random()
        if draw < self._loss:
            self.num_lost += 1
        elif draw < self._loss + self._reorder:
            self.num_reordered += 1
            places = self._random.randint(1, _MAX_PLACES)
            self._held.append((self._count + places, datagram))
        else:
            passed.append(datagram)
        due = [held for held in self._held if held[0] <= self._count]
        self._held = [held for held in self._held if held[0] > self._count]
        return passed + [held for _, held in due]

    def sending(self, send: Send) -> Send:
        """`send`, impaired."""

        async def impaired(datagram: bytes) -> None:
            for passed in self._pass(datagram):
                await send(passed)

        return impaired

    def receiving(self, receive: Receive) -> Receive:
        """`receive`, impaired."""
        waiting: list[bytes] = []

        async def impaired() -> bytes:
            while not waiting:
                waiting.extend(self._pass(await receive()))
            return waiting.pop(0)

        return impaired
