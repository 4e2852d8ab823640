"""What a cache must be able to do, and what it may do beyond."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from attrs import frozen

if TYPE_CHECKING:
    from credicorp_auth.http.secret import Secret


@frozen
class CacheCapabilities:
    """
    What a cache can do beyond reading and writing.

    Args:
        shared: Other engines may see what is written.
        bounded: It drops the entries used longest ago rather than grow without limit, and offers
            `make_room`, so that it is never smaller than the engine before it.
        spans_processes: Those may be in other processes of the host, or on other hosts.
        leases: It offers `lease`, so that of all who share it one alone mints.
        lists: It offers `entries` and `clear`, for the operator's eyes.
        encryption_key: What the user set to have entries encrypted: the name of a field of the
            secret source, or the key itself; None leaves them in plain text. The engine encrypts
            and decrypts; the cache only passes on what was set.
    """

    shared: bool = False
    bounded: bool = False
    spans_processes: bool = False
    leases: bool = False
    lists: bool = False
    encryption_key: str | Secret | None = None


@runtime_checkable
class Cache(Protocol):
    """Keeps opaque entries under opaque keys, for a while, if it can."""

    @property
    def capabilities(self) -> CacheCapabilities:
        """What this cache can do."""
        ...

    def read(self, key: str) -> bytes | None:
        """Return the entry, or None if there is none or it cannot be had."""
        ...

    def write(self, key: str, entry: bytes, *, lifetime: float) -> None:
        """
        Keep an entry, replacing any other of that key.

        Args:
            key: Up to 64 characters of [0-9a-f]; says nothing of client or scope.
            entry: At most 256 KiB.
            lifetime: Seconds after which the entry may, and should, be dropped.
        """
        ...

    def discard(self, key: str, *, expected: bytes | None = None) -> bool:
        """
        Drop the entry of a key.

        Args:
            key: As in `write`.
            expected: When given, drop only an entry that contains these bytes: the record id of
                the one that is meant, so that a newer one survives.

        Returns:
            Whether an entry was dropped.
        """
        ...

    def close(self) -> None:
        """Close what is open. The engine calls it once, and no other method afterwards."""
        ...

    def after_fork(self) -> None:
        """Drop, in the child of a fork, every socket and lock that belongs to the parent."""
        ...


@runtime_checkable
class BoundedCache(Cache, Protocol):
    """A cache that keeps a limited number of entries."""

    def make_room(self, max_entries: int) -> None:
        """
        Raise the limit.

        Args:
            max_entries: Number of entries that the engine holds; the limit is at least this from
                now on, and never lowered.
        """
        ...


@frozen
class CacheEntry:
    """
    What an operator may know of an entry.

    Args:
        key: Its name, which says nothing of client or scope.
        age: Seconds since it was written.
        expires_in: Seconds until it is dropped.
    """

    key: str
    age: float
    expires_in: float


@runtime_checkable
class ListingCache(Cache, Protocol):
    """A cache whose entries an operator can see and drop."""

    def entries(self) -> list[CacheEntry]:
        """List the living entries, by key."""
        ...

    def clear(self) -> int:
        """Drop every entry, and return how many there were."""
        ...
