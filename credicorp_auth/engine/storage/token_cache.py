"""
Token cache of an engine: tokens, cooldowns and leases in a cache adapter, validated when read.

A failing cache never fails a call: reads return nothing, writes are lost, and each kind of failure
is an event at most once a minute. Every number from a cache is checked against its bound, for
every adapter; a record with a number out of bounds counts as absent and is replaced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar, cast

from credicorp_auth.engine.adapter_call import call_adapter
from credicorp_auth.engine.storage.lease import LEASE_SECONDS, NoLease, keep_lease
from credicorp_auth.engine.storage.record import (
    CorruptEntry,
    read_cooldown,
    read_stored_token,
    write_cooldown,
    write_stored_token,
)
from credicorp_auth.errors import CredicorpAuthError
from credicorp_auth.http.retry import plausible_cooldown
from credicorp_auth.lifecycle.runtime import Unusable
from credicorp_auth.plugin.api import BoundedCache

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.engine.clock import Clock
    from credicorp_auth.engine.storage.encryption import EntryCipher
    from credicorp_auth.http.secret import Secret
    from credicorp_auth.lifecycle.runtime import StoredToken
    from credicorp_auth.plugin.api import Cache, Lease, LeasingCache, Provider

T = TypeVar("T")

_ENTRY: Final = (bytes, type(None))
_NOTHING: Final = (type(None),)
_SAY_AGAIN: Final = 60.0  # seconds

CACHE_TIMEOUT: Final = 1.0
"""Seconds that a call of the cache may take."""


class TokenCache:
    """
    Keeps tokens in a cache adapter.

    Args:
        cache: The cache adapter.
        provider: The adapter's provider, named in events.
        clock: The wall clock and the boot clock.
        emit: Emits events about cache failures.
        max_lifetime: The longest token lifetime in seconds; a record with a longer one is corrupt.
        cipher: Encrypts and decrypts entries; None keeps them in plain text.
        secrets: Returns the secrets that no message of the adapter may show.
        timeout: Seconds that a call of the cache may take.
    """

    def __init__(  # noqa: PLR0913 - the steps of a read or write
        self,
        cache: Cache,
        provider: Provider,
        *,
        clock: Clock,
        emit: Callable[..., None],
        max_lifetime: float,
        cipher: EntryCipher | None = None,
        secrets: Callable[[], tuple[Secret, ...]] = tuple,
        timeout: float = CACHE_TIMEOUT,
    ) -> None:
        self._cache = cache
        self._secrets = secrets
        self.provider = provider
        self._clock = clock
        self._emit = emit
        self._max_lifetime = max_lifetime
        self._cipher = cipher
        self._timeout = timeout
        self._next_warning: dict[tuple[str, str], float] = {}
        self.close = cache.close

    def make_room(self, max_entries: int) -> None:
        """Raise the capacity of a bounded cache to the number of entries that the engine holds."""
        cache = self._cache
        if cache.capabilities.bounded and isinstance(cache, BoundedCache):
            self._ask("make_room", lambda: cache.make_room(max_entries), _NOTHING)

    def read(self, key: str) -> StoredToken | Unusable | None:
        """Return the token of a key, or `Unusable`; None if there is none or the read fails."""
        return self._read(
            key, lambda entry: read_stored_token(entry, key, max_lifetime=self._max_lifetime)
        )

    def write(self, key: str, stored: StoredToken) -> None:
        """Write a token; a leasing cache keeps an existing token with a larger number."""
        lifetime = stored.grant.lifetime - (self._clock.wall() - stored.issuance.issued_at)
        self._write(
            key,
            write_stored_token(key, stored),
            record_id=stored.record_id,
            lifetime=lifetime,
            number=stored.issuance.number,
            token=stored.grant.value,
        )

    def discard(self, key: str, record_id: str) -> None:
        """Drop one record, by its id."""
        expected = record_id.encode("ascii")
        self._ask(
            "discard",
            lambda: self._cache.discard(key, expected=expected, timeout=self._timeout),
            (bool,),
        )

    def lease(self, key: str) -> Lease:
        """Request the minting lease; renew it until it is released."""
        if not self._cache.capabilities.leases:
            return NoLease()
        cache = cast("LeasingCache", self._cache)

        def ask() -> Lease | None:
            # A third-party cache may return None although its type forbids it.
            given = cast(
                "Lease | None", cache.lease(key, seconds=LEASE_SECONDS, timeout=self._timeout)
            )
            return None if given is None else keep_lease(given, self._ask, self._timeout)

        return cast("Lease | None", self._ask("lease", ask, (object,))) or NoLease()

    def release(self, lease: Lease) -> None:
        """Release a lease, in any state."""
        lease.release(timeout=self._timeout)

    @property
    def is_shared(self) -> bool:
        """Whether other processes may write to the cache."""
        return self._cache.capabilities.shared

    @property
    def spans_processes(self) -> bool:
        """Whether the cache keeps a token after this process has ended."""
        return self._cache.capabilities.spans_processes

    def read_cooldown(self, key: str) -> float:
        """
        Return the epoch seconds at which the shared cooldown ends; 0 if there is none.

        An implausibly long cooldown counts as absent, so that it is replaced.
        """
        if not self.is_shared:
            return 0.0
        until = self._read(key, lambda entry: read_cooldown(entry, key))
        if not isinstance(until, float):
            return 0.0
        return until if plausible_cooldown(until, self._clock.wall()) else 0.0

    def write_cooldown(self, key: str, record_id: str, until: float) -> None:
        """Share a token endpoint's cooldown through the cache, unless a longer one is there."""
        if self.is_shared and self.read_cooldown(key) < until:
            lifetime = until - self._clock.wall()
            entry = write_cooldown(key, until)
            self._write(key, entry, record_id=record_id, lifetime=lifetime, number=0)

    def after_fork(self) -> None:
        """Drop what belongs to the parent process in the forked child."""
        self._cache.after_fork()

    def _read(self, key: str, read: Callable[[bytes], T]) -> T | Unusable | None:
        entry = self._ask("read", lambda: self._cache.read(key, timeout=self._timeout), _ENTRY)
        if not isinstance(entry, bytes):
            return None
        try:
            return read(entry if self._cipher is None else self._cipher.open(entry, key))
        except CorruptEntry as fault:
            if self._may_say("open", "cache.corrupt"):
                self._emit("cache.corrupt", cache=str(self.provider), reason=str(fault))
            return Unusable.DAMAGED
        except CredicorpAuthError as error:
            self._complain("open", error)
        return None

    def _write(  # noqa: PLR0913 - the parts of a record
        self,
        key: str,
        entry: bytes,
        *,
        record_id: str,
        lifetime: float,
        number: int,
        token: Secret | None = None,
    ) -> None:
        def write() -> None:
            encrypted = entry if self._cipher is None else self._cipher.close(entry, key, record_id)
            seconds = max(lifetime, 0.0)
            if self._cache.capabilities.leases:
                cache = cast("LeasingCache", self._cache)
                return cache.write(
                    key, encrypted, lifetime=seconds, number=number, timeout=self._timeout
                )
            return self._cache.write(key, encrypted, lifetime=seconds, timeout=self._timeout)

        self._ask("write", write, _NOTHING, token)

    def _ask(
        self,
        verb: str,
        call: Callable[[], object],
        expected: tuple[type, ...],
        token: Secret | None = None,
    ) -> object:
        def secrets() -> tuple[Secret, ...]:
            return self._secrets() if token is None else (*self._secrets(), token)

        try:
            return call_adapter(
                self.provider, call, expected=expected, stage=f"cache.{verb}", secrets=secrets
            )
        except CredicorpAuthError as error:
            self._complain(verb, error)
            return None

    def _complain(self, verb: str, error: CredicorpAuthError) -> None:
        code, cause = error.code, error.__cause__
        if self._may_say(verb, code):
            self._emit(
                "cache.failed",
                cache=str(self.provider),
                verb=verb,
                code=code,
                reason=error.message,
                cause=None if cause is None else str(cause).partition("\n")[0],
            )

    def _may_say(self, verb: str, code: str) -> bool:
        """Return whether a failure of this kind may be emitted now: once a minute."""
        now = self._clock.boot()
        due = now >= self._next_warning.get((verb, code), 0.0)
        if due:
            self._next_warning[verb, code] = now + _SAY_AGAIN
        return due
