"""Cache ports: the required interface, and the optional capabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    from credicorp_auth.http.secret import Secret


class CacheCapabilities(NamedTuple):
    """
    Optional capabilities of a cache, beyond reading and writing.

    Args:
        shared: Other engines may read what this one writes.
        bounded: The cache evicts the least recently used entries instead of growing without limit.
            It offers `make_room`, so that its limit is never below the engine's number of entries.
        spans_processes: The other engines may be in other processes of the host, or on other hosts.
        leases: The cache offers `lease`, so that only one of the engines that share it mints.
        lists: The cache offers `entries` and `clear`, for operators.
        encryption_key: The key that the user set for encrypted entries: the name of a field of the
            secret source, or the key itself. None stores entries in plain text. The engine encrypts
            and decrypts; the cache only passes the setting on.
        local: Its calls use the memory of this process only, and so never wait: the engine makes
            them without a time limit.
    """

    shared: bool = False
    bounded: bool = False
    spans_processes: bool = False
    leases: bool = False
    lists: bool = False
    encryption_key: str | Secret | None = None
    local: bool = False


@runtime_checkable
class Cache(Protocol):
    """Best-effort store of opaque entries under opaque keys, with an expiry."""

    @property
    def capabilities(self) -> CacheCapabilities:
        """The optional capabilities of this cache."""
        ...

    def read(self, key: str, *, timeout: float) -> bytes | None:
        """
        Return the entry, or None if there is none.

        Args:
            key: As in `write`.
            timeout: Seconds that the call may take in all: derive the library's own time limits
                from it. The engine waits no longer.
        """
        ...

    def write(self, key: str, entry: bytes, *, lifetime: float, timeout: float) -> None:
        """
        Store an entry, replacing any other entry of that key.

        Args:
            key: Up to 64 characters of [0-9a-f]. It reveals neither client nor scope.
            entry: At most 256 KiB.
            lifetime: Seconds after which the entry may, and should, be dropped.
            timeout: As in `read`.
        """
        ...

    def discard(self, key: str, *, expected: bytes | None = None, timeout: float) -> bool:
        """
        Drop the entry of a key.

        Args:
            key: As in `write`.
            expected: Bytes that the entry must contain to be dropped: the record id of the entry
                that is meant, so that a newer one survives. None, the default, drops any entry.
            timeout: As in `read`.

        Returns:
            Whether an entry was dropped.
        """
        ...

    def close(self) -> None:
        """Release the resources. The engine calls it once, and no other method afterwards."""
        ...

    def after_fork(self) -> None:
        """In the child of a fork, drop every socket and lock that belongs to the parent."""
        ...


@runtime_checkable
class BoundedCache(Cache, Protocol):
    """Cache with a limited number of entries."""

    def make_room(self, max_entries: int) -> None:
        """
        Raise the limit; it is never lowered.

        Args:
            max_entries: Number of entries that the engine holds. The limit is at least this from
                now on.
        """
        ...


class CacheEntry(NamedTuple):
    """
    Listing of one entry, for operators.

    Args:
        key: Its key, which reveals neither client nor scope.
        age: Seconds since it was written.
        expires_in: Seconds until it is dropped.
    """

    key: str
    age: float
    expires_in: float


@runtime_checkable
class ListingCache(Cache, Protocol):
    """Cache whose entries an operator can list and drop."""

    def entries(self, *, timeout: float) -> list[CacheEntry]:
        """List the entries that have not expired, by key, within `timeout` seconds in all."""
        ...

    def clear(self, *, timeout: float) -> int:
        """Drop every entry, and return how many there were; `timeout` is as in `entries`."""
        ...
