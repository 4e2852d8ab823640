"""urllib3 connections with a deadline, in pools without a lock."""

from __future__ import annotations

import queue
from collections import deque
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any, Final

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager, ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import NewConnectionError, ProtocolError

from credicorp_auth.wire.exchange import current
from credicorp_auth.wire.sockets import DeadlineSocket, connect_to
from credicorp_auth.wire.tls_stream import StreamContext

if TYPE_CHECKING:
    from credicorp_auth.wire.proxy import Proxy
    from credicorp_auth.wire.tls import Trust

_IDLE: Final = 4  # connections kept for each origin; an authorization server is called seldom


def read_fields(response: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - two libraries' own
    """
    Return the header fields of a response.

    Args:
        response: urllib3's response.

    Raises:
        ProtocolError: A line of the header is no field. http.client takes it, or the line after it,
            for the body.
    """
    message = getattr(getattr(response, "_original_response", None), "msg", None)
    if message is not None and message.defects:
        response.close()
        raise ProtocolError("a line of the header is no field")
    return list(response.headers.iteritems())


class PlainFramingResponse(HTTPResponse):
    """
    http.client's response, with the framing fields read as every other library reads them.

    White space around a value means nothing, and a length that is repeated is one length
    (sections 5.5 and 8.6 of RFC 9110). http.client would read such a body to the end of the stream.
    """

    def begin(self) -> None:
        """Read status and header."""
        super().begin()
        encoding = self.headers.get("Transfer-Encoding", "").strip()
        if encoding.lower() == "chunked" and not self.chunked:
            self.headers.replace_header("Transfer-Encoding", encoding)
            self.chunked, self.chunk_left = True, None
        lengths = {each.strip() for each in self.headers.get("Content-Length", "").split(",")}
        length = lengths.pop()
        if not lengths and length.isdecimal() and self.length is None and not self.chunked:
            self.headers.replace_header("Content-Length", length)
            self.length = int(length)


class DeadlineConnection(HTTPConnection):
    """Plain http connection, to loopback, with the deadline of the current exchange."""

    response_class: Any = PlainFramingResponse
    debuglevel = 0  # overrides http.client's level, which would print credentials to stdout

    def connect(self) -> None:
        """Connect within the limit for connecting, which includes a tunnel and a handshake."""
        exchange = current.get()
        exchange.begin_connecting()
        super().connect()
        connected: Any = self.sock
        if not isinstance(connected, DeadlineSocket):
            # urllib3's own TLS inside the TLS to a proxy, over one of our sockets.
            self.sock = DeadlineSocket(connected.socket.connection, connected)
        exchange.end_connecting()

    def _new_conn(self) -> Any:  # noqa: ANN401 - a socket, as far as urllib3 uses it
        # urllib3's extension point, and its own error. urllib3 would take a plain reset for a
        # server that responds before it has read the request, and would go on without a connection.
        try:
            options = [option[:3] for option in self.socket_options or ()]
            return connect_to(self._dns_host, self.port or 0, options)
        except OSError as error:
            raise NewConnectionError(self, "no connection") from error


class DeadlineTlsConnection(DeadlineConnection, HTTPSConnection):
    """The same for https, direct or through a proxy's tunnel."""


class IdleConnections:
    """
    Idle connections, last in, first out.

    They replace urllib3's queue, whose lock a thread of the parent may hold at a fork. The
    operations of a deque need no lock.

    Args:
        maxsize: Number of connections to keep; further ones are closed.
    """

    def __init__(self, maxsize: int) -> None:
        self._maxsize = maxsize
        self._idle: deque[HTTPConnection] = deque()

    def put(self, connection: HTTPConnection | None, **_waiting: object) -> None:
        """Keep a connection; urllib3 also offers None for each free place, which is ignored."""
        if connection is None:
            return
        if len(self._idle) < self._maxsize:
            self._idle.append(connection)
        else:
            connection.close()

    def get(self, **_waiting: object) -> HTTPConnection:
        """
        Return the connection used last.

        Raises:
            queue.Empty: There is none; urllib3 then makes one.
        """
        try:
            return self._idle.pop()
        except IndexError:
            raise queue.Empty from None


# urllib3-future, if it is installed in the place of urllib3, accepts only its own kind of queue.
_OWN_QUEUE: Final[Any] = HTTPConnectionPool.QueueCls
_QUEUE: Final[Any] = _OWN_QUEUE if _OWN_QUEUE.__module__.startswith("urllib3") else IdleConnections


class DeadlinePool(HTTPConnectionPool):
    """Connections to one origin, plain http."""

    ConnectionCls: Any = DeadlineConnection
    QueueCls: Any = _QUEUE


class DeadlineTlsPool(HTTPSConnectionPool):
    """Connections to one origin, https."""

    ConnectionCls: Any = DeadlineTlsConnection
    QueueCls: Any = _QUEUE


_POOLS: Final[dict[str, type[HTTPConnectionPool | HTTPSConnectionPool]]] = {
    "http": DeadlinePool,
    "https": DeadlineTlsPool,
}


class DeadlinePools:
    """
    Pool managers with the deadline of the current exchange, one for each proxy.

    Args:
        trust: TLS contexts for servers and proxies.
    """

    def __init__(self, trust: Trust) -> None:
        self._trust = trust
        self._managers: dict[Proxy | None, PoolManager] = {}

    def through(self, proxy: Proxy | None) -> PoolManager:
        """Return the pool manager for a proxy, or for direct connections."""
        manager = self._managers.get(proxy)
        return manager or self._managers.setdefault(proxy, self._build(proxy))

    def clear(self) -> None:
        """Close the idle connections."""
        self._managers.clear()

    def _build(self, proxy: Proxy | None) -> PoolManager:
        context: Any = StreamContext(lambda: self._trust.context)
        if proxy is None:
            manager = PoolManager(maxsize=_IDLE, ssl_context=context)
        else:
            proxy_context: Any = StreamContext(lambda: self._trust.proxy_context)
            manager = ProxyManager(
                proxy.url,
                proxy_headers=proxy.wire_headers(),
                proxy_ssl_context=proxy_context,
                maxsize=_IDLE,
                ssl_context=context,
            )
        manager.pool_classes_by_scheme = _POOLS
        return manager
