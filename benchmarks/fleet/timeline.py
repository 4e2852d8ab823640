"""
Simulated time: events in a heap, and stories that wait without keeping anyone waiting.

A story of `credicorp_auth/lifecycle` is a plain function that waits in `runtime.pause`. Here each
runs in a greenlet of its own; to pause is to put one's wake-up into the heap and let the next
event have its turn. So ten thousand stories run side by side, on one thread, in no time.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Final

from greenlet import getcurrent, greenlet

from credicorp_auth.lifecycle.windows import Instant

if TYPE_CHECKING:
    from collections.abc import Callable

EPOCH: Final = 1_800_000_000.0  # what the wall clock says at the beginning
BOOT: Final = 1_000.0  # what the boot clock says at the beginning


class Timeline:
    """Lets events happen in the order of their moments, which are seconds since the beginning."""

    def __init__(self) -> None:
        self.instant = 0.0
        self.events = 0
        self._instant = Instant(EPOCH, BOOT)
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._hub = getcurrent()

    def now(self) -> Instant:
        """Return the present, by two clocks that are both right."""
        return self._instant

    def at(self, instant: float, action: Callable[[], object]) -> None:
        """Let something happen later; events of one moment happen in the order they came in."""
        self.events += 1
        heapq.heappush(self._due, (instant, self.events, action))

    def start(self, story: Callable[[], None]) -> None:
        """Run a story from now on; it may pause."""
        greenlet(story, self._hub).switch()

    def pause(self, seconds: float) -> None:
        """Let seconds pass for the story that calls this, and for everyone else."""
        self.at(self.instant + seconds, getcurrent().switch)
        self._hub.switch()

    def run(self, until: float) -> None:
        """Let everything happen that is due before `until`."""
        due = self._due
        while due and due[0][0] < until:
            self.instant, _, action = heapq.heappop(due)
            self._instant = Instant(EPOCH + self.instant, BOOT + self.instant)
            action()
