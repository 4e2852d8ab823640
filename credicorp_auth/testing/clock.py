"""A clock that tests can move: hours pass in no time, and each hand on its own."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from credicorp_auth.engine.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Callable


class MovableClock(Clock):
    """
    A wall clock and a boot clock that stand still until they are moved.

    Whoever waits on it moves both hands instead of sleeping, so a back-off of minutes costs a
    test nothing and is still seen by the clock.

    Args:
        wall: Epoch seconds at which the wall clock stands.
        boot: Seconds at which the boot clock stands.

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
        """Let time pass, for both clocks."""
        with self._guard:
            self._hands = [each + seconds for each in self._hands]

    def jump_wall(self, seconds: float) -> None:
        """Set the wall clock ahead, or back, as an administrator or a time server does."""
        with self._guard:
            self._hands = [self._hands[0] + seconds, self._hands[1]]

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Let `seconds` pass at once; say whether `event` is set."""
        self.waited.append(seconds)
        self.advance(max(seconds, 0.0))
        return event.is_set()
