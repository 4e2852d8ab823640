"""Command routing to the master that sentinels name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redis.exceptions import ConnectionError as RedisConnectionError

from credicorp_auth.wire.exchange import current
from credicorp_auth_redis.address import Address
from credicorp_auth_redis.budget import within

if TYPE_CHECKING:
    from credicorp_auth_redis.connection import Command
    from credicorp_auth_redis.options import Sentinels
    from credicorp_auth_redis.pool import Pool


class MasterBySentinel:
    """
    The master that the sentinels name; after a failure they are queried again.

    Args:
        pool: Connection pool for the master.
        sentinel_pool: Connection pool for the sentinels.
        sentinels: Service name and addresses of the sentinels.
    """

    def __init__(self, pool: Pool, sentinel_pool: Pool, sentinels: Sentinels) -> None:
        self._pool = pool
        self._sentinel_pool = sentinel_pool
        self._sentinels = sentinels
        self._master: Address | None = None
        self.ask_at = pool.ask

    def ask(self, key: str, command: Command) -> object:  # noqa: ARG002 # the master has all keys
        """Send a command to the master, and return its response."""
        return self._pool.ask(self._find_master(), command)

    def servers(self) -> list[Address]:
        """Find the master."""
        return [self._find_master()]

    def forget(self) -> None:
        """Close idle connections, and drop the master's address."""
        self._master = None
        self._pool.drop_idle()
        self._sentinel_pool.drop_idle()

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()
        self._sentinel_pool.close()

    def after_fork(self) -> None:
        """Drop the parent's connections."""
        self._pool.after_fork()
        self._sentinel_pool.after_fork()

    def _find_master(self) -> Address:
        master = self._master
        if master is None:
            master = self._master = self._ask_sentinels()
        return master

    def _ask_sentinels(self) -> Address:
        failure: Exception = RedisConnectionError("no sentinel knows the master")
        question = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._sentinels.service)
        addresses = self._sentinels.addresses
        for position, address in enumerate(addresses):
            # Each gets a share of the time, so that silent ones do not use up all of it.
            share = current.get().left() / (len(addresses) - position)
            try:
                with within(share):
                    response: Any = self._sentinel_pool.ask(address, question)
            except Exception as error:  # noqa: BLE001 # raised if no other sentinel responds
                failure = error
                continue
            if response:
                return Address(response[0].decode(), int(response[1]))
        raise failure
