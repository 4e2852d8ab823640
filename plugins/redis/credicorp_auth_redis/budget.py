"""How long Redis may keep a token call waiting."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Final

from credicorp_auth.wire.exchange import Exchange, current

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

_PROMPT: Final = 1 / 25  # of the budget: an answer that comes within this costs nothing
_REGAINED: Final = 1 / 4  # of all time that passes comes back


@contextmanager
def within(seconds: float) -> Generator[None, None, None]:
    """Hold all that our sockets do inside to `seconds`, connecting included."""
    token = current.set(Exchange(seconds, connect_timeout=seconds))
    try:
        yield
    finally:
        current.reset(token)


class Budget(threading.local):
    """
    What the commands of one token call may take together.

    A cache is asked command by command and never told where a token call ends. But a call runs on
    a thread of its own, so each thread has an allowance: a command may last as long as what is
    left of it. What is used comes back at a quarter of the pace of the clock, and prompt answers
    cost nothing, so that neither asking every now and then nor asking often uses it up; only a
    slow server does.

    Args:
        seconds: The allowance.
        clock: Returns seconds that only go forward.
    """

    def __init__(self, seconds: float, *, clock: Callable[[], float] = monotonic) -> None:
        self._seconds = self._left = seconds
        self._clock = clock
        self._counted = clock()

    @contextmanager
    def spend(self) -> Generator[None, None, None]:
        """Hold a command to what is left, and count what it takes."""
        began = self._clock()
        self._left = min(self._seconds, self._left + (began - self._counted) * _REGAINED)
        self._counted = began
        try:
            with within(self._left):
                yield
        finally:
            slow = self._clock() - began - self._seconds * _PROMPT
            self._left -= max(slow, 0.0)
