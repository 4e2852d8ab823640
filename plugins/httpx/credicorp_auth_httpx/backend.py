"""httpcore network backend on sockets that enforce the deadline of the current exchange."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

from urllib3.util.wait import wait_for_read

from credicorp_auth.wire.exchange import current
from credicorp_auth.wire.sockets import connect_to, start_tls

_HTTP = b"HTTP/"

if TYPE_CHECKING:
    from collections.abc import Iterable


class DeadlineStream:
    """
    A network stream for httpcore; its timeouts are those of the current exchange.

    Args:
        connection: A plain or TLS socket.
        core: The httpcore module in use.
    """

    def __init__(self, connection: Any, core: Any) -> None:
        self._connection = connection
        self._core = core

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - as httpcore's own
        """Receive the available bytes, and wait for at least one; empty at end of stream."""
        exchange = current.get()
        is_first = not (exchange.received or exchange.is_connecting)
        data: bytes = self._connection.recv(max_bytes)
        if is_first and data[:5] != _HTTP[: len(data)]:
            # httpcore would wait for the rest of such a line.
            raise self._core.RemoteProtocolError("the response does not begin as HTTP")
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - as httpcore's own
        """Send all bytes."""
        try:
            self._connection.sendall(buffer)
        except TimeoutError:
            raise
        except OSError as error:
            # A server may respond before it has read the whole request: after a WriteError,
            # httpcore still reads the response.
            raise self._core.WriteError(str(error)) from error

    def close(self) -> None:
        """Close the socket."""
        self._connection.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - as httpcore's own
    ) -> DeadlineStream:
        """Perform the TLS handshake, and return the stream over TLS."""
        try:
            encrypted = start_tls(self._connection, ssl_context, server_hostname or "")
        except BaseException:
            self.close()
            raise
        current.get().handshake_done()
        return DeadlineStream(encrypted, self._core)

    def get_extra_info(self, info: str) -> Any:
        """Return the TLS socket for `ssl_object`, or whether the socket `is_readable`."""
        if info == "is_readable":
            return wait_for_read(self._connection, timeout=0.0)
        is_tls = info == "ssl_object" and isinstance(self._connection, ssl.SSLSocket)
        return self._connection if is_tls else None


class DeadlineBackend:
    """
    Opens connections that enforce the deadline of the current exchange.

    Args:
        core: The httpcore module in use.
    """

    def __init__(self, core: Any) -> None:
        self._core = core

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - as httpcore's own
        local_address: str | None = None,  # noqa: ARG002 - as httpcore's own
        socket_options: Iterable[Any] | None = None,
    ) -> DeadlineStream:
        """Connect to a server, or to its proxy."""
        exchange = current.get()
        exchange.begin_connecting()
        connection = connect_to(host, port, socket_options or ())
        if not exchange.handshakes:
            exchange.end_connecting()
        return DeadlineStream(connection, self._core)
