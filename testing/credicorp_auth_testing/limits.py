"""Time limit of contract tests: an adapter that hangs fails, and the run goes on."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import pytest

from credicorp_auth_testing.conformance import contract_of

if TYPE_CHECKING:
    from collections.abc import Generator

SECONDS: Final = 30.0
"""The time limit of a contract test, unless `--credicorp-limit` sets another."""


class Limits:
    """
    A pytest plugin that ends contract tests that hang, and forked processes that leave their test.

    A limit of the suite itself, such as that of pytest-timeout, counts if it is shorter.

    Args:
        seconds: The time limit of setup, call and teardown each.
    """

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Limit the fixtures of a contract test."""
        with self._limited(item):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Limit a contract test."""
        with self._limited(item):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Limit the end of the fixtures of a contract test."""
        with self._limited(item):
            return (yield)

    @contextmanager
    def _limited(self, item: pytest.Item) -> Generator[None]:
        if not is_contract_test(item):
            yield
            return
        process = os.getpid()
        try:
            with limited(self._seconds):
                yield
        finally:
            if os.getpid() != process:
                os._exit(1)  # a forked process that came out of the test would run all that follow


def is_contract_test(item: pytest.Item) -> bool:
    """Return true for a test of a class that is derived from a contract."""
    cls = getattr(item, "cls", None)
    return cls is not None and contract_of(cls) is not None


@contextmanager
def limited(seconds: float, *, of: str = "a contract test") -> Generator[None]:
    """
    Fail the test if the block does not end in time, and again each time that its cleanup does not.

    Signals are delivered to the main thread alone, so in any other thread there is no limit.

    Args:
        seconds: The time limit.
        of: What is limited, for the message.
    """
    running, _ = signal.getitimer(signal.ITIMER_REAL)
    if threading.current_thread() is not threading.main_thread() or 0 < running < seconds:
        yield
        return

    def end(_number: int, _frame: object) -> None:
        pytest.fail(f"it did not end within {seconds:g} s, the time limit of {of}")

    handler = signal.signal(signal.SIGALRM, end)
    before = signal.setitimer(signal.ITIMER_REAL, seconds, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *before)
        signal.signal(signal.SIGALRM, handler)
