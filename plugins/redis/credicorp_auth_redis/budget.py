"""Time budget of Redis commands within a token call."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from credicorp_auth.plugin.api.clocks import monotonic
from credicorp_auth.wire.exchange import Exchange, current

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

_PROMPT: Final = 1 / 25  # of the budget: a response within this time costs nothing
_REGAINED: Final = 1 / 4  # of elapsed time is refilled


@contextmanager
def within(seconds: float) -> Generator[None, None, None]:
    """Limit all socket operations in the block, connecting included, to `seconds` in total."""
    token = current.set(Exchange(seconds, connect_timeout=seconds))
    try:
        yield
    finally:
        current.reset(token)


class Budget(threading.local):
    """
    Total time that the commands of one token call may take.

    A cache sees single commands, not where a token call ends. But a call runs on one thread, so
    each thread has a token bucket of `seconds`, and a command may take the time left in it. The
    bucket refills at 25 % of real time, and prompt responses cost nothing. So only a slow server
    empties it, not the number of commands.

    Args:
        seconds: Capacity of the bucket in seconds.
        clock: Returns monotonic seconds.
    """

    def __init__(self, seconds: float, *, clock: Callable[[], float] = monotonic) -> None:
        self._seconds = self._left = seconds
        self._clock = clock
        self._counted = clock()

    @contextmanager
    def spend(self, timeout: float) -> Generator[None, None, None]:
        """Limit a command to the time left, at most `timeout`, and subtract the time it takes."""
        began = self._clock()
        self._left = min(self._seconds, self._left + (began - self._counted) * _REGAINED)
        self._counted = began
        try:
            with within(min(self._left, timeout)):
                yield
        finally:
            slow = self._clock() - began - self._seconds * _PROMPT
            self._left -= max(slow, 0.0)
