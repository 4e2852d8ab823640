"""
Circuit breaker for Redis.

The first failure that the next command would also meet opens the breaker. While it is open, no
command is sent, and every call fails at once with the code of that failure. A background thread
probes Redis for about half a minute, so that no call waits for a probe. If all its probes fail,
the next call starts another thread. If no thread can start, a call probes at intervals itself.
"""

from __future__ import annotations

import threading
from random import SystemRandom
from typing import TYPE_CHECKING, Final

from attrs import evolve

from credicorp_auth.plugin.api.clocks import monotonic
from credicorp_auth_redis.background import start_thread

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth_redis.failures import Failure

_PAUSES: Final = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0)  # seconds before each probe


class Breaker:
    """
    Circuit breaker that fails calls fast while Redis does not work.

    Args:
        probe: Sends a command to Redis, and returns the failure; None if Redis works.
        pauses: Seconds before each probe of one thread.
    """

    def __init__(
        self, probe: Callable[[], Failure | None], *, pauses: tuple[float, ...] = _PAUSES
    ) -> None:
        self._probe = probe
        self._pauses = pauses
        self._stopped = threading.Event()
        self._cause: Failure | None = None
        self.after_fork()

    def check(self) -> None:
        """
        Raise if the breaker is open.

        Raises:
            CacheUnavailable: The breaker is open.
        """
        if self._cause is not None:
            self._start_probing()
        cause = self._cause
        if cause is not None:
            raise cause.error()

    def open(self, cause: Failure) -> None:
        """Open the breaker until a probe succeeds."""
        self._cause = evolve(cause, message=f"{cause.message}; no command is sent to it for now")
        self._next_inline = monotonic() + self._pauses[-1]
        self._start_probing()

    def close(self) -> None:
        """Stop probing for good."""
        self._stopped.set()

    def after_fork(self) -> None:
        """Reset the state in the child: the probing thread is the parent's."""
        self._lock = threading.Lock()
        self._cause = None
        self._is_probing = False
        self._next_inline = 0.0
        if not self._stopped.is_set():
            self._stopped = threading.Event()

    def _start_probing(self) -> None:
        with self._lock:
            if self._is_probing or self._stopped.is_set():
                return
            self._is_probing = True
        if not start_thread(self._probe_until_well, name="credicorp-redis-probe"):
            self._probe_inline()
            self._is_probing = False

    def _probe_inline(self) -> None:
        if monotonic() >= self._next_inline:
            self._next_inline = monotonic() + self._pauses[-1]
            if self._probe() is None:
                self._cause = None

    def _probe_until_well(self) -> None:
        try:
            for pause in self._pauses:
                # Jitter, so that a fleet does not return all at once (thundering herd).
                if self._stopped.wait(pause * SystemRandom().uniform(0.5, 1.5)):
                    return
                if self._probe() is None:
                    self._cause = None
                    return
        finally:
            self._is_probing = False
