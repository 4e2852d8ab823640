"""Movable clock: tests advance it without waiting, and wall and boot time separately."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from credicorp_auth.engine.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.engine.single_flight.gate import Gate


class MovableClock(Clock):
    """
    A wall clock and a boot clock that stand still until a test moves them.

    A wait advances both clocks instead of sleeping. So a backoff of minutes takes no real time in a
    test, and the clock still shows it.

    Args:
        wall: Initial wall time, in epoch seconds.
        boot: Initial boot time, in seconds.

    .. versionadded:: 1.0.0
    """

    __slots__ = ("_guard", "_hands", "waited")

    def __init__(self, wall: float = 1_800_000_000.0, boot: float = 1_000.0) -> None:
        self._hands = [wall, boot]
        self._guard = threading.Lock()
        self.waited: list[float] = []
        super().__init__(wall=self._hand(0), boot=self._hand(1))

    def _hand(self, which: int) -> Callable[[], float]:
        return lambda: self._hands[which]

    def advance(self, seconds: float) -> None:
        """Advance both clocks."""
        with self._guard:
            self._hands = [each + seconds for each in self._hands]

    def jump_wall(self, seconds: float) -> None:
        """Move the wall clock forward or back, as an administrator or a time server does."""
        with self._guard:
            self._hands = [self._hands[0] + seconds, self._hands[1]]

    def wait(self, gate: Gate, seconds: float) -> bool:
        """Advance both clocks by `seconds` at once; return true if `gate` is open."""
        self.waited.append(seconds)
        self.advance(max(seconds, 0.0))
        return gate.is_open
