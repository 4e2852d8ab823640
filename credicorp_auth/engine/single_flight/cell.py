"""
Cell: one immutable value that threads replace without a lock, by compare-and-swap.

Theory of operation. Each version of the value has one place for its successor: a dict, in which
`setdefault` keeps the first of those who write. That is one atomic operation in CPython, also
without a global interpreter lock. Who comes second sees the newer version and tries again. So
nothing can be held: a signal handler, a finaliser or an observer that runs between any two
instructions of an update simply wins, a thread that is interrupted leaves nothing behind, and a
forked child inherits no lock.

`_newest` is a shortcut that may lag behind; the chain of successors leads on from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Version(Generic[T]):
    """
    One version of a cell's value.

    Args:
        value: The value; it must not be changed.
    """

    __slots__ = ("successor", "value")

    def __init__(self, value: T) -> None:
        self.value = value
        self.successor: dict[int, Version[T]] = {}


class Cell(Generic[T]):
    """
    An immutable value that is replaced as a whole.

    Args:
        value: The first value.
    """

    __slots__ = ("_newest",)

    def __init__(self, value: T) -> None:
        self._newest = Version(value)

    def newest(self) -> Version[T]:
        """Return the newest version."""
        version = self._newest
        while version.successor:
            version = version.successor[0]
        return version

    def get(self) -> T:
        """Return the value."""
        version = self._newest
        while version.successor:
            version = version.successor[0]
        return version.value

    def swap(self, seen: Version[T], value: T) -> bool:
        """
        Replace a version by a new value.

        Returns:
            False if it is not the newest version any more; the value is then dropped.
        """
        fresh = Version(value)
        won = seen.successor.setdefault(0, fresh) is fresh
        self._newest = self.newest()
        return won

    def update(self, change: Callable[[T], T]) -> tuple[T, T]:
        """
        Replace the value by a function of it.

        Args:
            change: Returns the new value, or the old one to leave it; it may be called repeatedly
                and must have no effects.

        Returns:
            The value before and after.
        """
        while True:
            seen = self.newest()
            value = change(seen.value)
            if value is seen.value or self.swap(seen, value):
                return seen.value, value
