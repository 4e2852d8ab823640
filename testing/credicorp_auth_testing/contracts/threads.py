"""Threads of a test: they run beside it, and give way to each other at each call."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from threading import Event, Lock, Thread
from threading import enumerate as running_threads
from typing import Final

_PATIENCE: Final = 5.0  # seconds
_TIMES: Final = 6
_INSTALLING: Final = Lock()  # Python refuses two installations at once


@contextmanager
def giving_way() -> Generator[None]:
    """Give way to other threads at each call of this one: they come between any two steps."""
    _pause()
    with _INSTALLING:
        sys.setprofile(_pause)
    try:
        yield
    finally:
        with _INSTALLING:
            sys.setprofile(None)


def _pause(*_: object) -> None:
    time.sleep(1e-6)


@contextmanager
def repeating(work: Callable[[], object], *, threads: int = 1) -> Generator[None]:
    """
    Repeat a function in other threads until the block ends.

    Args:
        work: The function.
        threads: The number of threads.
    """
    ended = Event()

    def run() -> None:
        while not ended.is_set():
            work()

    started = [Thread(target=run, daemon=True) for _ in range(threads)]
    for thread in started:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in started:
            thread.join()


def many_rounds(least: int, *, seconds: float = 1.0) -> Iterator[int]:
    """
    Count rounds: as many as fit into a time, but at least so many.

    Args:
        least: The number of rounds of a slow adapter.
        seconds: The time.
    """
    end = time.monotonic() + seconds
    number = 0
    while number < least or time.monotonic() < end:
        yield number
        number += 1


def assert_no_threads_pile_up(use: Callable[[], object]) -> None:
    """
    Assert that an adapter leaves at most one thread behind, however often it is used.

    One thread may remain, such as that of a call which a library still waits for. The first use is
    not counted: it may start what serves the process for its whole life.

    Args:
        use: Uses the adapter; if it builds one, it closes that, too.
    """
    use()
    before = set(running_threads())
    for _ in range(_TIMES):
        use()
    end = time.monotonic() + _PATIENCE
    while len(left := set(running_threads()) - before) > 1 and time.monotonic() < end:
        time.sleep(0.02)

    assert len(left) <= 1, sorted(each.name for each in left)
