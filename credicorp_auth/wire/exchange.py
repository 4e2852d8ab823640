"""State of one exchange: the time left for the request, and the progress of the response."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, cast

from credicorp_auth.plugin.api.clocks import monotonic

if TYPE_CHECKING:
    from credicorp_auth.wire.proxy import Proxy


class Exchange:
    """
    Request and response, as the sockets that carry them see it.

    Args:
        timeout: Seconds for the whole exchange.
        connect_timeout: Seconds of these for connecting, a proxy's tunnel and the TLS handshake.
    """

    def __init__(self, timeout: float, *, connect_timeout: float) -> None:
        self._deadline = self._limit = monotonic() + timeout
        self.connect_timeout = connect_timeout
        self.proxy: Proxy | None = None  # None: direct
        self.is_connected = False
        self.handshakes = 0  # left while connecting, if the stack does not report their end
        self.is_connecting = False
        self.is_in_handshake = False
        self.is_reused = True  # until a connection is made for it
        self.is_reading_body = False
        self.received = 0
        self.peer_address: str | None = None
        self.has_ended = False

    def left(self) -> float:
        """
        Return the seconds left for the current phase.

        Raises:
            TimeoutError: None are left.
        """
        seconds = self._limit - monotonic()
        if seconds <= 0:
            message = "no time is left"
            raise TimeoutError(message)
        return seconds

    def is_over(self) -> bool:
        """Return whether the total deadline is due, and not only the limit for connecting."""
        return self._limit >= self._deadline

    def arrived(self, count: int) -> None:
        """Record `count` received bytes; 0 means that the peer ended the stream."""
        self.has_ended = count == 0
        if not self.is_connecting:
            self.received += count

    def met(self, address: object) -> None:
        """Record the peer address, as `socket.getpeername` returns it; a proxy does not count."""
        if self.proxy is None and isinstance(address, tuple):
            self.peer_address = str(cast("tuple[object, ...]", address)[0])

    def begin_body(self) -> None:
        """
        Record that the response header is complete.

        Raises:
            ConnectionResetError: The header is truncated. http.client takes the end of the stream
                for the end of the header.
        """
        if self.has_ended:
            message = "the stream ended inside the response headers"
            raise ConnectionResetError(message)
        self.is_reading_body = True

    def begin_connecting(self) -> None:
        """Apply the shorter limit for connecting, until `end_connecting`."""
        self.is_reused, self.is_connecting, self.has_ended = False, True, False
        self._limit = min(self._deadline, monotonic() + self.connect_timeout)

    def end_connecting(self) -> None:
        """
        Return to the total deadline.

        Not called after a failure, so that the exchange still shows the phase that failed.
        """
        self._limit, self.is_connecting = self._deadline, False

    def handshake_done(self) -> None:
        """Record one of `handshakes`; the last one ends connecting."""
        self.handshakes -= 1
        if not self.handshakes:
            self.end_connecting()


# One thread carries a request from start to end, while pools reuse its sockets for later requests.
# So the sockets read the deadline from the thread, not from the connection.
current: Final[ContextVar[Exchange]] = ContextVar("exchange")
