"""Which server a command goes to: the one there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from credicorp_auth_redis.address import Address
    from credicorp_auth_redis.connection import Command
    from credicorp_auth_redis.pool import Pool


class SingleServer:
    """
    The one server there is, or seems to be.

    Args:
        pool: Carries commands.
        address: Where it is.
    """

    def __init__(self, pool: Pool, address: Address) -> None:
        self._pool = pool
        self._address = address
        self.forget = pool.drop_idle
        self.close = pool.close
        self.after_fork = pool.after_fork
        self.ask_at = pool.ask

    def ask(self, key: str, command: Command) -> object:  # noqa: ARG002 # it has all keys
        """Send a command, and return its answer."""
        return self._pool.ask(self._address, command)

    def servers(self) -> list[Address]:
        """Return the one."""
        return [self._address]
