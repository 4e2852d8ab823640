"""
Sockets that keep to a deadline.

A socket's own timeout starts afresh at each call, so a peer that sends one byte now and then holds
its reader for ever. These set, before each call, what is left of the current exchange.
"""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING, Any

from credicorp_auth_urllib3.exchange import current

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from _typeshed import ReadableBuffer, WriteableBuffer

AddressInfo = tuple[int, int, int, str, Any]


class DeadlineSocket(socket.socket):
    """A socket each of whose calls may last as long as the current exchange has left."""

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """Receive, as `socket.socket.recv`."""
        self.settimeout(current.get().left())
        data = super().recv(buflen, flags)
        current.get().arrived(len(data))
        return data

    def recv_into(self, buffer: WriteableBuffer, nbytes: int | None = None, flags: int = 0) -> int:
        """Receive, as `socket.socket.recv_into`."""
        self.settimeout(current.get().left())
        count = super().recv_into(buffer, nbytes or memoryview(buffer).nbytes, flags)
        current.get().arrived(count)
        return count

    def send(self, data: ReadableBuffer, flags: int = 0) -> int:
        """Send, as `socket.socket.send`."""
        self.settimeout(current.get().left())
        return super().send(data, flags)

    def sendall(self, data: ReadableBuffer, flags: int = 0) -> None:
        """Send, as `socket.socket.sendall`."""
        self.settimeout(current.get().left())
        super().sendall(data, flags)


class DeadlineTlsSocket(DeadlineSocket, ssl.SSLSocket):
    """A TLS socket each of whose calls, the handshake too, keeps to the current exchange."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 # as in ssl
        """Shake hands, as `ssl.SSLSocket.do_handshake`."""
        exchange = current.get()
        exchange.is_shaking_hands = True
        self.settimeout(exchange.left())
        super().do_handshake(block)
        exchange.is_shaking_hands = False


def connect_to_any(
    addresses: Sequence[AddressInfo], options: Iterable[tuple[int, int, int | bytes]]
) -> DeadlineSocket:
    """
    Connect to the first address that answers.

    Each address gets its share of the time that is left, so that several dead ones take no longer
    than one would.

    Args:
        addresses: At least one, as `socket.getaddrinfo` gives them.
        options: Socket options to set before connecting.

    Raises:
        OSError: What went wrong with the last address.
    """
    failure: OSError = TimeoutError("no address was tried")
    for position, (family, kind, protocol, _, address) in enumerate(addresses):
        share = current.get().left() / (len(addresses) - position)
        connection = DeadlineSocket(family, kind, protocol)
        try:
            for option in options:
                connection.setsockopt(*option)
            connection.settimeout(share)
            connection.connect(address)
        except OSError as error:
            connection.close()
            failure = error
        else:
            return connection
    raise failure
