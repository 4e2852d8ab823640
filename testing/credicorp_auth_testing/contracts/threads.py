"""Threads of a test: they run beside it, and take turns as often as possible."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from threading import Event, Thread


@contextmanager
def switching_often() -> Generator[None]:
    """Switch threads as often as possible."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


@contextmanager
def repeating(
    work: Callable[[], object], *, threads: int = 1, paused: bool = False
) -> Generator[None]:
    """
    Repeat a function in other threads until the block ends.

    Args:
        work: The function.
        threads: The number of threads.
        paused: Give way to other threads at each call within the function, so that they come
            between any two steps of it.
    """
    ended = Event()

    def run() -> None:
        if paused:
            _give_way()
            sys.setprofile(_give_way)
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


def _give_way(*_: object) -> None:
    time.sleep(1e-6)


def many_rounds(least: int, most: int, *, seconds: float = 1.0) -> Iterator[int]:
    """
    Count rounds: as many as fit into a time, but at least and at most so many.

    Args:
        least: The number of rounds of a slow adapter.
        most: The number of rounds of a fast one.
        seconds: The time.
    """
    end = time.monotonic() + seconds
    for number in range(most):
        if number >= least and time.monotonic() > end:
            return
        yield number
