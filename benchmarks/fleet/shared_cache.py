"""The cache that the hosts of the model share: what a Redis does for them, and its outages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import define

from credicorp_auth.engine.storage.lease import LEASE_SECONDS
from credicorp_auth.plugin.api import LeaseState

if TYPE_CHECKING:
    from ledger import Ledger
    from timeline import Timeline

    from credicorp_auth.lifecycle.runtime import StoredToken

_NUMBERS_PER_SECOND: Final = 1000  # numbers follow the clock, so that a cache that lost all goes on


@define(eq=False)
class ModelLease:
    """
    A lease as the cache gives it.

    Args:
        cache: Whose lease it is.
        state: What came of asking.
        number: Its number; 0 where it was not acquired.
        lapses: Moment at which it ends; None while its holder, who works, keeps renewing it.
    """

    cache: SharedCache
    state: LeaseState
    number: int = 0
    lapses: float | None = None

    def renew(self) -> bool:
        """Say whether it is still held; `lapses` tells who renews."""
        return self.cache.holder is self

    def release(self) -> None:
        """Give it back, unless it has lapsed to another."""
        if self.cache.holder is self:
            self.cache.holder = None

    def stand_still(self, instant: float) -> None:
        """Renew it no more: its holder does nothing for a while."""
        self.lapses = instant + LEASE_SECONDS


class SharedCache:
    """
    Keeps one token, one cool-down and one lease; loses them all in an outage.

    Args:
        timeline: The time.
        ledger: Where operations are counted.
    """

    def __init__(self, timeline: Timeline, ledger: Ledger) -> None:
        self._timeline = timeline
        self._ledger = ledger
        self.down = False
        self.holder: ModelLease | None = None
        self._stored: StoredToken | None = None
        self._cooldown = 0.0  # epoch seconds
        self._number = 0

    def break_down(self) -> None:
        """Fail from now on, and forget everything."""
        self.down = True
        self.holder, self._stored, self._cooldown = None, None, 0.0

    def come_back(self) -> None:
        """Serve again."""
        self.down = False

    def read(self) -> StoredToken | None:
        """Return the token, if it lives."""
        self._ledger.note_cache(self._timeline.instant)
        return self._living()

    def _living(self) -> StoredToken | None:
        stored = self._stored
        if stored is None:
            return None
        lives = self._timeline.now().wall < stored.issuance.issued_at + stored.grant.lifetime
        return stored if lives else None

    def write(self, stored: StoredToken) -> None:
        """Keep a token, unless one of a larger number lives here; 0 replaces any."""
        self._ledger.note_cache(self._timeline.instant)
        number, kept = stored.issuance.number, self._living()
        if not self.down and not (number and kept and kept.issuance.number > number):
            self._stored = stored

    def read_cooldown(self) -> float:
        """Return the epoch seconds until which the endpoint is to be left alone; 0 for none."""
        self._ledger.note_cache(self._timeline.instant)
        return self._cooldown

    def write_cooldown(self, until: float) -> None:
        """Tell all to leave the endpoint alone; the last word counts, as in a real cache."""
        self._ledger.note_cache(self._timeline.instant)
        if not self.down:
            self._cooldown = until

    def lease(self) -> ModelLease:
        """Give the lease to whoever asks first; one that has lapsed is free."""
        self._ledger.note_cache(self._timeline.instant)
        if self.down:
            return ModelLease(self, LeaseState.FAILED)
        instant = self._timeline.instant
        holder = self.holder
        if holder is not None and (holder.lapses is None or instant < holder.lapses):
            return ModelLease(self, LeaseState.HELD)
        self._number = max(self._number + 1, int(instant * _NUMBERS_PER_SECOND))
        self.holder = ModelLease(self, LeaseState.ACQUIRED, self._number)
        return self.holder
