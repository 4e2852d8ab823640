"""Cache of entries in Redis, shared by a whole fleet."""

from __future__ import annotations

from secrets import token_hex
from typing import TYPE_CHECKING, TypeVar

from credicorp_auth.errors import CacheUnavailable
from credicorp_auth.http.secret import SecretBytes
from credicorp_auth.plugin.api import CacheCapabilities, LeaseState, sound_number
from credicorp_auth.plugin.api.clocks import monotonic, wall
from credicorp_auth_redis.client import Client
from credicorp_auth_redis.connection import within
from credicorp_auth_redis.failures import read_failure
from credicorp_auth_redis.lease import NoLease, RedisLease
from credicorp_auth_redis.listing import drop_entries, list_entries
from credicorp_auth_redis.options import CacheOptions
from credicorp_auth_redis.record import (
    LONGEST,
    MOST,
    MOST_WITH_HEAD,
    build_record,
    read_entry,
)
from credicorp_auth_redis.scripts import ACQUIRE, DISCARD, READ, WRITE

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.plugin.api import CacheEntry, Lease
    from credicorp_auth_redis.client import Word
    from credicorp_auth_redis.failures import Failure
    from credicorp_auth_redis.scripts import Script

__all__ = ["CacheOptions", "RedisCache"]

T = TypeVar("T")


def _bounded(seconds: float) -> float:
    # With the arguments in this order, NaN becomes 0.
    return max(0.0, min(seconds, LONGEST))


class RedisCache:
    """
    A cache shared by all users of one Redis, with a lease so that only one of them mints.

    Each wait for Redis ends within the `timeout` of its call, except for name lookup, and for a
    server that responds byte by byte; the engine limits those, and stops asking after a failure.

    Args:
        options: The options.
        clock: Returns the wall clock in epoch seconds.

    Raises:
        InvalidSetting: A file named in the options cannot be used (`config.value`).

    .. versionadded:: 1.0.0
    """

    def __init__(self, options: CacheOptions, *, clock: Callable[[], float] = wall) -> None:
        self._options = options
        self._clock = clock
        self._client = Client(options)

    @property
    def capabilities(self) -> CacheCapabilities:
        """Report that it is shared, has leases and can be listed; Redis limits its size."""
        return CacheCapabilities(
            shared=True,
            spans_processes=True,
            leases=True,
            lists=True,
            encryption_key=self._options.encryption_key,
        )

    def read(self, key: str, *, timeout: float) -> bytes | None:
        """
        Return the entry, or None if the key holds none, or holds something else.

        Raises:
            CacheUnavailable: Redis cannot be read.
        """
        response = self._run(timeout, READ, (self._name(key),), MOST_WITH_HEAD - 1)
        return read_entry(response, key, now=self._clock())

    def write(
        self, key: str, entry: bytes, *, lifetime: float, number: int = 0, timeout: float
    ) -> None:
        """
        Store an entry, unless the existing one has a larger number.

        Args:
            key: Name of the entry.
            entry: The entry.
            lifetime: Seconds to keep it; 0 also removes an older entry of that key.
            number: Number of the lease under which it was minted; 0 replaces any entry.
            timeout: Seconds that it may take in all.

        Raises:
            CacheUnavailable: The entry was not stored, or it is unknown whether it was.
        """
        kept, number = _bounded(lifetime), sound_number(number)
        size, now = len(entry), self._clock()
        record = SecretBytes(build_record(key, entry, number=number, now=now, lifetime=kept))
        del entry  # so that no traceback holds it
        if size > MOST:
            raise CacheUnavailable(
                f"an entry of {size} bytes is larger than the cache keeps",
                code="cache.too_large",
                hint="request a token with fewer claims.",
            )
        terms = (int(kept * 1000), number, int(now * 1000), key, int(LONGEST * 1000))
        self._run(timeout, WRITE, (self._name(key),), record, *terms, MOST_WITH_HEAD)

    def discard(self, key: str, *, expected: bytes | None = None, timeout: float) -> bool:
        """
        Drop the entry of a key.

        Args:
            key: Name of the entry.
            expected: When given, drop only an entry that contains these bytes.
            timeout: Seconds that it may take in all.

        Returns:
            Whether an entry was dropped.

        Raises:
            CacheUnavailable: The entry was not dropped, or it is unknown whether it was.
        """
        terms = (key, int(self._clock() * 1000), int(LONGEST * 1000), MOST_WITH_HEAD)
        meant = () if expected is None else (SecretBytes(expected),)
        return self._run(timeout, DISCARD, (self._name(key),), *terms, *meant) == 1

    def lease(self, key: str, *, seconds: float, timeout: float) -> Lease:
        """
        Request the lease to mint the token of a key, without waiting for its holder.

        Args:
            key: Name of the entry.
            seconds: Seconds after which it expires if it is neither renewed nor released.
            timeout: Seconds that it may take in all.
        """
        seconds = _bounded(seconds)
        owner, since, lasts = token_hex(16), monotonic(), max(1, int(seconds * 1000))
        entry = self._name(key)
        name = f"{entry}:lease"
        try:
            number = self._run(timeout, ACQUIRE, (name, f"{entry}:number", entry), owner, lasts)
        except CacheUnavailable:
            return NoLease(LeaseState.FAILED)
        if not isinstance(number, int) or number <= 0:
            return NoLease(LeaseState.HELD if number == 0 else LeaseState.FAILED)

        def ask(timeout: float, script: Script, *more: Word) -> object:
            return self._run(timeout, script, (name,), owner, *more)

        return RedisLease(ask, number=number, seconds=seconds, since=since)

    def entries(self, *, timeout: float) -> list[CacheEntry]:
        """
        List the valid entries, sorted by key.

        Raises:
            CacheUnavailable: Redis cannot be read, or has too many keys to scan in that time.
        """
        now = self._clock()
        return self._ask(timeout, lambda: list_entries(self._client, self._name("*"), now=now))

    def clear(self, *, timeout: float) -> int:
        """
        Drop every entry, and return their number; leases stay.

        Raises:
            CacheUnavailable: Not all were dropped.
        """
        return self._ask(timeout, lambda: drop_entries(self._client, self._name("*")))

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def after_fork(self) -> None:
        """Drop all connections without closing them: they are the parent's."""
        self._client.after_fork()

    def _name(self, key: str) -> str:
        # The braces (hash tag) put all Redis keys of an entry into one cluster slot.
        return f"{self._options.prefix}:{{{key}}}"

    def _run(
        self, timeout: float, script: Script, keys: tuple[str, ...], *arguments: Word
    ) -> object:
        return self._ask(timeout, lambda: script.run(self._client.ask, keys, *arguments))

    def _ask(self, timeout: float, question: Callable[[], T]) -> T:
        began = monotonic()
        failure: Failure | None = None
        try:
            with within(timeout):
                return question()
        except Exception as error:  # noqa: BLE001 # a server's bytes may raise anything in redis-py
            failure = read_failure(error, is_late=monotonic() - began >= timeout)
        if failure.lasts:
            self._client.drop()
        raise failure.error()
