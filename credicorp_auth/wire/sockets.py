"""
Sockets with a total deadline.

A socket's own timeout restarts at each call, so a peer that sends single bytes can block its reader
for ever. These sockets set the time that the exchange has left before each call.
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
    """The methods of a connection under TLS."""

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
    """Socket that limits each call to the time that the current exchange has left."""

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
            # getpeername fails after the peer reset the connection; sending then reports the reset.
            with suppress(OSError):
                exchange.met(self.getpeername())


class DeadlineTlsSocket(DeadlineSocket, ssl.SSLSocket):
    """TLS socket that limits each call, including the handshake, to the current exchange."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 # as in ssl
        """Shake hands, as `ssl.SSLSocket.do_handshake`."""
        exchange = current.get()
        exchange.is_in_handshake = True
        self.settimeout(exchange.left())
        super().do_handshake(block)
        exchange.is_in_handshake = False


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
        socket.gaierror: The name is unknown or invalid.
        OSError: The failure of the last address tried.
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
    Connect to the first address that accepts.

    Each address gets its share of the time left, so that several dead addresses take no longer than
    one.

    Args:
        addresses: At least one, as `socket.getaddrinfo` returns them.
        options: Socket options to set before connecting.

    Raises:
        OSError: The failure of the last address.
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
    Do the TLS handshake over a connection, which may lead through a proxy that itself uses TLS.

    Args:
        plain: The connection.
        context: TLS settings, as `build_trust` makes them.
        server_name: The name that the server's certificate must hold.

    Raises:
        OSError: The handshake failed; `ssl.SSLError` if one side does not trust the other.
    """
    if not isinstance(plain, ssl.SSLSocket):
        return context.wrap_socket(plain, server_hostname=server_name)
    from urllib3.util.ssltransport import SSLTransport  # noqa: PLC0415 - for this rare case only

    exchange = current.get()
    exchange.is_in_handshake = True
    wrapped = SSLTransport(plain, context, server_hostname=server_name)
    exchange.is_in_handshake = False
    return cast("TlsStream", wrapped)
