"""
Whether Redis is worth asking.

The first failure that would befall the next command too opens the breaker. From then on nothing is
asked, and every caller is told at once, with the code of that failure: an operator reads why, and
nobody waits. Whether Redis has come back is tried out by nobody's call but on a thread of the
breaker's own, which lives for about half a minute; where it finds nothing, the next call after
that starts another. Where no thread can start, a call tries it itself, once in a while.
"""

from __future__ import annotations

import random
from threading import Event, Lock
from time import monotonic
from typing import TYPE_CHECKING, Final

from attrs import evolve

from credicorp_auth_redis.background import start_thread

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth_redis.failures import Failure

_PAUSES: Final = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0)  # seconds before each try


class Breaker:
    """
    Stands between the callers and a Redis that is of no use.

    Args:
        probe: Asks Redis for something, and returns what is wrong with it; None for nothing.
        pauses: Seconds before each try of one thread.
    """

    def __init__(
        self, probe: Callable[[], Failure | None], *, pauses: tuple[float, ...] = _PAUSES
    ) -> None:
        self._probe = probe
        self._pauses = pauses
        self._stopped = Event()
        self._trouble: Failure | None = None
        self.after_fork()

    def check(self) -> None:
        """
        Do nothing while Redis is worth asking.

        Raises:
            CacheUnavailable: It is not.
        """
        if self._trouble is not None:
            self._start_probing()
        trouble = self._trouble
        if trouble is not None:
            raise trouble.error()

    def open(self, trouble: Failure) -> None:
        """Leave Redis alone until it is found to be well."""
        self._trouble = evolve(trouble, message=f"{trouble.message}; it is left alone for now")
        self._next_inline = monotonic() + self._pauses[-1]
        self._start_probing()

    def close(self) -> None:
        """Try nothing any more."""
        self._stopped.set()

    def after_fork(self) -> None:
        """Judge anew, in the child: the thread that tries is the parent's."""
        self._lock = Lock()
        self._trouble = None
        self._is_probing = False
        self._next_inline = 0.0
        if not self._stopped.is_set():
            self._stopped = Event()

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
                self._trouble = None

    def _probe_until_well(self) -> None:
        try:
            for pause in self._pauses:
                # Spread, so that a fleet does not come back as one.
                if self._stopped.wait(pause * random.uniform(0.5, 1.5)):  # noqa: S311 # no secret
                    return
                if self._probe() is None:
                    self._trouble = None
                    return
        finally:
            self._is_probing = False
