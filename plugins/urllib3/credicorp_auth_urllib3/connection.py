"""urllib3's connections, on sockets that keep to a deadline, in pools that hold no lock."""

from __future__ import annotations

import queue
import socket
from collections import deque
from typing import Any, Final

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from credicorp_auth_urllib3.exchange import current
from credicorp_auth_urllib3.sockets import connect_to_any


class DeadlineConnection(HTTPConnection):
    """A connection that keeps to the current exchange: for plain http, to loopback."""

    debuglevel = 0  # whatever http.client is set to: it would print credentials to stdout

    def connect(self) -> None:
        """Connect within the limit for connecting, which covers a tunnel and a handshake, too."""
        with current.get().connecting():
            super().connect()

    def _new_conn(self) -> socket.socket:
        # urllib3's own seam, and so its own exceptions.
        try:
            addresses = socket.getaddrinfo(self._dns_host, self.port, type=socket.SOCK_STREAM)
            return connect_to_any(addresses, self.socket_options or ())
        except (socket.gaierror, UnicodeError) as error:
            raise NameResolutionError(self.host, self, socket.gaierror(str(error))) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "connecting took too long") from error
        except OSError as error:
            raise NewConnectionError(self, f"no connection: {error}") from error


class DeadlineTlsConnection(DeadlineConnection, HTTPSConnection):
    """The same for https, straight or through a proxy's tunnel."""


class IdleConnections:
    """
    Connections that wait for their next request, the one used last on top.

    In place of urllib3's queue, whose lock a thread of the parent may hold at the moment of a fork;
    the operations of a deque need none.

    Args:
        maxsize: How many to keep; those beyond are closed.
    """

    def __init__(self, maxsize: int) -> None:
        self._maxsize = maxsize
        self._idle: deque[HTTPConnection] = deque()

    def put(self, connection: HTTPConnection | None, **_waiting: object) -> None:
        """Keep a connection; urllib3 also offers None for each free place, which says nothing."""
        if connection is None:
            return
        if len(self._idle) < self._maxsize:
            self._idle.append(connection)
        else:
            connection.close()

    def get(self, **_waiting: object) -> HTTPConnection:
        """
        Take the connection used last.

        Raises:
            queue.Empty: There is none; urllib3 then makes one.
        """
        try:
            return self._idle.pop()
        except IndexError:
            raise queue.Empty from None


class DeadlinePool(HTTPConnectionPool):
    """Connections to one origin, plain http."""

    ConnectionCls: Any = DeadlineConnection
    QueueCls: Any = IdleConnections


class DeadlineTlsPool(HTTPSConnectionPool):
    """Connections to one origin, https."""

    ConnectionCls: Any = DeadlineTlsConnection
    QueueCls: Any = IdleConnections


POOLS: Final[dict[str, type[HTTPConnectionPool | HTTPSConnectionPool]]] = {
    "http": DeadlinePool,
    "https": DeadlineTlsPool,
}
"""For `PoolManager.pool_classes_by_scheme`."""
