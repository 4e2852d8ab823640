"""Ticks: a measure of time that other work on the same machine does not stretch."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from types import TracebackType

_TICK: Final = 0.01


class Ticks:
    """
    Counts short sleeps of a thread of its own while the block runs.

    On a busy machine a call takes longer than it waits, by the clock. So does each sleep, and so
    there are fewer of them: a bound on `seconds` holds there, too, and a call that waits for too
    long still exceeds it.

        with Ticks() as ticks:
            call()
        assert ticks.seconds < 0.5

    What a block may take at least is for the clock to say: nothing makes that shorter.
    """

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._count = 0
        self._thread = threading.Thread(target=self._tick, daemon=True)

    @property
    def seconds(self) -> float:
        """How long the block took, in sleeps: at most what the clock says."""
        return self._count * _TICK

    def __enter__(self) -> Self:
        """Begin to count."""
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
