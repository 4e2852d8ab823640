"""Minting leases of a shared cache, renewed until they are released."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from credicorp_auth.engine.single_flight.thread import start_thread
from credicorp_auth.plugin.api import LeaseState, sound_number

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.plugin.api import Lease

    Ask = Callable[[str, Callable[[], object], tuple[type, ...]], object]

LEASE_SECONDS: Final = 3.0
"""Seconds after which a lease expires that its holder does not renew."""

RENEW_SECONDS: Final = 1.0


class NoLease(NamedTuple):
    """Null lease: another process holds it (`HELD`), or the cache has no leases or is down."""

    state: LeaseState = LeaseState.FAILED
    number: int = 0

    def renew(self, *, timeout: float) -> bool:  # noqa: ARG002 - the port's
        """Nothing is held."""
        return False

    def release(self, *, timeout: float) -> None:
        """Nothing is held."""


class HeldLease:
    """
    An acquired lease, renewed by its own thread until it is released.

    Args:
        lease: The adapter's acquired lease.
        ask: Calls the adapter and emits an event if that fails.
        number: The adapter's number; 0 if it is out of bounds.
        timeout: Seconds that a renewal may take.
    """

    def __init__(self, lease: Lease, ask: Ask, number: int, timeout: float) -> None:
        self.lease, self.ask, self.number, self.timeout = lease, ask, number, timeout
        self._over = threading.Event()

    @property
    def state(self) -> LeaseState:
        """Always `ACQUIRED`."""
        return LeaseState.ACQUIRED

    def kept(self) -> Self:
        """Start renewing; if no thread can start, the lease expires after `LEASE_SECONDS`."""
        start_thread("credicorp-auth lease", self._keep_renewing)
        return self

    def renew(self, *, timeout: float) -> bool:
        """Renew the lease now; return whether it is still held."""
        return bool(self.ask("renew", partial(self.lease.renew, timeout=timeout), (bool,)))

    def release(self, *, timeout: float) -> None:
        """Stop renewing the lease and release it."""
        self._over.set()
        self.ask("release", partial(self.lease.release, timeout=timeout), (type(None),))

    def _keep_renewing(self) -> None:
        while not self._over.wait(RENEW_SECONDS):
            # A failing cache may recover in time; False means that the lease is lost.
            if self.ask("renew", partial(self.lease.renew, timeout=self.timeout), (bool,)) is False:
                return


def keep_lease(given: Lease, ask: Ask, timeout: float) -> Lease:
    """
    Wrap an adapter's lease; start renewing it if it was acquired.

    Args:
        given: The adapter's lease; neither its state nor its number is trusted.
        ask: Calls the adapter and emits an event if that fails.
        timeout: Seconds that a renewal may take.
    """
    state = given.state
    if state is LeaseState.ACQUIRED:
        return HeldLease(given, ask, sound_number(given.number), timeout).kept()
    return NoLease(LeaseState.HELD if state is LeaseState.HELD else LeaseState.FAILED)
