"""
Bounded table with second-chance eviction, for caches of presented tokens.

A caller that finds a value marks it as used, without a lock; each mark spares the value once. So a
flood of tokens that are presented once does not evict those that are presented again.
"""

from __future__ import annotations

import threading
from typing import Final, Generic, Protocol, TypeVar

_SECOND_CHANCES: Final = 64
"""Values that may be spared in a row, so that keeping one takes a bounded number of steps."""


class Marked(Protocol):
    """A value with a mark: True if it was used since the last eviction scan."""

    used: bool


V = TypeVar("V", bound=Marked)


class SecondChanceTable(Generic[V]):
    """
    Values by digest, at most `max_entries` of them.

    Args:
        max_entries: The maximum number of values.
    """

    def __init__(self, max_entries: int) -> None:
        self._max_entries = max_entries
        self._lock = threading.Lock()
        self._remembered: dict[bytes, V] = {}
        self.find = self._remembered.get

    def __len__(self) -> int:
        return len(self._remembered)

    def keep(self, digest: bytes, value: V) -> None:
        """Store a value; replace an earlier value of the same digest."""
        with self._lock:
            self._remembered.pop(digest, None)
            if len(self._remembered) >= self._max_entries:
                self._make_room()
            self._remembered[digest] = value

    def _make_room(self) -> None:
        for _ in range(_SECOND_CHANCES):
            digest = next(iter(self._remembered))
            eldest = self._remembered.pop(digest)
            if not eldest.used:
                return
            eldest.used = False
            self._remembered[digest] = eldest
        self._remembered.pop(next(iter(self._remembered)))

    def forget(self, digest: bytes | None) -> None:
        """Remove the value of a digest, or all values (None)."""
        with self._lock:
            if digest is None:
                self._remembered.clear()
            else:
                self._remembered.pop(digest, None)

    def after_fork(self) -> None:
        """Replace the lock in the forked child: a thread of the parent may have held it."""
        self._lock = threading.Lock()
