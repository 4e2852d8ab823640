"""Wall clock and boot clock of this machine, and waiting with a timeout."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from credicorp_auth.lifecycle.windows import Instant
from credicorp_auth.plugin.api.clocks import wall as wall_time

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

# CLOCK_BOOTTIME goes on while a laptop sleeps. Linux's CLOCK_MONOTONIC stops, so an expired token
# would count as valid; that of macOS goes on. So does `time.monotonic` on Windows, without either.
_BOOT_CLOCK: Final[Any] = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))
_boot_time: Final[Callable[[], float]] = (
    partial(time.clock_gettime, _BOOT_CLOCK)
    if hasattr(time, "clock_gettime")
    else partial(time.monotonic)
)


class Clock:
    """
    The wall clock and the boot-time clock.

    Args:
        wall: Returns epoch seconds; `time.time` by default.
        boot: Returns seconds since the machine started, sleep included.
    """

    __slots__ = ("boot", "wall")

    def __init__(
        self,
        wall: Callable[[], float] = wall_time,
        boot: Callable[[], float] = _boot_time,
    ) -> None:
        self.wall = wall
        self.boot = boot

    def now(self) -> Instant:
        """Return the time by both clocks."""
        return Instant(self.wall(), self.boot())

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait until `event` is set or `seconds` have passed; return whether it was set."""
        return event.wait(seconds)
