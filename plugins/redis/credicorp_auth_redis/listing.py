"""Listing and removal of entries, for operators; Redis may hold other keys as well."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from redis.exceptions import ResponseError

from credicorp_auth.plugin.api import CacheEntry
from credicorp_auth_redis.record import read_head

if TYPE_CHECKING:
    from collections.abc import Iterator

    from credicorp_auth_redis.address import Address
    from credicorp_auth_redis.route import Route

_MOST: Final = 10_000  # entries
_STEP: Final = 1000  # keys that the server scans in one step


def list_entries(route: Route, pattern: str, *, now: float) -> list[CacheEntry]:
    """
    List the valid entries, sorted by key.

    Args:
        route: Finds the servers.
        pattern: Glob pattern of their names, for SCAN.
        now: Current time in epoch seconds.
    """
    entries: dict[str, CacheEntry] = {}
    for server, name in islice(_find(route, pattern), _MOST):
        head = read_head(_start_of(route, server, name))
        if head is not None and head.ends > now * 1000:
            # The writer's clock may be ahead of ours.
            age = max(0.0, now - head.written / 1000)
            entries[head.key] = CacheEntry(head.key, age, head.ends / 1000 - now)
    return [entries[key] for key in sorted(entries)]


def drop_entries(route: Route, pattern: str) -> int:
    """
    Drop all entries, and return their number.

    Args:
        route: Finds the servers.
        pattern: Glob pattern of their names, for SCAN.
    """
    return sum(
        route.ask_at(server, ("DEL", name)) == 1 for server, name in list(_find(route, pattern))
    )


def _find(route: Route, pattern: str) -> Iterator[tuple[Address, str]]:
    for server in route.servers():
        cursor = 0
        while True:
            response: Any = route.ask_at(server, ("SCAN", cursor, "MATCH", pattern, "COUNT", _STEP))
            cursor = int(response[0])
            yield from ((server, name.decode()) for name in response[1])
            if not cursor:
                break


def _start_of(route: Route, server: Address, name: str) -> object:
    try:
        return route.ask_at(server, ("GETRANGE", name, 0, 255))
    except ResponseError as error:
        if not str(error).startswith("WRONGTYPE"):
            raise
    return None  # the key has another type: it is no entry
