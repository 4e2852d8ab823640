"""Wall clock and boot clock of this machine, and waiting with a timeout."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from credicorp_auth.lifecycle.windows import Instant
from credicorp_auth.plugin.api.clocks import wall as wall_time

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.engine.single_flight.gate import Gate

# CLOCK_BOOTTIME goes on while a laptop sleeps. Linux's CLOCK_MONOTONIC stops, so an expired token
# would count as valid; that of macOS goes on. So does `time.monotonic` on Windows, without either.
_BOOT_CLOCK: Final[Any] = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))
boot_time: Final[Callable[[], float]] = (
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
        boot: Callable[[], float] = boot_time,
    ) -> None:
        self.wall = wall
        self.boot = boot

    @property
    def is_of_system(self) -> bool:
        """Whether both are the clocks of this machine, and not a test's."""
        return self.wall is wall_time and self.boot is boot_time

    def now(self) -> Instant:
        """Return the time by both clocks."""
        return Instant(self.wall(), self.boot())

    def wait(self, gate: Gate, seconds: float) -> bool:
        """Wait until `gate` is open or `seconds` have passed; return whether it is open."""
        return gate.wait(seconds)
