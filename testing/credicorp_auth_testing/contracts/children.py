"""Children of a test: forked processes that always end, and never go on as a second test run."""

from __future__ import annotations

import os
import signal
import time
import traceback
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

import pytest
from attrs import define, field

PATIENCE: Final = 20.0  # seconds: longer than a busy machine needs, less than the limit of a test


@define
class Child:
    """
    A forked process.

    Args:
        pid: The number of the process.
        succeeded: Whether its function returned true; false while it runs.
    """

    pid: int
    succeeded: bool = False
    _status: int | None = field(default=None, init=False)

    @property
    def runs(self) -> bool:
        """True until the process has ended."""
        if self._status is None:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            self._status = status if ended else None
        return self._status is None

    def end(self) -> None:
        """Kill the process if it still runs."""
        if self.runs:
            os.kill(self.pid, signal.SIGKILL)
            self._status = os.waitpid(self.pid, 0)[1]
        self.succeeded = self._status == 0


@contextmanager
def child_of(work: Callable[[], bool]) -> Generator[Child]:
    """
    Run a function in a forked child, which is killed at the end of the block.

    Args:
        work: The function. The child ends with it; what it raises is printed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads, on purpose
        child = Child(os.fork())
    if child.pid == 0:  # pragma: no cover # measured in the parent only
        try:
            child.succeeded = work()
        except BaseException:  # noqa: BLE001 - it must not go on in the test run
            traceback.print_exc()
        finally:
            os._exit(0 if child.succeeded else 1)
    try:
        yield child
    finally:
        child.end()


def in_child(work: Callable[[], bool], *, seconds: float = PATIENCE) -> bool:
    """
    Run a function in a forked child; return true if it returned true.

    Args:
        work: The function.
        seconds: The time that the child has. A child that needs longer fails the test.
    """
    end = time.monotonic() + seconds
    with child_of(work) as child:
        while child.runs:
            if time.monotonic() > end:
                pytest.fail(f"a forked child did not end within {seconds:g} s")
            time.sleep(0.005)
    return child.succeeded
