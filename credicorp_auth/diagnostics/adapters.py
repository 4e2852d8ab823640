"""Checks of the cache and of the secret source."""

from __future__ import annotations

import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Final, cast

from credicorp_auth.diagnostics.check import Check, fail, ok, warn
from credicorp_auth.engine.adapter_call import call_adapter
from credicorp_auth.engine.guard import GUARD_THREAD, Overdue, within
from credicorp_auth.engine.guarded_adapters import GuardedSecretSource
from credicorp_auth.engine.storage.credential_cache import CredentialCache
from credicorp_auth.errors import AdapterBroken, CacheUnavailable, CredicorpAuthError
from credicorp_auth.plugin.api import LeaseState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from credicorp_auth.engine.clock import Clock
    from credicorp_auth.plugin.api import Cache, LeasingCache, Provider, SecretSource

_ENTRY: Final = b"credicorp-auth doctor"
_SECONDS: Final = 60.0
_TIMEOUT: Final = (
    5.0  # seconds: more than an engine waits, so that a slow cache is told from a broken one
)


def check_cache(cache: Cache, provider: Provider, *, seconds: float = 2 * _TIMEOUT) -> Check:
    """
    Write, read and drop an entry, then acquire and release a lease if the cache has leases.

    Args:
        cache: The cache.
        provider: Its provider.
        seconds: Seconds for all of it.
    """
    try:
        done = call_adapter(provider, lambda: _in_time(cache, seconds), expected=str, stage="cache")
    except CredicorpAuthError as error:
        return fail("cache", error)
    return ok("cache", f"{provider}: {done}")


def _in_time(cache: Cache, seconds: float) -> str:
    with suppress(Overdue):
        return within(seconds, lambda: _round_trip(cache), name=f"{GUARD_THREAD} doctor")
    raise CacheUnavailable(f"the cache has not returned within {seconds:g} s", code="cache.timeout")


def _round_trip(cache: Cache) -> str:
    key = secrets.token_hex(32)
    cache.write(key, _ENTRY, lifetime=_SECONDS, timeout=_TIMEOUT)
    read = cache.read(key, timeout=_TIMEOUT)
    discarded = cache.discard(key, expected=_ENTRY, timeout=_TIMEOUT)
    if read != _ENTRY or not discarded:
        raise AdapterBroken(
            "the cache lost an entry that had just been written", code="plugin.contract"
        )
    # Last: an unavailable cache raises an error for an entry, but only denies a lease.
    leased = _lease(cast("LeasingCache", cache), key) if cache.capabilities.leases else ""
    return f"{leased}wrote, read and dropped an entry"


def _lease(cache: LeasingCache, key: str) -> str:
    lease = cache.lease(key, seconds=3.0, timeout=_TIMEOUT)
    if lease.state is not LeaseState.ACQUIRED or not lease.renew(timeout=_TIMEOUT):
        raise AdapterBroken(
            f"the cache gave no lease, although no one else can hold it: {lease.state.value}",
            code="plugin.contract",
            hint="check that the cache can be written to, and is not paused or read-only.",
        )
    lease.release(timeout=_TIMEOUT)
    return "took a lease, "


def check_secret(
    source: SecretSource, provider: Provider, client_id: str | None, clock: Clock
) -> Iterator[Check]:
    """Read the credentials, and report the client they belong to."""
    guarded = GuardedSecretSource(source, provider, emit=lambda *_, **__: None)
    cached_credentials = CredentialCache(guarded, provider, client_id, clock)
    try:
        credentials = cached_credentials.fetch(past_cache=True)
    except CredicorpAuthError as error:
        yield fail("secret", error)
        return
    yield ok("secret", f"{provider} has the secret of client {credentials.client_id!r}")
    left = None if credentials.expires_at is None else credentials.expires_at - clock.wall()
    if left is not None and left < _SECONDS:
        yield warn(
            "secret",
            f"it expires in {left:.0f} s",
            "rotate it, or issue secrets with a longer lifetime.",
        )
