"""Index of entries by token value, so that a 401 does not search all entries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from credicorp_auth.http.secret import Secret


class Holder(Protocol):
    """What holds a token."""

    def holds(self, value: Secret) -> bool:
        """Return whether it holds a token of this value now."""
        ...


H = TypeVar("H", bound=Holder)


class Holders(Generic[H]):
    """
    Index of entries by token value.

    Some servers return one token for every scope, so that several entries hold one value. Then the
    index, which names one entry, is not enough: from the first such value on, all entries are
    searched. Single writes of a dict are atomic, and what is found is asked what it holds.

    Args:
        entries: Returns all entries.
    """

    def __init__(self, entries: Callable[[], Iterable[H]]) -> None:
        self._entries = entries
        self._by_value: dict[Secret, H] = {}
        self._is_shared = False

    def find(self, value: Secret) -> list[H]:
        """Return the entries that hold a token of this value."""
        named = self._by_value.get(value)
        found = [named] if named is not None else []
        if self._is_shared:
            found = [*self._entries()]
        return [each for each in found if each.holds(value)]

    def add(self, value: Secret, entry: H) -> None:
        """Record that an entry holds a token of this value."""
        if self._by_value.setdefault(value, entry) is not entry:
            self._is_shared = True
        elif not entry.holds(value):
            self.remove(value, entry)  # it was dropped before it was recorded

    def remove(self, value: Secret, entry: H) -> None:
        """Record that an entry no longer holds a token of this value."""
        if not entry.holds(value) and self._by_value.get(value) is entry:
            self._by_value.pop(value, None)
