"""Requests over a library with sockets of its own, which makes the whole exchange itself."""

from __future__ import annotations

from http import HTTPStatus
from http.client import HTTPException, parse_headers
from io import BytesIO
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from attrs import field, frozen

from credicorp_auth.http.messages import MAX_BODY
from credicorp_auth.wire.exchange import current
from credicorp_auth.wire.response import OpenResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from credicorp_auth.http.messages import HttpRequest
    from credicorp_auth.wire.exchange import Exchange


class Handle(Protocol):
    """What a library makes exchanges with, one at a time, and what keeps its connections."""

    def close(self) -> object:
        """Close it, and its connections."""
        ...


H = TypeVar("H", bound=Handle)


@frozen
class Outgoing:
    """
    A request, as a library puts it onto the wire: all of it, and nothing else.

    Args:
        method: The method.
        url: The address.
        headers: Whole lines without their ends; `Host` and `Content-Length` are the library's.
        body: The body, or None.
        proxy: The proxy to tunnel through; None for none, whatever the environment says.
        proxy_headers: Whole lines that the proxy gets, and nobody else.
        timeout: Seconds for everything.
        connect_timeout: Seconds of these until the request can be sent.
    """

    method: str
    url: str
    headers: list[bytes] = field(repr=False)
    body: bytes | None = field(repr=False)
    proxy: str | None
    proxy_headers: list[bytes] = field(repr=False)
    timeout: float
    connect_timeout: float


class Incoming:
    """
    What has come back, as a library hands it over.

    Args:
        exchange: The exchange, which learns from it how far it has come.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._lines: list[bytes] = []
        self.headers: list[tuple[str, str]] = []
        self.body = bytearray()

    def met(self, address: bytes, sent: int) -> None:
        """
        Note how far the exchange came, also where it has failed.

        Args:
            address: The IP address that a connection was made to; empty where none was made.
            sent: How many bytes of the request were sent; none before there is a tunnel, and TLS.
        """
        self._exchange.is_connected = bool(address)
        if address:
            self._exchange.met((address.decode("ascii"),))
        if sent and self._exchange.is_connecting:
            self._exchange.end_connecting()

    def take_line(self, line: bytes) -> int:
        """
        Take a line of the head with its end, the status line and the empty one included.

        Interim answers are passed over, and so are trailers.

        Returns:
            How much was taken, as callbacks commonly say.

        Raises:
            HTTPException: It is no head, or one of another protocol, for which nobody asked.
        """
        if self._exchange.is_connecting:
            self._exchange.end_connecting()
        self._exchange.arrived(len(line))
        if self._exchange.is_reading_body:
            return len(line)
        if line.strip():
            self._lines.append(line)
        elif self.status >= HTTPStatus.OK:
            self.headers = list(parse_headers(BytesIO(b"".join(self._lines[1:]))).items())
            self._exchange.begin_body()
        elif self.status == HTTPStatus.SWITCHING_PROTOCOLS:
            raise HTTPException
        else:
            self._lines.clear()
        return len(line)

    def take_piece(self, piece: bytes) -> int:
        """
        Take a piece of the body.

        Returns:
            How much was taken, as callbacks commonly say.

        Raises:
            HTTPException: It is longer than allowed, so there is no sense in going on.
        """
        self.body += piece
        if self.is_too_long:
            raise HTTPException
        return len(piece)

    @property
    def is_too_long(self) -> bool:
        """Whether more of a body has come than an answer may have."""
        return len(self.body) > MAX_BODY

    @property
    def status(self) -> int:
        """
        The status of the head that has come.

        Raises:
            HTTPException: There is none in it.
        """
        _, _, rest = b"".join(self._lines[:1]).partition(b" ")
        if not rest[:3].isdigit():
            raise HTTPException
        return int(rest[:3])


class HandleStack(Generic[H]):
    """
    A library with sockets of its own, as `credicorp_auth.wire` asks for a stack.

    Each request has a handle to itself; those that are not in use are kept with their connections.

    Args:
        build: Makes a handle.
        carry: Sends a request with a handle, and hands over what comes. Where it fails, it raises
            what Python's own sockets would have raised, since failures are read from that:
            `TimeoutError`, `socket.gaierror`, `ConnectionRefusedError`, `ConnectionResetError`,
            `ssl.SSLError`, `ssl.SSLEOFError` where the peer went away in the handshake, `OSError`
            whose text begins with the status with which a proxy refuses, and `HTTPException` for
            anything else.
    """

    failures = (HTTPException, OSError, ValueError)
    refusals = (ValueError,)

    def __init__(
        self, build: Callable[[], H], carry: Callable[[H, Outgoing, Incoming], object]
    ) -> None:
        self._build = build
        self._carry = carry
        self._idle: list[H] = []

    def open(self, request: HttpRequest, headers: list[tuple[str, str]]) -> OpenResponse:
        """Send a request and take the whole answer, or as much as there may be."""
        exchange = current.get()
        outgoing, incoming = _build_outgoing(request, headers, exchange), Incoming(exchange)
        handle = self._take()
        exchange.begin_connecting()
        try:
            self._carry(handle, outgoing, incoming)
        except BaseException as failure:
            handle.close()
            if not incoming.is_too_long or not isinstance(failure, Exception):
                raise
        if not exchange.is_reading_body:
            handle.close()
            raise ConnectionResetError  # some libraries take half a head for a whole one
        pieces = self._hand_over(handle, bytes(incoming.body))
        return OpenResponse(incoming.status, incoming.headers, pieces, handle.close)

    def _take(self) -> H:
        try:
            return self._idle.pop()
        except IndexError:
            return self._build()

    def _hand_over(self, handle: H, body: bytes) -> Iterator[bytes]:
        yield body
        # Only here: an answer that was not taken to its end leaves nothing to rely on.
        self._idle.append(handle)

    def close(self) -> None:
        """Close the handles that wait."""
        idle, self._idle = self._idle, []
        for handle in idle:
            handle.close()


def _build_outgoing(
    request: HttpRequest, headers: list[tuple[str, str]], exchange: Exchange
) -> Outgoing:
    proxy = exchange.proxy
    return Outgoing(
        request.method,
        request.url,
        _build_lines(headers),
        request.wire_body(),
        proxy=None if proxy is None else proxy.url,
        proxy_headers=[] if proxy is None else _build_lines(proxy.wire_headers().items()),
        timeout=exchange.left(),
        connect_timeout=exchange.connect_timeout,
    )


def _build_lines(headers: Iterable[tuple[str, str]]) -> list[bytes]:
    lines = [f"{name}: {value}" for name, value in headers]
    # Libraries in C are not known to look: a line end in a value would be a header of its own.
    if not "".join(lines).isprintable():
        raise ValueError
    return [line.encode("latin-1") for line in lines]
