"""
Sockets with a total deadline.

A socket's own timeout restarts at each call, so a peer that sends single bytes can block its reader
for ever. These sockets set the time that the exchange has left before each call.

They hold a socket and do not inherit from one. gevent and eventlet replace `socket.socket` while
the program runs, perhaps after this module was imported. So the class is looked up when a
connection is made, and only its plainest methods are called.
"""

from __future__ import annotations

import io
import socket
from contextlib import suppress
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from credicorp_auth.wire.exchange import current
from credicorp_auth.wire.interim import FinalResponse

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from _typeshed import ReadableBuffer, WriteableBuffer

AddressInfo = tuple[int, int, int, str, Any]

SHORTEST_ATTEMPT: Final = 1.0
"""Seconds that each address of a host gets at least: hosts may be far away."""


class Stream(Protocol):
    """Bytes to and from a peer; each call ends with the current exchange."""

    def recv(self, size: int, /) -> bytes:
        """Receive up to `size` bytes, at least one; empty at the end of the stream."""
        ...

    def sendall(self, data: bytes, /) -> None:
        """Send all bytes."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...

    def fileno(self) -> int:
        """Return the descriptor of the connection."""
        ...


class PlainStream:
    """
    Bytes over a connection without TLS.

    Args:
        connection: A connected socket.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.close, self.fileno = connection.close, connection.fileno

    def recv(self, size: int) -> bytes:
        """Receive up to `size` bytes."""
        self._connection.settimeout(current.get().left())
        return self._connection.recv(size)

    def sendall(self, data: bytes) -> None:
        """Send all bytes."""
        exchange = current.get()
        if exchange.peer_address is None:
            # getpeername fails after the peer reset the connection; sending then reports the reset.
            with suppress(OSError):
                exchange.met(self._connection.getpeername())
        rest = memoryview(data)
        while rest:
            # Not socket.sendall: under some replacements its timeout restarts with each piece.
            self._connection.settimeout(exchange.left())
            rest = rest[self._connection.send(rest) :]


class DeadlineSocket:
    """
    Socket that limits each call to the time that the current exchange has left.

    It has the methods of `socket.socket` that urllib3, httpcore and redis-py use, and those that
    urllib3-future does, which niquests installs in the place of urllib3.

    Args:
        connection: The connected socket.
        stream: The bytes of the connection, for example decrypted ones; by default, as they are.
    """

    def __init__(self, connection: socket.socket, stream: Stream | None = None) -> None:
        self.connection = connection
        self.stream: Stream = stream or PlainStream(connection)
        self.fileno, self.type = connection.fileno, connection.type
        self.shutdown, self.getpeername = connection.shutdown, connection.getpeername
        self.getsockname, self.getsockopt = connection.getsockname, connection.getsockopt
        self.setsockopt = connection.setsockopt
        self.context: object = None  # as `ssl.SSLSocket.context`, for urllib3-future
        self._readers = 0
        self._is_closing = False

    def settimeout(self, seconds: float | None) -> None:
        """Do nothing: the exchange sets the time limit of each call."""

    def gettimeout(self) -> None:
        """Return None: see `settimeout`."""

    def recv(self, size: int = 1024) -> bytes:
        """Receive, as `socket.socket.recv`."""
        data = self.stream.recv(size)
        current.get().arrived(len(data))
        return data

    def recv_into(self, buffer: WriteableBuffer) -> int:
        """Receive, as `socket.socket.recv_into`."""
        view = memoryview(buffer)
        data = self.recv(view.nbytes)
        view[: len(data)] = data
        return len(data)

    def sendall(self, data: ReadableBuffer) -> None:
        """Send all, as `socket.socket.sendall`."""
        self.stream.sendall(bytes(data))

    def makefile(self, *_mode: str) -> io.BufferedReader:
        """Return a reader of the next response, without the interim responses before it."""
        self._readers += 1
        return io.BufferedReader(_Reader(self))

    def close(self) -> None:
        """Close the connection, as soon as no reader is left."""
        self._is_closing = True
        if not self._readers:
            self.stream.close()

    def reader_closed(self) -> None:
        """Record that a reader of `makefile` was closed."""
        self._readers -= 1
        if self._is_closing:
            self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Reader(io.RawIOBase):
    """Raw reader of one response, as http.client expects it."""

    def __init__(self, connection: DeadlineSocket) -> None:
        self._connection = connection
        self._response = FinalResponse(connection.recv)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        data = self._response.read(view.nbytes)
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._connection.reader_closed()


def connect_to(host: str, port: int, options: Iterable[Sequence[Any]]) -> DeadlineSocket:
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
    addresses: Sequence[AddressInfo], options: Iterable[Sequence[Any]]
) -> DeadlineSocket:
    """
    Connect to the first address that accepts.

    The families take turns, so that one without a route does not use up the time. Each address gets
    its share of the time left, but at least `SHORTEST_ATTEMPT`, and the last one all of it: several
    dead addresses take no longer than one, and a host far away is still reached.

    Args:
        addresses: At least one, as `socket.getaddrinfo` returns them.
        options: Socket options to set before connecting.

    Raises:
        OSError: The failure of the last address.
    """
    exchange = current.get()
    failure: OSError = TimeoutError("no address was tried")
    for position, (family, kind, protocol, _, address) in enumerate(take_turns(addresses)):
        seconds = share_time(exchange.left(), len(addresses) - position)
        connection = socket.socket(family, kind, protocol)
        try:
            for option in options:
                connection.setsockopt(*option)
            connection.settimeout(seconds)
            connection.connect(address)
        except OSError as error:
            connection.close()
            failure = error
        except BaseException:
            connection.close()
            raise
        else:
            exchange.is_connected = True
            return DeadlineSocket(connection)
    raise failure


def share_time(left: float, addresses: int) -> float:
    """
    Return the seconds for the next of some addresses.

    Args:
        left: Seconds left to connect.
        addresses: Number of addresses left, the next one included.
    """
    return min(max(left / addresses, SHORTEST_ATTEMPT), left)


def take_turns(addresses: Sequence[AddressInfo]) -> list[AddressInfo]:
    """Order addresses so that their families take turns, in the order of the resolver."""
    families: dict[int, list[AddressInfo]] = {}
    for each in addresses:
        families.setdefault(each[0], []).append(each)
    return [each for each in chain(*zip_longest(*families.values())) if each is not None]
