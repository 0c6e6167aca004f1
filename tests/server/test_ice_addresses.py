"""Where peers meet a server that is for this machine alone, and who is heard there."""

from __future__ import annotations

from typing import Any

from aioice.ice import get_host_addresses

from server.ice_addresses import LOOPBACK, gather_at, meeting_addresses
from tests.server.live import Caller, running_server

_FIREFOX = "v=0\r\no=mozilla...THIS_IS_SDPARTA-99.0 42 0 IN IP4 0.0.0.0\r\ns=-\r\n"
_CHROMIUM = "v=0\r\no=- 42 2 IN IP4 127.0.0.1\r\ns=-\r\n"


def test_only_firefox_is_met_beyond_loopback() -> None:
    own = get_host_addresses(use_ipv4=True, use_ipv6=False)
    assert meeting_addresses(_CHROMIUM) == [LOOPBACK]
    assert meeting_addresses(_FIREFOX) == [LOOPBACK, *own]


class _Protocol:
    def __init__(self) -> None:
        self.heard: list[bytes] = []

    def datagram_received(self, data: bytes, sender: tuple[Any, ...]) -> None:
        self.heard.append(data)


class _Connection:
    def __init__(self) -> None:
        self._protocols: list[_Protocol] = []
        self.asked: list[str] = []

    async def get_component_candidates(self, component: int, addresses: list[str]) -> list[str]:
        self.asked = addresses
        self._protocols.append(_Protocol())
        return addresses


async def test_who_is_not_this_machine_is_not_heard() -> None:
    connection = _Connection()
    gather_at(connection, ["127.0.0.1"], heard_from=["127.0.0.1", "192.0.2.7"])
    await connection.get_component_candidates(component=1, addresses=["198.51.100.1"])
    assert connection.asked == ["127.0.0.1"]
    (protocol,) = connection._protocols
    for sender in ("127.0.0.1", "192.0.2.7", "192.0.2.8", "203.0.113.5"):
        protocol.datagram_received(sender.encode(), (sender, 4000))
    assert protocol.heard == [b"127.0.0.1", b"192.0.2.7"]


async def test_an_offer_of_firefox_is_answered_with_every_address_of_the_machine() -> None:
    caller = Caller()
    try:
        async with running_server() as server:
            body = await caller.offer()
            sdp = body["sdp"].replace("o=-", "o=mozilla...THIS_IS_SDPARTA-99.0", 1)
            assert await caller.call(server, sdp=sdp) == 201
            answer = caller.pc.remoteDescription.sdp
            for address in meeting_addresses(sdp):
                assert f" {address} " in answer
    finally:
        await caller.close()
