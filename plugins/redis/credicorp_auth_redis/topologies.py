"""redis-py clients for a single server, for a master behind sentinels, and for a cluster."""

from __future__ import annotations

from functools import partial
from random import SystemRandom
from typing import TYPE_CHECKING, Any, Final, cast

from attrs import evolve
from redis import Redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.connection import Connection, ConnectionPool, UnixDomainSocketConnection
from redis.credentials import CredentialProvider
from redis.retry import Retry
from redis.sentinel import (
    MasterNotFoundError,
    Sentinel,
    SentinelConnectionPool,
    SentinelManagedConnection,
)

from credicorp_auth_redis.connection import Terms, connection_class

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence

    from credicorp_auth.http.secret import Secret
    from credicorp_auth_redis.address import Address
    from credicorp_auth_redis.options import CacheOptions

Pools = list[ConnectionPool]

_MASTER: Final = "SENTINEL GET-MASTER-ADDR-BY-NAME"


class _Identity(CredentialProvider):
    """User and password for redis-py, kept out of the connection's attributes."""

    def __init__(self, username: str | None, password: Secret) -> None:
        self._username = username
        self._password = password

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        password = self._password.reveal()
        return (self._username, password) if self._username else (password,)


class _Sentinels(Sentinel):
    """redis-py's sentinel client; it reports why the last sentinel was of no use."""

    def discover_master(self, service_name: str) -> tuple[str, int]:
        """Return the address of the master."""
        failure: Exception = MasterNotFoundError("no sentinel knows the master")
        sentinel: Any
        for sentinel in self.sentinels:
            try:
                # Not by the method of that name: it fails in redis-py 6.
                found = sentinel.execute_command(_MASTER, service_name)
            except Exception as error:  # noqa: BLE001 # raised if no other sentinel responds
                failure = error
                continue
            if found:
                host, port = found
                return (host.decode() if isinstance(host, bytes) else host), port
        raise failure


class Cluster(RedisCluster):
    """redis-py's cluster client, of which a dead node or a fork prevents no use."""

    def command(self, **_how: Any) -> dict[str, Any]:  # noqa: ANN401 # redis-py's
        """Say nothing of Redis's commands: scripts need none of it, and one node would be asked."""
        return {}

    def close(self) -> None:
        """Do nothing: the finaliser would take a lock, and the pools are closed by their owner."""


def build_client(
    options: CacheOptions,
    context: ssl.SSLContext | None,
    *,
    pools: Pools,
    nodes: Sequence[Address] = (),
) -> Any:  # noqa: ANN401 # redis-py's clients have no common type
    """
    Build the client for the servers that the options name; only that of a cluster connects.

    Args:
        options: The options.
        context: TLS context; None for plain connections.
        pools: Receives the connection pools of the client, those created later included.
        nodes: Nodes of the cluster that were known before.
    """
    url, terms = options.read_url(), Terms(context, options.may_be_plain)
    how = _settings(url.username, url.password)
    if options.sentinel is not None:
        identity = _settings(options.sentinel_username, options.sentinel_password)
        sentinels = [
            _single(each, evolve(terms, share=len(options.sentinel.addresses) + 1), pools, identity)
            for each in options.sentinel.addresses
        ]
        return _find_master(
            options.sentinel.service, sentinels, terms, pools, {**how, "db": url.database}
        )
    address = cast("Address", url.address)  # guaranteed by the options
    if options.cluster:
        return _find_nodes(address, (*nodes, *options.nodes), terms, pools, how)
    return _single(address, terms, pools, {**how, "db": url.database})


def _settings(username: str | None, password: Secret | None) -> dict[str, Any]:
    # The limit is ours alone: that of redis-py 8 is 100.
    how: dict[str, Any] = {"protocol": 2, "max_connections": 2**31}
    if password is not None:
        how["credential_provider"] = _Identity(username, password)
    return how


def _never() -> Retry:
    return Retry(NoBackoff(), 0)


def _pool(pools: Pools, kind: Any = ConnectionPool, /, *names: Any, **how: Any) -> ConnectionPool:  # noqa: ANN401 # redis-py's
    pool: ConnectionPool = kind(*names, **how)
    pools.append(pool)
    return pool


def _single(address: Address, terms: Terms, pools: Pools, how: dict[str, Any]) -> Redis:
    base: type[Any] = Connection
    where: dict[str, Any] = {"host": address.host, "port": address.port, "socket_keepalive": True}
    if address.is_path:
        base, where = UnixDomainSocketConnection, {"path": address.host}
    kind = connection_class(base, terms)
    return Redis(
        connection_pool=_pool(pools, connection_class=kind, retry=_never(), **where, **how)
    )


def _find_master(
    service: str, sentinels: list[Redis], terms: Terms, pools: Pools, how: dict[str, Any]
) -> Redis:
    manager: Any = _Sentinels([])  # type: ignore[no-untyped-call]
    manager.sentinels = sentinels
    master: Redis = manager.master_for(
        service,
        connection_pool_class=partial(_pool, pools, SentinelConnectionPool),
        connection_class=connection_class(SentinelManagedConnection, terms),
        socket_keepalive=True,
        retry=_never(),
        **how,
    )
    return master


def _find_nodes(
    address: Address,
    others: Sequence[Address],
    terms: Terms,
    pools: Pools,
    how: dict[str, Any],
) -> Cluster:
    # At random, so that a node that is silent does not use up the time of each attempt.
    order = SystemRandom().sample(others, len(others))
    node: Any = ClusterNode  # redis-py's types are partial
    cluster = Cluster(
        url=f"redis://{address}",  # of this form only, `connection_class` is heeded
        startup_nodes=[node(each.host, each.port) for each in order],
        connection_pool_class=partial(_pool, pools),
        connection_class=connection_class(Connection, terms),
        socket_keepalive=True,
        retry=_never(),
        **how,
    )
    # Before redis-py 6, `retry` does not count here; later, this does not.
    cluster.cluster_error_retry_attempts = 0  # type: ignore[attr-defined]
    return cluster
