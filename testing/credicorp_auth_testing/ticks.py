"""Ticks: a measure of time that other work on the same machine does not stretch."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from types import TracebackType

_TICK: Final = 0.01


class Ticks:
    """
    A context manager that counts short sleeps of a separate thread while its block runs.

    On a busy machine a call takes longer than it waits, by the clock. So does each sleep, and so
    there are fewer of them. A bound on `seconds` therefore holds there, too, and a call that waits
    for too long still exceeds it.

        with Ticks() as ticks:
            call()
        assert ticks.seconds < 0.5

    Use the clock for the minimum duration of a block: load never shortens it.
    """

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._count = 0
        self._thread = threading.Thread(target=self._tick, daemon=True)

    @property
    def seconds(self) -> float:
        """The duration of the block, measured in sleeps: at most the clock's measure."""
        return self._count * _TICK

    def __enter__(self) -> Self:
        """Start counting."""
        self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """Stop counting."""
        self._ended.set()
        self._thread.join()

    def _tick(self) -> None:
        while not self._ended.wait(_TICK):
            self._count += 1
