"""
How those who share a cache mint once: one has the lease and mints, the rest read what it brings.

A cache that offers no lease, or is in trouble, sends everyone off alone; within a process there is
still one call for all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from credicorp_auth.errors import DeadlinePassed
from credicorp_auth.lifecycle.backoff import note_failure
from credicorp_auth.lifecycle.runtime import ObtainedToken, StoredToken, Unusable
from credicorp_auth.lifecycle.windows import Instant
from credicorp_auth.plugin.api import LeaseState

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.lifecycle.client import Client
    from credicorp_auth.lifecycle.runtime import Issuance, Runtime, TokenRequirements
    from credicorp_auth.plugin.api import Lease

_FIRST_WAIT: Final = 0.025  # seconds until the holder is looked at again
_LONGEST_WAIT: Final = 0.25  # seconds
_LEAST_PATIENCE: Final = 0.5  # of an call's time, for which a holder is waited for
_MORE_PATIENCE: Final = 0.25  # of it, at random: those who wait do not all go alone at once


def find_in_cache(
    client: Client, runtime: Runtime, key: str, requirements: TokenRequirements
) -> ObtainedToken | None:
    """Return the cached token if it has life enough, is wanted, and is not from the future."""
    return choose(client, runtime, runtime.read_cache(key), requirements)


def choose(
    client: Client,
    runtime: Runtime,
    stored: StoredToken | Unusable | None,
    requirements: TokenRequirements,
) -> ObtainedToken | None:
    """Return what was found in a cache if it serves; see `find_in_cache`."""
    if not isinstance(stored, StoredToken) or stored.record_id in requirements.rejected:
        return None
    if requirements.newer_than is not None and not stored.issuance.after(requirements.newer_than):
        return None
    now = runtime.now()
    age = now.wall - stored.issuance.issued_at
    if stored.issuance.is_ahead_of(now) or age >= client.window_policy.mandatory_age(
        stored.grant.lifetime
    ):
        return None
    age = max(age, 0.0)
    issued = Instant(now.wall - age, now.boot - age)
    runtime.emit("token.read_from_cache", scope=str(requirements.scope), age=age)
    return ObtainedToken(stored.grant, stored.record_id, issued, None, stored.issuance.number)


def mint_for_all(
    client: Client,
    runtime: Runtime,
    key: str,
    requirements: TokenRequirements,
    mint: Callable[[int], ObtainedToken],
) -> ObtainedToken:
    """
    Mint, unless another who shares the cache is at it: then take what that brings.

    Args:
        client: Who asks.
        runtime: Where.
        key: The cache key of the token.
        requirements: For what scope, until when, and what does not count.
        mint: Mints under the lease of that number; 0 where there is none.
    """
    lease = ask_for_the_lease(client, runtime, key, requirements)
    if isinstance(lease, ObtainedToken):
        return lease
    try:
        runtime.load_shared_cooldown()
        if lease.state is not LeaseState.ACQUIRED:
            return mint(0)
        stored = runtime.read_cache(key)
        if found := choose(client, runtime, stored, requirements):
            return found  # whoever had the lease before has brought it meanwhile
        return mint(number_in_order(runtime, lease.number, stored, requirements.newer_than))
    finally:
        runtime.release(lease)


def number_in_order(
    runtime: Runtime, number: int, stored: StoredToken | Unusable | None, held: Issuance | None
) -> int:
    """
    Return the number to mint under: that of the lease, or 0, which replaces whatever is there.

    A lease has a larger number than any before it. If one that was just acquired has not, a number
    was made up, or the cache has begun to count anew; then the order is that of issue time. Nor is
    anything else believed of what is out of bounds.

    Args:
        runtime: Where.
        number: That of the lease.
        stored: What lies in the cache and does not serve.
        held: The birth of the token in hand, or None.
    """
    if isinstance(stored, Unusable) or (stored and stored.issuance.is_ahead_of(runtime.now())):
        return 0
    before = [stored.issuance.number] if stored else []
    before += [held.number] if held else []
    return number if number > max(before, default=0) else 0


def ask_for_the_lease(
    client: Client, runtime: Runtime, key: str, requirements: TokenRequirements
) -> Lease | ObtainedToken:
    """
    Wait while another has the lease; return it, or what the other one brought.

    Returns:
        The lease, in any state: one that another has still after most of the call's time is in
        nobody's way any more. Time in which the endpoint asked to be left alone does not count.

    Raises:
        DeadlinePassed: The call's time is over.
    """
    lease, wait, began = runtime.lease(key), _FIRST_WAIT, runtime.now().boot
    if lease.state is not LeaseState.HELD:
        return lease
    runtime.load_shared_cooldown()
    chance = runtime.random()
    patience = (requirements.deadline - began) * (_LEAST_PATIENCE + _MORE_PATIENCE * chance)
    while True:
        wait_for_the_holder(runtime, requirements, wait * (1 + chance))
        wait = min(1.5 * wait, _LONGEST_WAIT)
        if found := find_in_cache(client, runtime, key, requirements):
            return found
        lease = runtime.lease(key)
        if lease.state is not LeaseState.HELD or is_worn_out(runtime, began, patience):
            return lease
        chance = runtime.random()


def is_worn_out(runtime: Runtime, began: float, patience: float) -> bool:
    """Say whether a holder had `patience` seconds since `began` in which it could ask."""
    if runtime.now().boot - began < patience:
        return False
    runtime.load_shared_cooldown()
    return runtime.now().boot - max(began, runtime.recall().cooldown_until) >= patience


def wait_for_the_holder(runtime: Runtime, requirements: TokenRequirements, seconds: float) -> None:
    """Wait a moment; raise where the call ends before it."""
    if runtime.now().boot + seconds >= requirements.deadline:
        error = DeadlinePassed(
            "no time was left to wait for the process that mints for all who share the cache"
        )
        note_failure(runtime, error)
        raise error
    runtime.pause(seconds)
