"""Connection pool."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from redis.exceptions import ResponseError

from credicorp_auth.plugin.api.clocks import monotonic

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth_redis.address import Address
    from credicorp_auth_redis.connection import Command, OpenConnection

_KEPT: Final = 4  # idle connections per server; a burst opens more
_FRESH: Final = 30.0  # seconds; firewalls drop idle connections silently


class Pool:
    """
    Sends commands, one at a time per connection.

    A connection is reused only after the whole response to its only command has been read. After
    a timeout, an interrupt or any other failure it is closed, since its next response would
    belong to the abandoned command.

    redis-py's pools retry, and check connections by reading from them past the deadline.

    Args:
        connect: Opens a connection.
        clock: Returns monotonic seconds.
        look: Called before each command; it drops the idle connections if they are out of date.
    """

    def __init__(
        self,
        connect: Callable[[Address], OpenConnection],
        *,
        clock: Callable[[], float] = monotonic,
        look: Callable[[], object] = bool,
    ) -> None:
        self._look = look
        self._connect = connect
        self._clock = clock
        self._is_closed = False
        self.after_fork()

    def ask(self, address: Address, command: Command, *, asking: bool = False) -> object:
        """
        Send a command and return its response.

        Args:
            address: The server.
            command: Its words.
            asking: Send `ASKING` first, after an ASK redirection of a cluster.

        Raises:
            ResponseError: The server responded with an error.
            Exception: Any other failure of the connection.
        """
        self._look()
        connection = self._take(address) or self._connect(address)
        is_in_step = False
        try:
            if asking:
                connection.ask(("ASKING",))
            response = connection.ask(command)
            is_in_step = True
        except ResponseError:
            is_in_step = True
            raise
        finally:
            if is_in_step:
                self._give_back(address, connection)
            else:
                connection.close()
        return response

    def drop_idle(self) -> None:
        """Close the idle connections."""
        with self._lock:
            dropped = [each for kept in self._idle.values() for _, each in kept]
            self._idle.clear()
        for each in dropped:
            each.close()

    def close(self) -> None:
        """Close the idle connections, and those in use after their response."""
        self._is_closed = True
        self.drop_idle()

    def after_fork(self) -> None:
        """Drop the parent's connections: redis-py closes only our descriptors."""
        self._lock = threading.Lock()
        self._idle: dict[Address, list[tuple[float, OpenConnection]]] = {}

    def _take(self, address: Address) -> OpenConnection | None:
        while True:
            with self._lock:
                kept = self._idle.get(address)
                if not kept:
                    return None
                since, connection = kept.pop()
            if self._clock() - since < _FRESH and connection.has_no_input():
                return connection
            connection.close()

    def _give_back(self, address: Address, connection: OpenConnection) -> None:
        with self._lock:
            kept = self._idle.setdefault(address, [])
            if not self._is_closed and len(kept) < _KEPT:
                kept.append((self._clock(), connection))
                return
        connection.close()
