"""Peers are reached at ports of the range, and a range that is used up is said so."""

from __future__ import annotations

import asyncio
import re
import socket
from dataclasses import replace

import pytest

from server.config import IceSection, ServeConfig
from server.ice_ports import keep_to
from tests.server.live import Caller, calling, running_server


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


async def test_ports_come_from_the_range_until_it_is_used_up() -> None:
    loop, port = asyncio.get_running_loop(), _free_port()
    keep_to(loop, port, port)
    transport, _ = await loop.create_datagram_endpoint(
        asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0)
    )
    assert transport.get_extra_info("sockname")[1] == port
    with pytest.raises(OSError, match="are taken"):
        await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0))
    transport.close()
    await asyncio.sleep(0)
    again, _ = await loop.create_datagram_endpoint(
        asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0)
    )
    again.close()


async def test_who_asks_for_a_port_gets_that_one() -> None:
    loop, port = asyncio.get_running_loop(), _free_port()
    keep_to(loop, 1, 1)
    transport, _ = await loop.create_datagram_endpoint(
        asyncio.DatagramProtocol, local_addr=("127.0.0.1", port)
    )
    assert transport.get_extra_info("sockname")[1] == port
    transport.close()


async def test_a_session_is_offered_at_a_port_of_the_range() -> None:
    # The caller shares this loop, so it takes its port from the same range.
    first = _free_port()
    ice = IceSection(ports=(first, min(65535, first + 20)))
    async with running_server(replace(ServeConfig(), ice=ice)) as server, calling(server) as caller:
        answer = caller.pc.remoteDescription.sdp
        ports = [int(port) for port in re.findall(r"a=candidate:\S+ \d udp \d+ \S+ (\d+)", answer)]
        assert ports
        assert all(first <= port <= first + 20 for port in ports)


async def test_a_session_without_a_port_is_refused_for_now() -> None:
    taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    taken.bind(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    caller = Caller()
    body = await caller.offer()  # bound before the range holds in this loop
    try:
        async with running_server(
            replace(ServeConfig(), ice=IceSection(ports=(port, port)))
        ) as server:
            assert body["sdp"]
            assert await caller.call(server) == 503
            assert "Retry-After" in caller.headers
    finally:
        await caller.close()
        taken.close()


@pytest.mark.parametrize("ports", [(5,), (9, 3), (0, 9), (1, 70000), (1, 2, 3)])
def test_a_range_that_is_none_is_refused(ports: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"ice\.ports"):
        IceSection(ports=ports)
