"""
Bounded table with second-chance eviction, for caches of presented tokens.

A caller that finds a value marks it as used, without a lock; each mark spares the value once. So a
flood of tokens that are presented once does not evict those that are presented again. Each step is
one atomic operation of a dict, so that a signal handler may come between any two; threads that keep
values at once may exceed the bound by their number until the next one is kept.
"""

from __future__ import annotations

from collections import OrderedDict
from contextlib import suppress
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
        self._remembered: OrderedDict[bytes, V] = OrderedDict()
        self.find = self._remembered.get

    def __len__(self) -> int:
        return len(self._remembered)

    def keep(self, digest: bytes, value: V) -> None:
        """Store a value; replace an earlier value of the same digest."""
        self._remembered.pop(digest, None)
        if len(self._remembered) >= self._max_entries:
            with suppress(KeyError):  # if others have emptied it meanwhile
                self._make_room()
        self._remembered[digest] = value

    def _make_room(self) -> None:
        for _ in range(_SECOND_CHANCES):
            digest, eldest = self._remembered.popitem(last=False)
            if not eldest.used:
                return
            eldest.used = False
            self._remembered[digest] = eldest
        self._remembered.popitem(last=False)

    def forget(self, digest: bytes | None) -> None:
        """Remove the value of a digest, or all values (None)."""
        if digest is None:
            self._remembered.clear()
        else:
            self._remembered.pop(digest, None)
