"""Connections that wait for their next command."""

from __future__ import annotations

from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Final

from redis.exceptions import ResponseError

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth_redis.address import Address
    from credicorp_auth_redis.connection import Command, OpenConnection

_KEPT: Final = 4  # for each server; more are in use at once only in a burst
_FRESH: Final = 30.0  # seconds; firewalls forget idle connections without telling either end


class Pool:
    """
    Carries commands, one at a time on each connection.

    A connection is used again only after a whole answer to its only command has been read from it.
    After anything else, a timeout, an interrupt, the process's own death in between, it is closed:
    its next answer would be the one to a command that nobody waits for any more.

    redis-py's pools would do for a single server, but they retry, and check connections by reading
    from them, past the time there is.

    Args:
        connect: Opens a connection.
        clock: Returns seconds that only go forward.
    """

    def __init__(
        self,
        connect: Callable[[Address], OpenConnection],
        *,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._connect = connect
        self._clock = clock
        self._is_closed = False
        self.after_fork()

    def ask(self, address: Address, command: Command, *, asking: bool = False) -> object:
        """
        Send a command and return its answer.

        Args:
            address: The server.
            command: Its words.
            asking: Announce it as one that the server was named for by another (cluster's ASK).

        Raises:
            ResponseError: The server answered with an error.
            Exception: Whatever else comes of talking to it.
        """
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
        """Close the connections that wait."""
        with self._lock:
            dropped = [each for kept in self._idle.values() for _, each in kept]
            self._idle.clear()
        for each in dropped:
            each.close()

    def close(self) -> None:
        """Close the connections that wait, and those in use once they have their answer."""
        self._is_closed = True
        self.drop_idle()

    def after_fork(self) -> None:
        """Start without connections, and leave the parent's to it: redis-py closes but our end."""
        self._lock = Lock()
        self._idle: dict[Address, list[tuple[float, OpenConnection]]] = {}

    def _take(self, address: Address) -> OpenConnection | None:
        while True:
            with self._lock:
                kept = self._idle.get(address)
                if not kept:
                    return None
                since, connection = kept.pop()
            if self._clock() - since < _FRESH and connection.is_quiet():
                return connection
            connection.close()

    def _give_back(self, address: Address, connection: OpenConnection) -> None:
        with self._lock:
            kept = self._idle.setdefault(address, [])
            if not self._is_closed and len(kept) < _KEPT:
                kept.append((self._clock(), connection))
                return
        connection.close()
