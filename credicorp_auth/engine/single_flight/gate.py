"""Gate: opened once and for all; threads may wait for it."""

from __future__ import annotations

from credicorp_auth.engine.single_flight.waiter import ThreadWaiter, wake_all


class Gate:
    """A `threading.Event` without a lock: it may be opened by a signal handler at any moment."""

    __slots__ = ("_waiters", "is_open")

    def __init__(self) -> None:
        self.is_open = False
        self._waiters: dict[ThreadWaiter, None] = {}

    def open(self) -> None:
        """Open it and wake all threads that wait."""
        self.is_open = True
        wake_all(list(self._waiters))

    def wait(self, seconds: float) -> bool:
        """Wait until it is open, for at most `seconds`; return whether it is."""
        waiter = ThreadWaiter()
        self._waiters[waiter] = None
        try:
            if not self.is_open:
                waiter.wait(seconds)
        finally:
            self._waiters.pop(waiter, None)
        return self.is_open
