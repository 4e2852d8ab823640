"""Finding the addresses of a host without waiting longer than there is time."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from credicorp_auth.wire.exchange import current
from credicorp_auth_redis.background import start_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from credicorp_auth.wire.sockets import AddressInfo

    LookUp = Callable[[str, int], Sequence[AddressInfo]]


def ask_system(host: str, port: int) -> Sequence[AddressInfo]:
    """Return what the system's resolver says."""
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


def look_up(host: str, port: int, *, resolver: LookUp = ask_system) -> Sequence[AddressInfo]:
    """
    Find the addresses of a host.

    The system's resolver cannot be interrupted, and may take half a minute where name servers are
    silent. So it is asked on a thread of its own, which is left to it once the time is over.

    Args:
        host: Name or address.
        port: Port.
        resolver: Who is asked.

    Raises:
        OSError: There is no such host, or nobody has said so in time.
    """
    responses: SimpleQueue[Any] = SimpleQueue()

    def ask() -> None:
        try:
            responses.put(resolver(host, port))
        except (OSError, UnicodeError) as failure:
            responses.put(OSError(type(failure).__name__))

    if _is_number(host) or not start_thread(ask, name="credicorp-redis-name"):
        ask()
    try:
        found = responses.get(timeout=current.get().left())
    except Empty:
        found = TimeoutError("no answer about a name")
    if isinstance(found, OSError):
        raise found
    addresses: Sequence[AddressInfo] = found
    return addresses


def _is_number(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
