"""Host name resolution with a timeout."""

from __future__ import annotations

import socket
import threading
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from credicorp_auth.wire.exchange import current
from credicorp_auth_redis.background import start_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from credicorp_auth.wire.sockets import AddressInfo

    LookUp = Callable[[str, int], Sequence[AddressInfo]]


def ask_system(host: str, port: int) -> Sequence[AddressInfo]:
    """Return the addresses that the system's resolver finds."""
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


def look_up(host: str, port: int, *, resolver: LookUp = ask_system) -> Sequence[AddressInfo]:
    """
    Resolve a host name, within the deadline of the current exchange.

    The system's resolver cannot be interrupted, and may take half a minute if name servers do not
    respond. So it runs on its own thread, which is abandoned when the time is over.

    Args:
        host: Host name or IP address.
        port: TCP port.
        resolver: Function that resolves; the system's by default.

    Raises:
        OSError: The host does not exist, or the resolver did not respond in time.
    """
    responses: list[Any] = []
    has_responded = threading.Event()

    def ask() -> None:
        try:
            responses.append(resolver(host, port))
        except (OSError, UnicodeError) as failure:
            responses.append(OSError(type(failure).__name__))
        has_responded.set()

    if _is_number(host) or not start_thread(ask, name="credicorp-redis-name"):
        ask()
    has_responded.wait(current.get().left())
    found = next(iter(responses), TimeoutError("no response about a name"))
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
