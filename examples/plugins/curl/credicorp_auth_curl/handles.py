"""Adapter for libraries with their own sockets, which make the whole exchange themselves."""

from __future__ import annotations

from http import HTTPStatus
from http.client import HTTPException, parse_headers
from io import BytesIO
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from attrs import field, frozen

from credicorp_auth.http.messages import MAX_BODY
from credicorp_auth.wire.exchange import current
from credicorp_auth.wire.interim import MAX_INTERIM
from credicorp_auth.wire.response import OpenResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from credicorp_auth.http.messages import HttpRequest
    from credicorp_auth.wire.exchange import Exchange


class Handle(Protocol):
    """Library handle that makes one exchange at a time and keeps its connections."""

    def close(self) -> object:
        """Close the handle and its connections."""
        ...


H = TypeVar("H", bound=Handle)


@frozen
class Outgoing:
    """
    Complete request for a library, which adds only `Host` and `Content-Length`.

    Args:
        method: The method.
        url: The address.
        headers: Whole lines without line ends. The library adds `Host` and `Content-Length`.
        body: The body, or None.
        proxy: The proxy to tunnel through. None means no proxy, even if the environment names one.
        proxy_headers: Whole lines that only the proxy receives.
        timeout: Seconds for the whole exchange.
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
    Response as a library delivers it.

    Args:
        exchange: The exchange, whose progress is updated.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._lines: list[bytes] = []
        self._skipped = 0
        self.headers: list[tuple[str, str]] = []
        self.body = bytearray()

    def met(self, address: bytes, sent: int) -> None:
        """
        Record the progress of the exchange, also after a failure.

        Args:
            address: The IP address of the connection; empty if there was none.
            sent: Number of request bytes sent; 0 before the tunnel and TLS are ready.
        """
        self._exchange.is_connected = bool(address)
        if address:
            self._exchange.met((address.decode("ascii"),))
        if sent and self._exchange.is_connecting:
            self._exchange.end_connecting()

    def take_line(self, line: bytes) -> int:
        """
        Take one line of the header, with its line end; the status line and the empty line count.

        Interim responses, up to a limit, and trailers are skipped.

        Returns:
            The number of bytes taken, as library callbacks commonly return it.

        Raises:
            HTTPException: It is no header, it switches to a protocol that was not requested, or
                there are too many interim responses.
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
            self._skip_interim()
        return len(line)

    def _skip_interim(self) -> None:
        self._lines.clear()
        self._skipped += 1
        if self._skipped > MAX_INTERIM:
            raise HTTPException

    def take_piece(self, piece: bytes) -> int:
        """
        Take a piece of the body.

        Returns:
            The number of bytes taken, as library callbacks commonly return it.

        Raises:
            HTTPException: The body is longer than allowed.
        """
        self.body += piece
        if self.is_too_long:
            raise HTTPException
        return len(piece)

    @property
    def is_too_long(self) -> bool:
        """Whether the body is longer than `MAX_BODY`."""
        return len(self.body) > MAX_BODY

    @property
    def status(self) -> int:
        """
        The status code of the received header.

        Raises:
            HTTPException: There is no status code.
        """
        _, _, rest = b"".join(self._lines[:1]).partition(b" ")
        if not rest[:3].isdigit():
            raise HTTPException
        return int(rest[:3])


class HandleStack(Generic[H]):
    """
    Stack over a library with its own sockets.

    Each request has a handle to itself. Idle handles are kept with their connections.

    Args:
        build: Makes a handle.
        carry: Sends a request with a handle, and delivers the response. Failures are mapped from
            the exceptions of Python's own sockets, so it raises those: `TimeoutError`,
            `socket.gaierror`, `ConnectionRefusedError`, `ConnectionResetError`, `ssl.SSLError`. If
            the peer disconnected in the handshake, it raises `ssl.SSLEOFError`. If a proxy refuses,
            it raises `OSError` with a text that begins with the proxy's status. Any other failure
            is an `HTTPException`.
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
        """Send a request and read the whole response, up to the limit."""
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
            raise ConnectionResetError  # some libraries take half a header for a whole one
        pieces = self._hand_over(handle, bytes(incoming.body))
        return OpenResponse(incoming.status, incoming.headers, pieces, handle.close)

    def _take(self) -> H:
        try:
            return self._idle.pop()
        except IndexError:
            return self._build()

    def _hand_over(self, handle: H, body: bytes) -> Iterator[bytes]:
        yield body
        # Only here: after a response that was not read to its end, the connection is not reusable.
        self._idle.append(handle)

    def close(self) -> None:
        """Close the idle handles."""
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
    # C libraries may not check: a line end in a value would be a header of its own.
    if not "".join(lines).isprintable():
        raise ValueError
    return [line.encode("latin-1") for line in lines]
