"""
How those who share a cache mint once: one has the lease and mints, the rest read what it brings.

A cache that offers no lease, or is in trouble, sends everyone off alone; within a process there is
still one flight for all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from credicorp_auth.errors import DeadlinePassed
from credicorp_auth.lifecycle.setback import note_failure
from credicorp_auth.lifecycle.windows import Instant
from credicorp_auth.lifecycle.world import Obtained
from credicorp_auth.ports import LeaseState

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.lifecycle.client import Client
    from credicorp_auth.lifecycle.world import Errand, World

MAX_SKEW: Final = 60.0  # seconds by which the clocks of two hosts may differ
_FIRST_WAIT: Final = 0.025  # seconds until the holder is looked at again
_LONGEST_WAIT: Final = 0.25  # seconds


def find_in_cache(client: Client, world: World, key: str, errand: Errand) -> Obtained | None:
    """Return the cached token if it has life enough, is wanted, and is not from the future."""
    stored = world.read_cache(key)
    if stored is None or stored.record_id in errand.rejected:
        return None
    if errand.newer_than is not None and not stored.birth.after(errand.newer_than):
        return None
    now = world.now()
    age = now.wall - stored.birth.issued_at
    if not -MAX_SKEW <= age < client.window_policy.mandatory_age(stored.grant.lifetime):
        return None
    age = max(age, 0.0)
    issued = Instant(now.wall - age, now.boot - age)
    world.tell("token.read_from_cache", scope=str(errand.scope), age=age)
    return Obtained(stored.grant, stored.record_id, issued, None, stored.birth.number)


def mint_for_all(
    client: Client, world: World, key: str, errand: Errand, mint: Callable[[int], Obtained]
) -> Obtained:
    """
    Mint, unless another who shares the cache is at it: then take what that brings.

    Args:
        client: Who asks.
        world: Where.
        key: The cache key of the token.
        errand: For what scope, until when, and what does not count.
        mint: Mints under the lease of that number; 0 where there is none.
    """
    wait = _FIRST_WAIT
    while (lease := world.lease(key)).state is LeaseState.HELD:
        wait_for_the_holder(world, errand, wait * (1 + world.random()))
        wait = min(1.5 * wait, _LONGEST_WAIT)
        if found := find_in_cache(client, world, key, errand):
            return found
    try:
        world.heed_others()
        if lease.state is LeaseState.ACQUIRED and (
            found := find_in_cache(client, world, key, errand)
        ):
            return found  # whoever had the lease before has brought it meanwhile
        return mint(lease.number)
    finally:
        world.release(lease)


def wait_for_the_holder(world: World, errand: Errand, seconds: float) -> None:
    """Wait a moment; raise where the errand ends before it."""
    if world.now().boot + seconds >= errand.deadline:
        error = DeadlinePassed(
            "no time was left to wait for the process that mints for all who share the cache"
        )
        note_failure(world, error)
        raise error
    world.pause(seconds)
