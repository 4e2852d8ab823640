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
from credicorp_auth.lifecycle.world import Obtained, StoredToken, Unusable
from credicorp_auth.ports import LeaseState

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.lifecycle.client import Client
    from credicorp_auth.lifecycle.world import Birth, Errand, World
    from credicorp_auth.ports import Lease

_FIRST_WAIT: Final = 0.025  # seconds until the holder is looked at again
_LONGEST_WAIT: Final = 0.25  # seconds
_LEAST_PATIENCE: Final = 0.5  # of an errand's time, for which a holder is waited for
_MORE_PATIENCE: Final = 0.25  # of it, at random: those who wait do not all go alone at once


def find_in_cache(client: Client, world: World, key: str, errand: Errand) -> Obtained | None:
    """Return the cached token if it has life enough, is wanted, and is not from the future."""
    return choose(client, world, world.read_cache(key), errand)


def choose(
    client: Client, world: World, stored: StoredToken | Unusable | None, errand: Errand
) -> Obtained | None:
    """Return what was found in a cache if it serves; see `find_in_cache`."""
    if not isinstance(stored, StoredToken) or stored.record_id in errand.rejected:
        return None
    if errand.newer_than is not None and not stored.birth.after(errand.newer_than):
        return None
    now = world.now()
    age = now.wall - stored.birth.issued_at
    if stored.birth.is_ahead_of(now) or age >= client.window_policy.mandatory_age(
        stored.grant.lifetime
    ):
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
    lease = ask_for_the_lease(client, world, key, errand)
    if isinstance(lease, Obtained):
        return lease
    try:
        world.heed_others()
        if lease.state is not LeaseState.ACQUIRED:
            return mint(0)
        stored = world.read_cache(key)
        if found := choose(client, world, stored, errand):
            return found  # whoever had the lease before has brought it meanwhile
        return mint(number_in_order(world, lease.number, stored, errand.newer_than))
    finally:
        world.release(lease)


def number_in_order(
    world: World, number: int, stored: StoredToken | Unusable | None, held: Birth | None
) -> int:
    """
    Return the number to mint under: that of the lease, or 0, which replaces whatever is there.

    A lease has a larger number than any before it. If one that was just acquired has not, a number
    was made up, or the cache has begun to count anew; then the order is that of issue time. Nor is
    anything else believed of what is out of bounds.

    Args:
        world: Where.
        number: That of the lease.
        stored: What lies in the cache and does not serve.
        held: The birth of the token in hand, or None.
    """
    if isinstance(stored, Unusable) or (stored and stored.birth.is_ahead_of(world.now())):
        return 0
    before = [stored.birth.number] if stored else []
    before += [held.number] if held else []
    return number if number > max(before, default=0) else 0


def ask_for_the_lease(client: Client, world: World, key: str, errand: Errand) -> Lease | Obtained:
    """
    Wait while another has the lease; return it, or what the other one brought.

    Returns:
        The lease, in any state: one that another has still after most of the errand's time is in
        nobody's way any more. Time in which the endpoint asked to be left alone does not count.

    Raises:
        DeadlinePassed: The errand's time is over.
    """
    lease, wait, began = world.lease(key), _FIRST_WAIT, world.now().boot
    if lease.state is not LeaseState.HELD:
        return lease
    world.heed_others()
    chance = world.random()
    patience = (errand.deadline - began) * (_LEAST_PATIENCE + _MORE_PATIENCE * chance)
    while True:
        wait_for_the_holder(world, errand, wait * (1 + chance))
        wait = min(1.5 * wait, _LONGEST_WAIT)
        if found := find_in_cache(client, world, key, errand):
            return found
        lease = world.lease(key)
        if lease.state is not LeaseState.HELD or is_worn_out(world, began, patience):
            return lease
        chance = world.random()


def is_worn_out(world: World, began: float, patience: float) -> bool:
    """Say whether a holder had `patience` seconds since `began` in which it could ask."""
    if world.now().boot - began < patience:
        return False
    world.heed_others()
    return world.now().boot - max(began, world.recall().quiet_until) >= patience


def wait_for_the_holder(world: World, errand: Errand, seconds: float) -> None:
    """Wait a moment; raise where the errand ends before it."""
    if world.now().boot + seconds >= errand.deadline:
        error = DeadlinePassed(
            "no time was left to wait for the process that mints for all who share the cache"
        )
        note_failure(world, error)
        raise error
    world.pause(seconds)
