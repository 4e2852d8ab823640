"""httpcore network backend on sockets that enforce the deadline of the current exchange."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from urllib3.util.wait import wait_for_read

from credicorp_auth.wire.exchange import current
from credicorp_auth.wire.interim import FinalResponse
from credicorp_auth.wire.sockets import connect_to
from credicorp_auth.wire.tls_stream import start_tls

_HTTP = b"HTTP/"

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

    from credicorp_auth.wire.sockets import DeadlineSocket


class DeadlineStream:
    """
    A network stream for httpcore; its timeouts are those of the current exchange.

    Args:
        connection: The connection, plain or over TLS.
        core: The httpcore module in use.
    """

    def __init__(self, connection: DeadlineSocket, core: Any) -> None:
        self._connection = connection
        self._core = core
        self._response = FinalResponse(connection.recv)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - as httpcore's own
        """Receive the available bytes, and wait for at least one; empty at end of stream."""
        exchange = current.get()
        is_first = not (exchange.received or exchange.is_connecting)
        data = self._response.read(max_bytes)
        if is_first and data[:5] != _HTTP[: len(data)]:
            # httpcore would wait for the rest of such a line.
            raise self._core.RemoteProtocolError("the response does not begin as HTTP")
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - as httpcore's own
        """Send all bytes, of a request whose response is read next."""
        self._response = FinalResponse(self._connection.recv)
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
        """Return whether the socket `is_readable`; None for anything else."""
        # httpcore asks for `ssl_object` to see whether HTTP/2 was agreed on, which is not offered.
        if info != "is_readable":
            return None
        readable: Any = self._connection
        return wait_for_read(readable, timeout=0.0)


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
