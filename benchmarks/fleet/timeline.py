"""
Simulated time: an event heap, and tasks that pause without blocking the thread.

A lifecycle function of `credicorp_auth/lifecycle` is plain code that waits in `runtime.pause`. Here
each runs in a greenlet of its own. A pause pushes the wake-up onto the heap and runs the next
event. So ten thousand tasks run concurrently on one thread, without real waiting.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Final

from greenlet import getcurrent, greenlet

from credicorp_auth.lifecycle.windows import Instant

if TYPE_CHECKING:
    from collections.abc import Callable

EPOCH: Final = 1_800_000_000.0  # the wall clock at the start
BOOT: Final = 1_000.0  # the boot clock at the start


class Timeline:
    """Runs events in order of their time, in seconds since the start."""

    def __init__(self) -> None:
        self.instant = 0.0
        self.events = 0
        self._instant = Instant(EPOCH, BOOT)
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._hub = getcurrent()

    def now(self) -> Instant:
        """Return the current time, by two clocks that are both exact."""
        return self._instant

    def at(self, instant: float, action: Callable[[], object]) -> None:
        """Schedule an action; actions of the same time run in the order of scheduling."""
        self.events += 1
        heapq.heappush(self._due, (instant, self.events, action))

    def start(self, operation: Callable[[], None]) -> None:
        """Start a task now; it may pause."""
        greenlet(operation, self._hub).switch()

    def pause(self, seconds: float) -> None:
        """Let simulated seconds pass for the calling task."""
        self.at(self.instant + seconds, getcurrent().switch)
        self._hub.switch()

    def run(self, until: float) -> None:
        """Run every event that is due before `until`."""
        due = self._due
        while due and due[0][0] < until:
            self.instant, _, action = heapq.heappop(due)
            self._instant = Instant(EPOCH + self.instant, BOOT + self.instant)
            action()
