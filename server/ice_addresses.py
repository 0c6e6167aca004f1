"""At which of this machine's addresses peers are met, and who is heard there.

A server for this machine alone meets them at 127.0.0.1, which aioice would leave out. Firefox
neither gathers a loopback address nor tries one (preference media.peerconnection.ice.loopback), so
it is met at the machine's other addresses; there, whatever comes from elsewhere is not heard. Knows
ICE candidates and datagrams; does not know who may connect.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from aioice.ice import get_host_addresses

LOOPBACK = "127.0.0.1"


def own_addresses() -> list[str]:
    """Every IPv4 address of this machine, loopback first."""
    return [LOOPBACK, *get_host_addresses(use_ipv4=True, use_ipv6=False)]


def meeting_addresses(offer_sdp: str) -> list[str]:
    """Where the maker of this offer can be met by a server that is for this machine alone."""
    return own_addresses() if _is_firefox(offer_sdp) else [LOOPBACK]


def _is_firefox(offer_sdp: str) -> bool:
    origin = next((line for line in offer_sdp.splitlines() if line.startswith("o=")), "")
    return origin.startswith("o=mozilla")


def gather_at(
    connection: Any, ours: Collection[str], *, heard_from: Collection[str] | None = None
) -> None:
    """Let an aioice connection that has not gathered yet do so at our addresses.

    `heard_from`: whatever does not come from one of these is not heard; None: all are. (A browser
    may well send from another address of this machine to 127.0.0.1.)
    """
    gather: Callable[..., Any] = connection.get_component_candidates

    async def gather_ours(component: int, addresses: Any, **rest: Any) -> Any:
        candidates = await gather(component, list(ours), **rest)
        if heard_from is not None:
            for protocol in connection._protocols:
                protocol.datagram_received = _from(heard_from, protocol.datagram_received)
        return candidates

    connection.get_component_candidates = gather_ours


def _from(addresses: Collection[str], hear: Callable[..., None]) -> Callable[..., None]:
    def hear_ours(data: bytes, sender: tuple[Any, ...]) -> None:
        if sender[0] in addresses:
            hear(data, sender)

    return hear_ours
