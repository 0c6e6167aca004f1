"""UDP ports of peers from a range, so that a firewall or a container can let just those through.

aioice binds every host candidate to port 0, whatever the system gives. `keep_to` makes one event
loop hand out ports of the range instead; only sockets that ask for any port are concerned. Knows
sockets; does not know ICE.
"""

from __future__ import annotations

import asyncio
import errno
import random
from typing import Any

_TAKEN = (errno.EADDRINUSE, errno.EACCES)


def keep_to(loop: asyncio.AbstractEventLoop, first: int, last: int) -> None:
    """From now on `loop` binds UDP sockets that ask for any port to one of `first`..`last`.

    Where all are taken, binding raises OSError (EADDRINUSE).
    """
    bind = loop.create_datagram_endpoint

    async def create_datagram_endpoint(
        protocol_factory: Any, local_addr: Any = None, remote_addr: Any = None, **named: Any
    ) -> Any:
        if local_addr is None or local_addr[1] != 0 or remote_addr is not None:
            return await bind(
                protocol_factory, local_addr=local_addr, remote_addr=remote_addr, **named
            )
        ports = list(range(first, last + 1))
        random.shuffle(ports)  # a port of the last session may still get its late packets
        for port in ports:
            try:
                return await bind(protocol_factory, local_addr=(local_addr[0], port), **named)
            except OSError as error:
                if error.errno not in _TAKEN:
                    raise
        raise OSError(errno.EADDRINUSE, f"all UDP ports from {first} to {last} are taken")

    loop.create_datagram_endpoint = create_datagram_endpoint  # type: ignore[method-assign]
