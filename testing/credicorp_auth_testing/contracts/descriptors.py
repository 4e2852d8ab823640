"""Check for open files and sockets that a test leaves behind."""

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
    Assert that no more files and sockets are open after the block than before it.

    Other threads of the process, such as servers of earlier tests, open some briefly. A descriptor
    that an adapter leaks stays open, so the check is repeated until it passes or time runs out.
    """
    before = _count()
    yield
    end = time.monotonic() + _PATIENCE
    while (after := _count()) > before and time.monotonic() < end:
        time.sleep(0.05)

    assert after <= before
