"""Leases on the right to mint for all who share a cache, renewed while their holder works."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, Self

from attrs import field, frozen

from credicorp_auth.engine.single_flight.call import start_thread
from credicorp_auth.plugin.api import LeaseState, sound_number

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.plugin.api import Lease

    Ask = Callable[[str, Callable[[], object], tuple[type, ...]], object]

LEASE_SECONDS: Final = 3.0
"""After which the lease of a holder that gives no sign of life lapses."""

RENEW_SECONDS: Final = 1.0


@frozen
class NoLease:
    """What there is where nobody coordinates, or the cache is in trouble."""

    state: LeaseState = LeaseState.FAILED
    number: int = 0

    def renew(self) -> bool:
        """Nothing is held."""
        return False

    def release(self) -> None:
        """Nothing is held."""


@frozen(eq=False)
class HeldLease:
    """
    A lease that is renewed by a thread of its own until it is released.

    Args:
        lease: The adapter's lease, which was acquired.
        ask: Calls the adapter, and tells of its troubles.
        number: The adapter's number; 0 for one that is out of bounds.
    """

    lease: Lease
    ask: Ask
    number: int
    _over: threading.Event = field(factory=threading.Event, init=False)

    @property
    def state(self) -> LeaseState:
        """It was acquired."""
        return LeaseState.ACQUIRED

    def kept(self) -> Self:
        """Renew it from now on; where no thread can be had, it lasts for its own seconds."""
        start_thread("credicorp-auth lease", self._keep_renewing)
        return self

    def renew(self) -> bool:
        """Renew it now."""
        return bool(self.ask("renew", self.lease.renew, (bool,)))

    def release(self) -> None:
        """Stop renewing it, and give it back."""
        self._over.set()
        self.ask("release", self.lease.release, (type(None),))

    def _keep_renewing(self) -> None:
        while not self._over.wait(RENEW_SECONDS):
            # A cache in trouble may come back in time; one that says no has given it to another.
            if self.ask("renew", self.lease.renew, (bool,)) is False:
                return


def keep_lease(given: Lease, ask: Ask) -> Lease:
    """
    Return the lease that came of asking, kept alive if it was acquired.

    Args:
        given: What the adapter returned; neither its state nor its number is trusted.
        ask: Calls the adapter, and tells of its troubles.
    """
    state = given.state
    if state is LeaseState.ACQUIRED:
        return HeldLease(given, ask, sound_number(given.number)).kept()
    return NoLease(LeaseState.HELD if state is LeaseState.HELD else LeaseState.FAILED)
