"""Leases to mint, among all users of one Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from credicorp_auth.errors import CacheUnavailable
from credicorp_auth.plugin.api import LeaseState
from credicorp_auth.plugin.api.clocks import monotonic
from credicorp_auth_redis.scripts import RELEASE, RENEW

if TYPE_CHECKING:
    from collections.abc import Callable


class NoLease:
    """
    Null lease: another process holds it, or the request failed.

    Args:
        state: The reason.
    """

    number = 0

    def __init__(self, state: LeaseState) -> None:
        self.state = state

    def renew(self, *, timeout: float) -> bool:  # noqa: ARG002 - the port's
        """Return False: there is no lease to renew."""
        return False

    def release(self, *, timeout: float) -> None:
        """Do nothing: there is no lease to release."""


class RedisLease:
    """
    A lease that was acquired.

    Args:
        ask: Runs a script within a timeout, with the key and the owner of this lease, and one more
            argument.
        number: Its number.
        seconds: Seconds after which it expires.
        since: Monotonic time before it was requested.
    """

    state = LeaseState.ACQUIRED

    def __init__(
        self, ask: Callable[..., object], *, number: int, seconds: float, since: float
    ) -> None:
        self._ask = ask
        self._seconds = seconds
        self._until = since + seconds
        self.number = number

    def renew(self, *, timeout: float) -> bool:
        """
        Restart its time, unless it has expired; return whether it is still held.

        If Redis is unavailable, it is held until its time is over by our clock, since Redis
        started counting later.
        """
        began = monotonic()
        try:
            holds = self._ask(timeout, RENEW, max(1, int(self._seconds * 1000))) == 1
        except CacheUnavailable:
            return began < self._until
        self._until = began + self._seconds if holds else began
        return holds

    def release(self, *, timeout: float) -> None:
        """Release it; if Redis is unavailable, it expires by itself."""
        try:
            self._ask(timeout, RELEASE)
        except CacheUnavailable:
            return
