"""
Sockets that keep to a deadline.

A socket's own timeout starts afresh at each call, so a peer that sends one byte now and then holds
its reader for ever. These set, before each call, what is left of the current exchange.
"""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol, cast

from credicorp_auth.wire.exchange import current

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from _typeshed import ReadableBuffer, WriteableBuffer

AddressInfo = tuple[int, int, int, str, Any]


class TlsStream(Protocol):
    """What a connection can do once it is under TLS."""

    def recv(self, buflen: int = ..., flags: int = ...) -> bytes:
        """Receive."""
        ...

    def sendall(self, data: bytes, flags: int = ...) -> None:
        """Send all."""
        ...

    def close(self) -> None:
        """Close."""
        ...


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
        self._begin_sending()
        return super().send(data, flags)

    def sendall(self, data: ReadableBuffer, flags: int = 0) -> None:
        """Send, as `socket.socket.sendall`."""
        self._begin_sending()
        super().sendall(data, flags)

    def _begin_sending(self) -> None:
        exchange = current.get()
        self.settimeout(exchange.left())
        if exchange.peer_address is None:
            # A connection that the peer has reset has none; sending is what finds that out.
            with suppress(OSError):
                exchange.met(self.getpeername())


class DeadlineTlsSocket(DeadlineSocket, ssl.SSLSocket):
    """A TLS socket each of whose calls, the handshake too, keeps to the current exchange."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 # as in ssl
        """Shake hands, as `ssl.SSLSocket.do_handshake`."""
        exchange = current.get()
        exchange.is_shaking_hands = True
        self.settimeout(exchange.left())
        super().do_handshake(block)
        exchange.is_shaking_hands = False


def connect_to(
    host: str, port: int, options: Iterable[tuple[int, int, int | bytes]]
) -> DeadlineSocket:
    """
    Connect to a host by its name or address.

    Args:
        host: Name or address, without brackets.
        port: Port.
        options: Socket options to set before connecting.

    Raises:
        socket.gaierror: The name is not known, or cannot be one.
        OSError: What went wrong with the last of its addresses.
    """
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise socket.gaierror(str(error)) from error
    return connect_to_any(addresses, tuple(options))


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
            current.get().is_connected = True
            return connection
    raise failure


def start_tls(plain: socket.socket, context: ssl.SSLContext, server_name: str) -> TlsStream:
    """
    Shake hands over a connection, which may be one through a proxy that speaks TLS itself.

    Args:
        plain: The connection.
        context: TLS settings, as `build_trust` makes them.
        server_name: Whom its certificate must name.

    Raises:
        OSError: The handshake failed; `ssl.SSLError` where the two do not trust each other.
    """
    if not isinstance(plain, ssl.SSLSocket):
        return context.wrap_socket(plain, server_hostname=server_name)
    from urllib3.util.ssltransport import SSLTransport  # noqa: PLC0415 - for this rare case only

    exchange = current.get()
    exchange.is_shaking_hands = True
    wrapped = SSLTransport(plain, context, server_hostname=server_name)
    exchange.is_shaking_hands = False
    return cast("TlsStream", wrapped)
