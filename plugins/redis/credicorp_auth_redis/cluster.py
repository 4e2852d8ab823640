"""
Command routing for a Redis Cluster.

redis-py's cluster client does not keep to a deadline: it sleeps for a quarter of a second when the
cluster is down and between redirections, and it queries all nodes after each failure. All keys of
one token are in one slot, so little of a cluster client is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import frozen
from redis.crc import key_slot
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from credicorp_auth.wire.exchange import current
from credicorp_auth_redis.address import Address, read_address
from credicorp_auth_redis.budget import within

if TYPE_CHECKING:
    from credicorp_auth_redis.connection import Command
    from credicorp_auth_redis.pool import Pool

_REDIRECTIONS: Final = 4
_KNOWN: Final = 16  # nodes to try in turn for the slot map


@frozen
class _Range:
    first: int
    last: int
    master: Address


class Cluster:
    """
    The masters of a cluster, each with its slots.

    Args:
        pool: Connection pool for all nodes.
        node: Address of one of the nodes.
    """

    def __init__(self, pool: Pool, node: Address) -> None:
        self._pool = pool
        self._node = node
        self._known: tuple[Address, ...] = (node,)
        self._map: list[_Range] = []
        self.close = pool.close
        self.after_fork = pool.after_fork
        self.ask_at = pool.ask

    def ask(self, key: str, command: Command) -> object:
        """Send a command to the master that has the key, following redirections."""
        address, asking = self._find_master(key_slot(key.encode())), False
        for _ in range(_REDIRECTIONS):
            try:
                return self._pool.ask(address, command, asking=asking)
            except ResponseError as error:
                word, _slot, target = (*str(error).split(" "), "", "")[:3]
                if word not in {"MOVED", "ASK"}:
                    raise
            asking = word == "ASK"
            if not asking:
                self._map = []  # it is out of date
            address = read_target(target, asked=address)
        return self._pool.ask(address, command, asking=asking)

    def servers(self) -> list[Address]:
        """Find all masters."""
        return sorted({each.master for each in self._read_map()}, key=str)

    def forget(self) -> None:
        """Close idle connections, and drop the slot map."""
        self._map = []
        self._pool.drop_idle()

    def _find_master(self, slot: int) -> Address:
        for each in self._map or self._read_map():
            if each.first <= slot <= each.last:
                return each.master
        message = "no node has this part of the keys"
        raise RedisConnectionError(message)

    def _read_map(self) -> list[_Range]:
        failure: Exception | None = None
        for position, address in enumerate(self._known):
            share = current.get().left() / (len(self._known) - position)
            try:
                with within(share):
                    response: Any = self._pool.ask(address, ("CLUSTER", "SLOTS"))
            except Exception as error:  # noqa: BLE001 # raised if no other node responds
                failure = error
                continue
            return self._keep(response, asked=address)
        raise failure or RedisConnectionError

    def _keep(self, response: Any, *, asked: Address) -> list[_Range]:  # noqa: ANN401 # its shape is checked by use
        found: list[_Range] = []
        nodes: list[Address] = [asked]
        for first, last, *owners in response:
            here = [
                Address(owner[0].decode() if owner[0] else asked.host, owner[1]) for owner in owners
            ]
            found.append(_Range(first, last, here[0]))
            nodes += here
        # The configured node comes last: it may be a DNS name that resolves to new nodes after
        # all known ones have gone.
        self._known = (
            *[each for each in dict.fromkeys(nodes) if each != self._node][: _KNOWN - 1],
            self._node,
        )
        self._map = found
        return found


def read_target(target: str, *, asked: Address) -> Address:
    """
    Read the target of a redirection.

    Args:
        target: `host:port`; a node that does not know its own host name omits it.
        asked: The node that sent the redirection.
    """
    host, _, port = target.rpartition(":")
    if host in {"", "?"}:
        return Address(asked.host, int(port))
    return read_address(f"[{host}]:{port}" if ":" in host else f"{host}:{port}", default_port=0)
