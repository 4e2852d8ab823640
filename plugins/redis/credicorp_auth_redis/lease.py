"""The right to mint for all who share a Redis."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from credicorp_auth.errors import CacheUnavailable
from credicorp_auth.plugin.api import LeaseState
from credicorp_auth_redis.scripts import RELEASE, RENEW

if TYPE_CHECKING:
    from collections.abc import Callable


class NoLease:
    """
    The news that there is none to be had.

    Args:
        state: Why.
    """

    number = 0

    def __init__(self, state: LeaseState) -> None:
        self.state = state

    def renew(self) -> bool:
        """Hold nothing."""
        return False

    def release(self) -> None:
        """Give nothing back."""


class RedisLease:
    """
    A lease that was acquired.

    Args:
        ask: Runs a script on the key of this lease and for its owner, with one more argument.
        number: Its number.
        seconds: After which it lapses.
        since: Moment, by the monotonic clock, before it was asked for.
    """

    state = LeaseState.ACQUIRED

    def __init__(
        self, ask: Callable[..., object], *, number: int, seconds: float, since: float
    ) -> None:
        self._ask = ask
        self._seconds = seconds
        self._until = since + seconds
        self.number = number

    def renew(self) -> bool:
        """
        Start its time anew, unless it has lapsed; return whether it holds.

        Where Redis cannot be asked, it holds until its time is over: Redis counts from later on.
        """
        began = monotonic()
        try:
            holds = self._ask(RENEW, max(1, int(self._seconds * 1000))) == 1
        except CacheUnavailable:
            return began < self._until
        self._until = began + self._seconds if holds else began
        return holds

    def release(self) -> None:
        """Give it back; where Redis cannot be asked, it lapses by itself."""
        try:
            self._ask(RELEASE)
        except CacheUnavailable:
            return
