"""
Fleet-wide single minting: the lease holder mints, the others read its token from the cache.

If the cache has no lease support or is down, each process mints on its own. Within a process there
is still one call for all callers.
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

_FIRST_WAIT: Final = 0.025  # seconds until the first recheck of the cache and the lease
_LONGEST_WAIT: Final = 0.25  # seconds
_LEAST_PATIENCE: Final = 0.5  # fraction of a call's time for which it waits for the holder
_MORE_PATIENCE: Final = 0.25  # random extra fraction; so that waiters do not all give up at once


def find_in_cache(
    client: Client, runtime: Runtime, key: str, requirements: TokenRequirements
) -> ObtainedToken | None:
    """Return the cached token if it is acceptable, fresh enough and not future-dated."""
    return choose(client, runtime, runtime.read_cache(key), requirements)


def choose(
    client: Client,
    runtime: Runtime,
    stored: StoredToken | Unusable | None,
    requirements: TokenRequirements,
) -> ObtainedToken | None:
    """Return the token that was read from the cache if it serves; see `find_in_cache`."""
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
    Mint under the fleet lease, or wait for the lease holder's token.

    Args:
        client: The OAuth client.
        runtime: The runtime that performs I/O.
        key: The cache key of the token.
        requirements: The scope, the deadline and the tokens that do not count.
        mint: Mints under the given lease number; 0 means without one.
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
            return found  # the previous lease holder wrote it meanwhile
        return mint(number_in_order(runtime, lease.number, stored, requirements.newer_than))
    finally:
        runtime.release(lease)


def number_in_order(
    runtime: Runtime, number: int, stored: StoredToken | Unusable | None, held: Issuance | None
) -> int:
    """
    Return the number to mint under: that of the lease, or 0, which orders tokens by issue time.

    A lease has a larger number than any earlier one. If a new lease does not, a number was forged
    or the cache has restarted its count; then the issue time decides. It also decides if the cache
    content is damaged or future-dated, since its number is not trusted.

    Args:
        runtime: The runtime whose clock is read.
        number: The number of the lease.
        stored: The cache content, which does not serve.
        held: The issuance of the held token, or None.
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
    Wait while another process holds the lease; return the lease, or the holder's token.

    Returns:
        The token; or the lease in any state. A lease that is still held after most of the call's
        time is ignored: the caller mints without it. Time of a cooldown does not count.

    Raises:
        DeadlinePassed: The call's deadline would pass while waiting.
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
    """Say whether the holder had `patience` seconds since `began`, cooldowns excluded."""
    if runtime.now().boot - began < patience:
        return False
    runtime.load_shared_cooldown()
    return runtime.now().boot - max(began, runtime.recall().cooldown_until) >= patience


def wait_for_the_holder(runtime: Runtime, requirements: TokenRequirements, seconds: float) -> None:
    """Wait `seconds`; raise at once if the deadline comes first."""
    if runtime.now().boot + seconds >= requirements.deadline:
        error = DeadlinePassed(
            "no time was left to wait for the process that mints for all who share the cache"
        )
        note_failure(runtime, error)
        raise error
    runtime.pause(seconds)
