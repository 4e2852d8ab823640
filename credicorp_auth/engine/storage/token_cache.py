"""
The cache as an engine uses it: tokens, cool-downs and leases, in records trusted in nothing.

A broken cache never breaks a call: it has nothing, keeps nothing, and is an event, each kind of
trouble once a minute. Here every number that comes out of a cache meets its bound, whatever cache
it is: what is out of bounds counts as absent, and is replaced.
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
from credicorp_auth.http.retry import believe_cooldown
from credicorp_auth.lifecycle.runtime import Unusable
from credicorp_auth.plugin.api import BoundedCache

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.engine.clock import Clock
    from credicorp_auth.engine.storage.encryption import EntryCipher
    from credicorp_auth.lifecycle.runtime import StoredToken
    from credicorp_auth.plugin.api import Cache, Lease, LeasingCache, Provider

T = TypeVar("T")

_ENTRY: Final = (bytes, type(None))
_NOTHING: Final = (type(None),)
_SAY_AGAIN: Final = 60.0  # seconds


class TokenCache:
    """
    Keeps tokens in whatever cache was chosen.

    Args:
        cache: The adapter.
        provider: Where it came from.
        clock: The engine's clocks.
        emit: Tells of troubles.
        max_lifetime: Seconds of life beyond which no record is believed.
        cipher: Seals what is written and opens what is read; None leaves entries as they are.
    """

    def __init__(  # noqa: PLR0913 - what an entry passes through
        self,
        cache: Cache,
        provider: Provider,
        *,
        clock: Clock,
        emit: Callable[..., None],
        max_lifetime: float,
        cipher: EntryCipher | None = None,
    ) -> None:
        self._cache = cache
        self.provider = provider
        self._clock = clock
        self._emit = emit
        self._max_lifetime = max_lifetime
        self._cipher = cipher
        self._said: dict[tuple[str, str], float] = {}
        self.close = cache.close

    def make_room(self, max_entries: int) -> None:
        """Let a bounded cache keep at least as many entries as the engine."""
        cache = self._cache
        if cache.capabilities.bounded and isinstance(cache, BoundedCache):
            self._ask("make_room", lambda: cache.make_room(max_entries), _NOTHING)

    def read(self, key: str) -> StoredToken | Unusable | None:
        """Return the token of a key, or what else lies there; None where nothing can be had."""
        return self._read(
            key, lambda entry: read_stored_token(entry, key, max_lifetime=self._max_lifetime)
        )

    def write(self, key: str, stored: StoredToken) -> None:
        """Keep a token, unless the cache has one of a larger number."""
        lifetime = stored.grant.lifetime - (self._clock.wall() - stored.issuance.issued_at)
        self._write(
            key,
            write_stored_token(key, stored),
            record_id=stored.record_id,
            lifetime=lifetime,
            number=stored.issuance.number,
        )

    def discard(self, key: str, record_id: str) -> None:
        """Drop that very record."""
        expected = record_id.encode("ascii")
        self._ask("discard", lambda: self._cache.discard(key, expected=expected), (bool,))

    def lease(self, key: str) -> Lease:
        """Ask for the right to mint, and keep it alive until it is released."""
        if not self._cache.capabilities.leases:
            return NoLease()
        cache = cast("LeasingCache", self._cache)

        def ask() -> Lease | None:
            # A stranger's cache may return nothing after all.
            given = cast("Lease | None", cache.lease(key, seconds=LEASE_SECONDS))
            return None if given is None else keep_lease(given, self._ask)

        return cast("Lease | None", self._ask("lease", ask, (object,))) or NoLease()

    @property
    def is_shared(self) -> bool:
        """Whether others may put a token into it."""
        return self._cache.capabilities.shared

    def read_cooldown(self, key: str) -> float:
        """
        Return the epoch seconds until which others were told to wait; 0 if they were not.

        A number that no server can have asked for counts as absent, so that it is replaced.
        """
        if not self.is_shared:
            return 0.0
        until = self._read(key, lambda entry: read_cooldown(entry, key))
        if not isinstance(until, float):
            return 0.0
        return until if believe_cooldown(until, self._clock.wall()) else 0.0

    def write_cooldown(self, key: str, record_id: str, until: float) -> None:
        """Tell all who share the cache to leave a token endpoint alone."""
        if self.is_shared and self.read_cooldown(key) < until:
            lifetime = until - self._clock.wall()
            entry = write_cooldown(key, until)
            self._write(key, entry, record_id=record_id, lifetime=lifetime, number=0)

    def after_fork(self) -> None:
        """In the child: drop what belongs to the parent."""
        self._cache.after_fork()
        if self._cipher is not None:
            self._cipher.after_fork()

    def _read(self, key: str, read: Callable[[bytes], T]) -> T | Unusable | None:
        entry = self._ask("read", lambda: self._cache.read(key), _ENTRY)
        if not isinstance(entry, bytes):
            return None
        try:
            return read(entry if self._cipher is None else self._cipher.open(entry, key))
        except CorruptEntry as fault:
            self._emit("cache.corrupt", cache=str(self.provider), reason=str(fault))
            return Unusable.DAMAGED
        except CredicorpAuthError as error:
            self._complain("open", error)
        return None

    def _write(
        self, key: str, entry: bytes, *, record_id: str, lifetime: float, number: int
    ) -> None:
        def write() -> None:
            encrypted = entry if self._cipher is None else self._cipher.close(entry, key, record_id)
            seconds = max(lifetime, 0.0)
            if self._cache.capabilities.leases:
                cache = cast("LeasingCache", self._cache)
                return cache.write(key, encrypted, lifetime=seconds, number=number)
            return self._cache.write(key, encrypted, lifetime=seconds)

        self._ask("write", write, _NOTHING)

    def _ask(self, verb: str, call: Callable[[], object], expected: tuple[type, ...]) -> object:
        try:
            return call_adapter(self.provider, call, expected=expected)
        except CredicorpAuthError as error:
            self._complain(verb, error)
            return None

    def _complain(self, verb: str, error: CredicorpAuthError) -> None:
        now, code = self._clock.boot(), error.code
        if now >= self._said.get((verb, code), 0.0):
            self._said[verb, code] = now + _SAY_AGAIN
            cache = str(self.provider)
            self._emit("cache.failed", cache=cache, verb=verb, code=code, reason=error.message)
