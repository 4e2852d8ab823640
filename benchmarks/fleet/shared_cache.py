"""Model of the hosts' shared cache: the operations of a Redis, and its outages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import define

from credicorp_auth.engine.storage.lease import LEASE_SECONDS
from credicorp_auth.plugin.api import LeaseState

if TYPE_CHECKING:
    from ledger import Ledger
    from timeline import Timeline

    from credicorp_auth.lifecycle.runtime import StoredToken

_NUMBERS_PER_SECOND: Final = 1000  # numbers follow the clock, so they grow after a data loss


@define(eq=False)
class ModelLease:
    """
    A lease of the model cache.

    Args:
        cache: The cache that granted it.
        state: The result of the request for it.
        number: Its number; 0 if it was not acquired.
        lapses: Time at which it expires; None while its holder keeps renewing it.
    """

    cache: SharedCache
    state: LeaseState
    number: int = 0
    lapses: float | None = None

    def renew(self, *, timeout: float) -> bool:  # noqa: ARG002 - the port's
        """Report if the lease is still held; `lapses` models the renewals."""
        return self.cache.holder is self

    def release(self, *, timeout: float) -> None:  # noqa: ARG002 - the port's
        """Release the lease, unless it has expired and another holder has it."""
        if self.cache.holder is self:
            self.cache.holder = None

    def stand_still(self, instant: float) -> None:
        """Stop renewing the lease: its holder is frozen."""
        self.lapses = instant + LEASE_SECONDS


class SharedCache:
    """
    A cache of one token, one cooldown and one lease; an outage loses them all.

    Args:
        timeline: The simulated clock.
        ledger: The counters of operations.
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
        """Fail every operation from now on, and delete all data."""
        self.down = True
        self.holder, self._stored, self._cooldown = None, None, 0.0

    def come_back(self) -> None:
        """Serve again after an outage."""
        self.down = False

    def read(self) -> StoredToken | None:
        """Return the token, unless it has expired."""
        self._ledger.note_cache(self._timeline.instant)
        return self._active_refusals()

    def _active_refusals(self) -> StoredToken | None:
        stored = self._stored
        if stored is None:
            return None
        lives = self._timeline.now().wall < stored.issuance.issued_at + stored.grant.lifetime
        return stored if lives else None

    def write(self, stored: StoredToken) -> None:
        """Write a token, unless a valid one has a larger number; 0 replaces any."""
        self._ledger.note_cache(self._timeline.instant)
        number, kept = stored.issuance.number, self._active_refusals()
        if not self.down and not (number and kept and kept.issuance.number > number):
            self._stored = stored

    def read_cooldown(self) -> float:
        """Return the epoch seconds at which the endpoint's cooldown ends; 0 for none."""
        self._ledger.note_cache(self._timeline.instant)
        return self._cooldown

    def write_cooldown(self, until: float) -> None:
        """Share a cooldown; the last write wins, as in a real cache."""
        self._ledger.note_cache(self._timeline.instant)
        if not self.down:
            self._cooldown = until

    def lease(self) -> ModelLease:
        """Grant the lease if it is free or has expired."""
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
