"""Command routing to a single server."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from credicorp_auth_redis.address import Address
    from credicorp_auth_redis.connection import Command
    from credicorp_auth_redis.pool import Pool


class SingleServer:
    """
    A single server, or a proxy that looks like one.

    Args:
        pool: Connection pool.
        address: Address of the server.
    """

    def __init__(self, pool: Pool, address: Address) -> None:
        self._pool = pool
        self._address = address
        self.forget = pool.drop_idle
        self.close = pool.close
        self.after_fork = pool.after_fork
        self.ask_at = pool.ask

    def ask(self, key: str, command: Command) -> object:  # noqa: ARG002 # it has all keys
        """Send a command, and return its response."""
        return self._pool.ask(self._address, command)

    def servers(self) -> list[Address]:
        """Return the server."""
        return [self._address]
