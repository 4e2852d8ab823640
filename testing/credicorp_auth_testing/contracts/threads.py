"""Threads of a test: they meet in rounds, and take turns as often as possible."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


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
def side_by_side() -> Generator[Callable[..., list[object]]]:
    """Return a function that runs some functions at once, each in a thread, and gives results."""
    with switching_often(), ThreadPoolExecutor(8) as threads:

        def run(*works: Callable[[], object]) -> list[object]:
            return [each.result() for each in [threads.submit(work) for work in works]]

        yield run
