"""Bounded cache of entries in the memory of the process."""

from __future__ import annotations

import threading
from collections import OrderedDict
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Final, NamedTuple

from attrs import field, frozen

from credicorp_auth.http.secret import SecretBytes
from credicorp_auth.plugin.api import CacheCapabilities, sound_number
from credicorp_auth.plugin.api.clocks import monotonic
from credicorp_auth.plugin.api.option_values import read_count, read_switch
from credicorp_auth_memory.lease import LeaseTable

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth_memory.lease import MemoryLease


_SLACK: Final = 64  # stale items that the heap may hold beyond twice the number of entries


def _read_max_entries(value: int | str) -> int:
    return read_count("max_entries", value, least=1)


def _read_shared(value: bool | str) -> bool:  # noqa: FBT001 # a converter
    return read_switch("shared", value)


@frozen
class CacheOptions:
    """
    Options of the cache `memory`.

    Args:
        max_entries (whole number, at least 1; default: `16384`): Largest number of entries; the
            least recently used one is evicted. It is raised to the setting `max_entries`, if that
            is more.
        shared (true or false; default: `False`): Use the single shared cache of this process. Code
            that can access it can read the tokens of all its users.
    """

    max_entries: int = field(default=16_384, converter=_read_max_entries)
    shared: bool = field(default=False, converter=_read_shared)


class _Entry(NamedTuple):
    value: SecretBytes  # an entry may hold a token: hidden from attribute dumps
    ends: float
    number: int

    @classmethod
    def build(cls, value: bytes, *, ends: float, number: int) -> _Entry:
        return cls(SecretBytes(value), ends, number)


class MemoryCache:
    """
    A cache in the memory of the process.

    Args:
        options: The options; by default, the default of each.
        clock: Returns monotonic seconds.

    .. versionadded:: 1.0.0
    """

    def __init__(
        self, options: CacheOptions | None = None, *, clock: Callable[[], float] = monotonic
    ) -> None:
        self._options = options or CacheOptions()
        self._max_entries = self._options.max_entries
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._ends: list[tuple[float, str]] = []  # a heap; it may hold removed or replaced entries
        self._leases = LeaseTable(clock)

    @property
    def capabilities(self) -> CacheCapabilities:
        """Report that it is bounded; a shared cache also has leases."""
        shared = self._options.shared
        return CacheCapabilities(shared=shared, bounded=True, leases=shared, local=True)

    def read(self, key: str, *, timeout: float) -> bytes | None:  # noqa: ARG002 - the port's
        """Return the entry, or None if there is none or it has expired."""
        with self._lock:
            self._drop_ended()
            entry = self._entries.get(key)
            if entry is None:
                return None
            self._entries.move_to_end(key)
        return entry.value.reveal()

    def lease(self, key: str, *, seconds: float, timeout: float) -> MemoryLease:  # noqa: ARG002 - the port's
        """
        Request the lease to mint the token of a key, among the users of this cache.

        Args:
            key: Name of the entry.
            seconds: Seconds after which it expires if it is neither renewed nor released.
            timeout: Seconds that it may take in all.
        """
        lease = self._leases.ask(key, seconds)
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None and 0 < lease.number <= entry.number:
                # No lease had that number, so this lease's result must replace the entry.
                self._entries[key] = entry._replace(number=0)
        return lease

    def write(
        self,
        key: str,
        entry: bytes,
        *,
        lifetime: float,
        number: int = 0,
        timeout: float,  # noqa: ARG002 - the port's
    ) -> None:
        """
        Store an entry, and evict the least recently used one if the cache is full.

        Args:
            key: Name of the entry.
            entry: The entry.
            lifetime: Seconds to keep it; 0 also removes an older entry of that key.
            number: Number of the lease under which it was minted; an entry with a larger number
                stays. 0 replaces any entry.
            timeout: Seconds that it may take in all.
        """
        number = sound_number(number)
        kept = _Entry.build(entry, ends=self._clock() + lifetime, number=number)
        with self._lock:
            self._drop_ended()
            there = self._entries.get(key)
            if there is not None and 0 < number < there.number:
                return
            self._entries[key] = kept
            self._entries.move_to_end(key)
            self._note_end(key, kept.ends)
            self._drop_ended()
            self._drop_surplus()

    def discard(self, key: str, *, expected: bytes | None = None, timeout: float) -> bool:  # noqa: ARG002 - the port's
        """
        Drop the entry of a key.

        Args:
            key: Name of the entry.
            expected: When given, drop only an entry that contains these bytes.
            timeout: Seconds that it may take in all.

        Returns:
            Whether an entry was dropped.
        """
        with self._lock:
            self._drop_ended()
            entry = self._entries.get(key)
            if entry is None or (expected is not None and expected not in entry.value.reveal()):
                return False
            del self._entries[key]
            return True

    def make_room(self, max_entries: int) -> None:
        """Raise the limit to `max_entries`, if it is lower."""
        with self._lock:
            self._max_entries = max(self._max_entries, max_entries)

    def close(self) -> None:
        """Drop all entries, unless the cache is shared."""
        if not self._options.shared:
            with self._lock:
                self._entries.clear()

    def after_fork(self) -> None:
        """Replace the lock, which a thread of the parent may hold; keep the entries."""
        self._lock = threading.Lock()
        self._leases.after_fork()

    def _note_end(self, key: str, ends: float) -> None:
        heappush(self._ends, (ends, key))
        if len(self._ends) > 2 * len(self._entries) + _SLACK:
            self._ends = [(entry.ends, key) for key, entry in self._entries.items()]
            heapify(self._ends)

    def _drop_ended(self) -> None:
        # Through the heap: the cost of a call must not grow with the number of entries.
        now = self._clock()
        while self._ends and self._ends[0][0] <= now:
            _, key = heappop(self._ends)
            entry = self._entries.get(key)
            if entry is not None and entry.ends <= now:
                del self._entries[key]

    def _drop_surplus(self) -> None:
        while len(self._entries) > self._max_entries:
            self._entries.popitem(last=False)


_OF_THE_PROCESS: Final = MemoryCache(CacheOptions(max_entries=1, shared=True))


def open_cache(options: CacheOptions) -> MemoryCache:
    """
    Open the cache that the options ask for.

    Args:
        options: With `shared`, the result is always the same object, limited by the largest
            `max_entries` that any caller passed.
    """
    if not options.shared:
        return MemoryCache(options)
    _OF_THE_PROCESS.make_room(options.max_entries)
    return _OF_THE_PROCESS
