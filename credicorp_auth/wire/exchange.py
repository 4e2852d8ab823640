"""How much time one request has left, and how far its answer has come."""

from __future__ import annotations

from contextvars import ContextVar
from time import monotonic
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from credicorp_auth.wire.proxy import Proxy


class Exchange:
    """
    One request and its answer, as the sockets that carry them see it.

    Args:
        timeout: Seconds for everything.
        connect_timeout: Seconds of these for connecting, a proxy's tunnel and the TLS handshake.
    """

    def __init__(self, timeout: float, *, connect_timeout: float) -> None:
        self._deadline = self._limit = monotonic() + timeout
        self.connect_timeout = connect_timeout
        self.proxy: Proxy | None = None  # through which it goes; None: straight
        self.is_connected = False
        self.handshakes = 0  # to come while connecting, where the stack does not say when it has
        self.is_connecting = False
        self.is_shaking_hands = False
        self.is_reused = True  # until a connection is made for it
        self.is_reading_body = False
        self.received = 0
        self.peer_address: str | None = None
        self.has_ended = False

    def left(self) -> float:
        """
        Return the seconds left for what is being done now.

        Raises:
            TimeoutError: None are left.
        """
        seconds = self._limit - monotonic()
        if seconds <= 0:
            message = "no time is left"
            raise TimeoutError(message)
        return seconds

    def is_over(self) -> bool:
        """Say whether the time for everything has passed, and not only that for connecting."""
        return self._limit >= self._deadline

    def arrived(self, count: int) -> None:
        """Note that `count` bytes came in; none means that the peer ended the stream."""
        self.has_ended = count == 0
        if not self.is_connecting:
            self.received += count

    def met(self, address: object) -> None:
        """Note whom the request goes to, as `socket.getpeername` says; a proxy does not count."""
        if self.proxy is None and isinstance(address, tuple):
            self.peer_address = str(cast("tuple[object, ...]", address)[0])

    def begin_body(self) -> None:
        """
        Note that the head of the answer has come.

        Raises:
            ConnectionResetError: It came only in part. http.client takes the end of the stream for
                the end of the head.
        """
        if self.has_ended:
            message = "the stream ended inside the head of the answer"
            raise ConnectionResetError(message)
        self.is_reading_body = True

    def begin_connecting(self) -> None:
        """Hold what follows to the shorter limit for connecting, until `end_connecting`."""
        self.is_reused, self.is_connecting, self.has_ended = False, True, False
        self._limit = min(self._deadline, monotonic() + self.connect_timeout)

    def end_connecting(self) -> None:
        """
        Hold what follows to the limit for everything.

        Not called after a failure, so that the exchange still says where it happened.
        """
        self._limit, self.is_connecting = self._deadline, False

    def shook_hands(self) -> None:
        """Note one of `handshakes`; connecting ends with the last."""
        self.handshakes -= 1
        if not self.handshakes:
            self.end_connecting()


# One request is carried from start to end by one thread, while pools hand its sockets from one to
# the next. So the sockets ask the thread, not the connection, how much time there is.
current: Final[ContextVar[Exchange]] = ContextVar("exchange")
