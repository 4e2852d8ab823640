"""Leases among the engines of one process."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

from credicorp_auth.plugin.api import LeaseState

if TYPE_CHECKING:
    from collections.abc import Callable


class LeaseTable:
    """
    Table of the held leases and their expiry.

    Args:
        clock: Returns monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._number = 0
        self._held: dict[str, tuple[int, float]] = {}

    def ask(self, key: str, seconds: float) -> MemoryLease:
        """
        Grant the lease of a key, unless it is held.

        A held lease that lasts longer than `seconds` from now is replaced.
        """
        with self._lock:
            now = self._clock()
            self._held = {each: held for each, held in self._held.items() if now < held[1]}
            if key in self._held and self._held[key][1] <= now + seconds:
                return MemoryLease(self, key, seconds, LeaseState.HELD, 0)
            self._number += 1
            self._held[key] = (self._number, now + seconds)
            return MemoryLease(self, key, seconds, LeaseState.ACQUIRED, self._number)

    def extend(self, key: str, number: int, seconds: float) -> bool:
        """Restart the lease of that number, if it has not been taken over."""
        with self._lock:
            if self._held.get(key, (0, 0.0))[0] != number:
                return False
            self._held[key] = (number, self._clock() + seconds)
            return True

    def end(self, key: str, number: int) -> None:
        """Release the lease of that number, if it has not been taken over."""
        with self._lock:
            if self._held.get(key, (0, 0.0))[0] == number:
                del self._held[key]

    def after_fork(self) -> None:
        """Replace the lock, and drop the leases, whose holders are threads of the parent."""
        self._lock = threading.Lock()
        self._held.clear()


class MemoryLease(NamedTuple):
    """
    The outcome of a lease request.

    Args:
        table: The table of leases.
        key: Name of the entry.
        seconds: Seconds that it lasts without renewal.
        state: Whether it was acquired, or is held by another.
        number: Larger than that of any earlier lease; 0 if another holds it.
    """

    table: LeaseTable
    key: str
    seconds: float
    state: LeaseState
    number: int

    def renew(self, *, timeout: float) -> bool:  # noqa: ARG002 - the port's
        """Restart its time; return whether it is still held."""
        return bool(self.number) and self.table.extend(self.key, self.number, self.seconds)

    def release(self, *, timeout: float) -> None:  # noqa: ARG002 - the port's
        """Release it."""
        if self.number:
            self.table.end(self.key, self.number)
