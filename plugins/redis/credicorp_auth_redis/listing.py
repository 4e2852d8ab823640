"""Listing and removal of entries, for operators; Redis may hold other keys as well."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from credicorp_auth.plugin.api import CacheEntry
from credicorp_auth_redis.record import read_head
from credicorp_auth_redis.scripts import DROP, READ

if TYPE_CHECKING:
    from credicorp_auth_redis.client import Client

_MOST: Final = 10_000  # entries
_HEAD: Final = 255  # bytes


def list_entries(client: Client, pattern: str, *, now: float) -> list[CacheEntry]:
    """
    List the valid entries, sorted by key.

    Args:
        client: Sends commands to the servers.
        pattern: Glob pattern of their names, for SCAN.
        now: Current time in epoch seconds.
    """
    entries: dict[str, CacheEntry] = {}
    for name in islice(client.names(pattern), _MOST):
        head = read_head(READ.run(client.ask, (name,), _HEAD))
        if head is not None and head.ends > now * 1000:
            # The writer's clock may be ahead of ours.
            age = max(0.0, now - head.written / 1000)
            entries[head.key] = CacheEntry(head.key, age, head.ends / 1000 - now)
    return [entries[key] for key in sorted(entries)]


def drop_entries(client: Client, pattern: str) -> int:
    """
    Drop all entries, and return their number.

    Args:
        client: Sends commands to the servers.
        pattern: Glob pattern of their names, for SCAN.
    """
    return sum(DROP.run(client.ask, (name,)) == 1 for name in list(client.names(pattern)))
