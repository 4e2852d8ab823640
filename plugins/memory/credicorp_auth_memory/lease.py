"""Leases among the engines of one process."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from attrs import frozen

from credicorp_auth.plugin.api import LeaseState

if TYPE_CHECKING:
    from collections.abc import Callable


class LeaseBook:
    """
    Says who mints for which key, and until when.

    Args:
        clock: Returns seconds that only go forward.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = Lock()
        self._number = 0
        self._held: dict[str, tuple[int, float]] = {}

    def ask(self, key: str, seconds: float) -> MemoryLease:
        """Give the lease of a key, unless another has it, for no longer than is asked for."""
        with self._lock:
            now = self._clock()
            self._held = {each: held for each, held in self._held.items() if now < held[1]}
            if key in self._held and self._held[key][1] <= now + seconds:
                return MemoryLease(self, key, seconds, LeaseState.HELD, 0)
            self._number += 1
            self._held[key] = (self._number, now + seconds)
            return MemoryLease(self, key, seconds, LeaseState.ACQUIRED, self._number)

    def extend(self, key: str, number: int, seconds: float) -> bool:
        """Let the lease of that number last from now on, if nobody has taken it over."""
        with self._lock:
            if self._held.get(key, (0, 0.0))[0] != number:
                return False
            self._held[key] = (number, self._clock() + seconds)
            return True

    def end(self, key: str, number: int) -> None:
        """Give the lease of that number back, if nobody has taken it over."""
        with self._lock:
            if self._held.get(key, (0, 0.0))[0] == number:
                del self._held[key]

    def after_fork(self) -> None:
        """Drop the lock, and the leases, whose holders are threads of the parent."""
        self._lock = Lock()
        self._held.clear()


@frozen(eq=False)
class MemoryLease:
    """
    What came of asking for a lease.

    Args:
        book: Where it stands.
        key: Of what.
        seconds: How long it lasts without renewal.
        state: Whether it was acquired, or another has it.
        number: Larger than that of any lease before; 0 where another has it.
    """

    book: LeaseBook
    key: str
    seconds: float
    state: LeaseState
    number: int

    def renew(self) -> bool:
        """Let it last from now on; say whether it is still ours."""
        return bool(self.number) and self.book.extend(self.key, self.number, self.seconds)

    def release(self) -> None:
        """Give it back."""
        if self.number:
            self.book.end(self.key, self.number)
