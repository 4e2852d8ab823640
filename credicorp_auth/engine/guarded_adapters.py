"""Adapters under a guard: a cache in trouble counts as absent, a secret source is unavailable."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, TypeVar, cast

from attrs import frozen

from credicorp_auth.engine.guard import Guard, Overdue
from credicorp_auth.engine.storage.lease import NoLease
from credicorp_auth.errors import CacheUnavailable, CredicorpAuthError, SecretUnavailable
from credicorp_auth.plugin.api import BoundedCache, LeaseState
from credicorp_auth.plugin.api.clocks import monotonic

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from credicorp_auth.plugin.api import (
        Cache,
        CacheCapabilities,
        FetchedSecret,
        Lease,
        LeasingCache,
        Provider,
        SecretSource,
        SecretSourceCapabilities,
    )

    Emit = Callable[..., None]

S = TypeVar("S")
T = TypeVar("T")

_PROMPT: Final = 1 / 20  # of the time of a call: a response within it costs nothing
_REGAINED: Final = 1 / 4  # of elapsed time
_PROBE_KEY: Final = "c0ffee" + "0" * 58
_PROBE_ENTRY: Final = b"credicorp-auth: is this cache well?"
_NO_LEASE: Final = NoLease()
_LEASING: Final = frozenset({"lease", "renew", "release"})


class _Allowance(threading.local):
    """
    Seconds that the cache may take of one call for a token.

    The cache is asked several times in one call, on one thread. So each thread has an amount that
    slow responses use up, and that comes back slowly where a thread serves several calls.

    Args:
        seconds: The amount.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = self._left = seconds
        self._counted = monotonic()

    def left(self) -> float:
        """Return the seconds that the next response may take."""
        now = monotonic()
        self._left = min(self._seconds, self._left + (now - self._counted) * _REGAINED)
        self._counted = now
        return min(self._seconds, max(self._left, 0.0) + self._seconds * _PROMPT)

    def spend(self, began: float) -> bool:
        """Subtract the time since then; return whether anything is left."""
        self._left -= max(0.0, monotonic() - began - self._seconds * _PROMPT)
        return self._left > 0


class GuardedCache:
    """
    A cache that delays a call by its timeout at most, and only once while it is in trouble.

    Args:
        cache: The cache adapter.
        provider: The adapter's provider, named in events.
        seconds: Seconds that the cache may take of one call for a token.
        emit: Emits events.
    """

    def __init__(self, cache: Cache, provider: Provider, *, seconds: float, emit: Emit) -> None:
        self._cache = cache
        self._seconds = seconds
        self._allowance = _Allowance(seconds)
        self._key = _PROBE_KEY
        self._guard = Guard(
            provider, "cache", probe=self._probe, seconds=lambda: seconds, emit=emit
        )

    @property
    def capabilities(self) -> CacheCapabilities:
        """The optional capabilities of the cache."""
        return self._cache.capabilities

    def read(self, key: str, *, timeout: float) -> bytes | None:
        """Return the entry; None if there is none, or the cache is in trouble."""
        self._key = key
        return self.ask("read", lambda left: self._cache.read(key, timeout=left), None, timeout)

    def write(
        self, key: str, entry: bytes, *, lifetime: float, number: int = 0, timeout: float
    ) -> None:
        """Store an entry, unless the cache is in trouble."""
        order = {"number": number} if self.capabilities.leases else {}

        def write(left: float) -> None:
            self._cache.write(key, entry, lifetime=lifetime, timeout=left, **order)

        self.ask("write", write, None, timeout)

    def discard(self, key: str, *, expected: bytes | None = None, timeout: float) -> bool:
        """Drop an entry; return whether one was dropped."""

        def discard(left: float) -> bool:
            return self._cache.discard(key, expected=expected, timeout=left)

        return bool(self.ask("discard", discard, None, timeout))

    def lease(self, key: str, *, seconds: float, timeout: float) -> Lease:
        """Request a lease, which fails while the cache is in trouble."""
        cache = cast("LeasingCache", self._cache)
        awaited = [True]

        def lease(left: float) -> Lease | None:
            # A third-party cache may return None although its type forbids it.
            given = cast("Lease | None", cache.lease(key, seconds=seconds, timeout=left))
            if given is None:
                return None
            if given.state is LeaseState.ACQUIRED and not awaited:
                given.release(timeout=self._seconds)  # others would wait until it lapses
            return _GuardedLease(given, self)

        found = cast("Lease", self.ask("lease", lease, _NO_LEASE, timeout))
        if found is _NO_LEASE:
            awaited.clear()
        return found

    def make_room(self, max_entries: int) -> None:
        """Raise the limit of a bounded cache; it does not wait."""
        if isinstance(self._cache, BoundedCache):
            self._cache.make_room(max_entries)

    def close(self) -> None:
        """Close the cache; one that hangs is closed by the call that hangs, if it returns."""
        self._guard.close(self._cache.close, seconds=self._seconds)

    def after_fork(self) -> None:
        """Drop, in the forked child, what belongs to the parent."""
        self._guard.after_fork()
        self._allowance = _Allowance(self._seconds)
        self._cache.after_fork()

    def ask(self, verb: str, work: Callable[[float], T], absent: S, timeout: float) -> T | S:
        """
        Call the cache.

        Args:
            verb: Its method, as events name it.
            work: Calls the method, with the timeout that it is passed.
            absent: What a cache that is absent would return.
            timeout: Seconds that it may take in all.
        """
        if self._guard.is_open():
            return absent
        allowance, began = self._allowance, monotonic()
        left = min(allowance.left(), timeout)
        try:
            return self._guard.ask(verb, lambda: work(left), seconds=left)
        except Overdue:
            return absent
        finally:
            if not allowance.spend(began):
                # Each thread starts with the full amount once the cache is well.
                self._allowance = _Allowance(self._seconds)
                self._guard.open(verb, f"took more than {self._seconds:g} s of one call")

    def _probe(self, verb: str) -> None:
        cache, seconds = self._cache, self._seconds
        cache.read(self._key, timeout=seconds)
        cache.write(_PROBE_KEY, _PROBE_ENTRY, lifetime=1.0, timeout=seconds)
        cache.discard(_PROBE_KEY, timeout=seconds)
        if verb in _LEASING:
            lease = cast("LeasingCache", cache).lease(_PROBE_KEY, seconds=1.0, timeout=seconds)
            lease.release(timeout=seconds)


@frozen(eq=False)
class _GuardedLease:
    """A lease of a guarded cache."""

    lease: Lease
    cache: GuardedCache

    @property
    def state(self) -> LeaseState:
        """The outcome of the request."""
        return self.lease.state

    @property
    def number(self) -> int:
        """The number that the cache gave it."""
        return self.lease.number

    def renew(self, *, timeout: float) -> bool:
        """Extend the lease; raise `CacheUnavailable` while the cache is in trouble."""
        holds = self.cache.ask("renew", lambda left: self.lease.renew(timeout=left), None, timeout)
        if holds is None:
            raise CacheUnavailable(
                "the lease was not renewed: the cache is in trouble", retryable=True
            )
        return holds

    def release(self, *, timeout: float) -> None:
        """Release the lease; while the cache is in trouble, it lapses by itself."""
        self.cache.ask("release", lambda left: self.lease.release(timeout=left), None, timeout)


class GuardedSecretSource:
    """
    A secret source that delays a call by its timeout at most, and only once while it is in trouble.

    Args:
        source: The secret source adapter.
        provider: The adapter's provider, named in events and messages.
        emit: Emits events.
    """

    def __init__(self, source: SecretSource, provider: Provider, *, emit: Emit) -> None:
        self._source = source
        self._provider = provider
        self._names: Collection[str] = ()
        self._guard = Guard(
            provider,
            "secrets",
            probe=self._probe,
            seconds=lambda: source.capabilities.timeout,
            emit=emit,
        )

    @property
    def capabilities(self) -> SecretSourceCapabilities:
        """The optional capabilities of the source."""
        return self._source.capabilities

    def fetch(self, names: Collection[str], *, timeout: float) -> FetchedSecret:
        """
        Read the named fields.

        Raises:
            SecretUnavailable: It did not return in time, now or earlier (`secret.timeout`).
        """
        if self._guard.is_open():
            raise self._late("has not been well since a `fetch` that took too long")
        self._names, began = names, monotonic()
        try:
            return self._guard.ask(
                "fetch", lambda: self._source.fetch(names, timeout=timeout), seconds=timeout
            )
        except CredicorpAuthError:
            # An adapter that keeps its limit reports it itself.
            if monotonic() - began >= timeout:
                self._guard.open("fetch", f"failed after more than {timeout:g} s")
            raise
        except Overdue:
            late = self._late(f"has not returned from `fetch` within {timeout:g} s")
        raise late

    def close(self) -> None:
        """Close the source; one that hangs is closed by the call that hangs, if it returns."""
        self._guard.close(self._source.close, seconds=self._source.capabilities.timeout)

    def after_fork(self) -> None:
        """Drop, in the forked child, what belongs to the parent."""
        self._guard.after_fork()
        self._source.after_fork()

    def _late(self, message: str) -> SecretUnavailable:
        return SecretUnavailable(
            f"secret source {self._provider} {message}",
            code="secret.timeout",
            hint="check what the source reads from; or allow more time, by its option `timeout`.",
            retryable=True,
        )

    def _probe(self, _verb: str) -> None:
        try:
            self._source.fetch(self._names, timeout=self._source.capabilities.timeout)
        except CredicorpAuthError:
            return  # it returned in time: callers are to see what it raises
