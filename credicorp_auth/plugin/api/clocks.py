"""
Clocks: one of the day, which tests may set, and one for waits, which they cannot stop.

freezegun and time-machine freeze `time.time`, and freezegun also `time.monotonic`, in `time` and in
each module that holds one of these functions. A deadline by a clock that stands still would never
be due.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable


def wall() -> float:
    """Return the time of day in epoch seconds, by `time.time` as it is when called."""
    return time.time()


_MONOTONIC: Final[Any] = getattr(time, "CLOCK_MONOTONIC", None)
monotonic: Final[Callable[[], float]] = (
    partial(time.clock_gettime, _MONOTONIC)
    if hasattr(time, "clock_gettime")
    else partial(time.monotonic)
)
"""Returns seconds that go on, also in a test that has frozen the time."""
