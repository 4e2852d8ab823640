"""Open files and sockets of this process, which a test must not leave behind."""

from __future__ import annotations

import gc
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Generator

_PATIENCE: Final = 2.0  # seconds


def _count() -> int:
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


@contextmanager
def none_left_open() -> Generator[None]:
    """
    Assert that after the block no more files and sockets are open than before it.

    Other threads of the process, such as servers of earlier tests, open some for a moment. What an
    adapter leaves open stays open, so a second look comes to the same.
    """
    before = _count()
    yield
    end = time.monotonic() + _PATIENCE
    while (after := _count()) > before and time.monotonic() < end:
        time.sleep(0.05)

    assert after <= before
