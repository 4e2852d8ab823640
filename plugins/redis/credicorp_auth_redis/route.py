"""Command routing for a single server, sentinels and a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, cast

from credicorp_auth.wire.tls import build_context
from credicorp_auth.wire.tls_files import Renewed
from credicorp_auth_redis.cluster import Cluster
from credicorp_auth_redis.connection import Connector
from credicorp_auth_redis.pool import Pool
from credicorp_auth_redis.sentinel import MasterBySentinel

if TYPE_CHECKING:
    from credicorp_auth_redis.address import Address
    from credicorp_auth_redis.connection import Command
    from credicorp_auth_redis.options import CacheOptions


class Route(Protocol):
    """Finds the server that has a key."""

    def ask(self, key: str, command: Command) -> object:
        """
        Send a command to the server that has a key, and return its response.

        Args:
            key: Name of the key in Redis.
            command: Its words.
        """
        ...

    def servers(self) -> list[Address]:
        """Find all servers that have keys."""
        ...

    def ask_at(self, address: Address, command: Command) -> object:
        """Send a command to one of `servers()`, and return its response."""
        ...

    def forget(self) -> None:
        """Close idle connections, and drop cached addresses, after a failure."""
        ...

    def close(self) -> None:
        """Close all connections."""
        ...

    def after_fork(self) -> None:
        """Drop the parent's connections."""
        ...


def build_route(options: CacheOptions) -> Route:
    """
    Build the route to the servers that the options name.

    Args:
        options: The options.

    Raises:
        InvalidSetting: A file named in the options cannot be used (`config.value`).
    """
    url = options.read_url()
    pool = _pool(options, url.username, url.password, url.database)
    if options.sentinel is not None:
        return MasterBySentinel(pool, _pool(options), options.sentinel)
    address = cast("Address", url.address)  # guaranteed by the options
    return Cluster(pool, address) if options.cluster else SingleServer(pool, address)


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


def _pool(options: CacheOptions, *identity: Any) -> Pool:  # noqa: ANN401 - user, password, database
    """Return a pool, whose connections are new ones after a file of certificates has changed."""
    if options.read_url().scheme != "rediss":
        return Pool(Connector(None, options.may_be_plain, *identity).open)
    files = options.tls_files()

    def connector() -> Connector:
        return Connector(build_context(files), options.may_be_plain, *identity)

    renewed = Renewed(files, connector, lambda _old: pool.drop_idle())
    pool = Pool(lambda address: renewed.current().open(address), look=renewed.current)
    return pool
