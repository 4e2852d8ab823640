"""
What a caller gets who finds no fresh token: the living one, a place on a flight, or an error.

Everything here is decided under the slot's lock, from what is known, in a few microseconds. Nothing
is waited for, and nobody else's code is called: what must be told is told after the lock is free.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import frozen

from credicorp_auth.engine.flight import FLYING, Flight
from credicorp_auth.errors import CredicorpAuthError, DeadlinePassed, Reentrant
from credicorp_auth.lifecycle.windows import Freshness
from credicorp_auth.lifecycle.world import Errand
from credicorp_auth.oauth.refusal import refuses_client

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.engine.real_world import RealWorld
    from credicorp_auth.engine.slot import Held, Slot
    from credicorp_auth.engine.waiter import Waiter
    from credicorp_auth.lifecycle.windows import Instant
    from credicorp_auth.oauth.token import AccessToken

_LOOK_AGAIN: Final = 2.0  # seconds between looks into the cache while the endpoint is left alone


@frozen(eq=False)
class Ticket:
    """
    A caller's place among those who wait for a flight.

    Args:
        slot: Whose token is awaited.
        flight: The flight.
        waiter: The caller.
        deadline: Moment of the boot clock at which the caller gives up.
    """

    slot: Slot
    flight: Flight
    waiter: Waiter
    deadline: float


@frozen(eq=False)
class TakeOff:
    """
    A flight that the caller must start.

    Args:
        flight: The flight.
        errand: What it is sent for.
        replaces_lost: Whether another flight for the same token counts as lost.
    """

    flight: Flight
    errand: Errand
    replaces_lost: bool


@frozen(eq=False)
class Boarded:
    """
    What came of asking.

    Args:
        result: A token, or the place on a flight.
        take_off: The flight to start, or None.
        deferred: Why the living token is handed out although its successor is due, or None.
    """

    result: AccessToken | Ticket
    take_off: TakeOff | None = None
    deferred: CredicorpAuthError | None = None


class Boarding:
    """
    Decides what callers get.

    Args:
        world: Remembers how the client stands with its endpoint.
        timeout: Seconds a flight may take in all.
    """

    def __init__(self, world: RealWorld, timeout: float) -> None:
        self._world = world
        self._timeout = timeout

    def board(self, slot: Slot, timeout: float | None, waits: Callable[[], Waiter]) -> Boarded:
        """
        Decide what a caller gets; call it under the slot's lock.

        Args:
            slot: Whose token is asked for.
            timeout: Seconds the caller is willing to wait; None for as long as a flight may take.
            waits: How the caller waits.

        Raises:
            CredicorpAuthError: No token can be had before the caller's deadline.
        """
        seconds = self._timeout if timeout is None else min(timeout, self._timeout)
        now = self._world.now()
        held = slot.held
        if held is not None:
            freshness = held.windows.freshness_at(now)
            if freshness is Freshness.FRESH:
                return Boarded(held.token)
            if freshness is Freshness.ADVISORY:
                return Boarded(held.token, self._refresh(slot, now))
        if not seconds > 0:
            raise DeadlinePassed("no time was allowed to wait for a token")
        living = held if held is not None and held.lives_at(now) else None
        error = self._why_not(slot, now, now.boot if living else now.boot + seconds)
        if error is not None and (living or not self._may_look(slot, now, error)):
            return self._make_do(living, error)
        take_off = self._join(slot, now, only_looks=error is not None)
        ticket = self._queue(slot, waits(), now.boot + seconds)
        return Boarded(ticket, take_off)

    @staticmethod
    def _make_do(living: Held | None, error: CredicorpAuthError) -> Boarded:
        if living is None or refuses_client(error):
            raise error
        return Boarded(living.token, deferred=error)

    @staticmethod
    def _queue(slot: Slot, waiter: Waiter, deadline: float) -> Ticket:
        assert slot.flight is not None  # noqa: S101 - for type checkers: it was joined just now
        slot.flight.waiters.append(waiter)
        return Ticket(slot, slot.flight, waiter, deadline)

    def _why_not(self, slot: Slot, now: Instant, deadline: float) -> CredicorpAuthError | None:
        """Return why no flight can bring a token before `deadline`; None: one may."""
        standing = self._world.recall()
        refusal = standing.refusal_of(slot.scope, now.boot)
        if refusal is not None and now.boot < refusal.next_look:
            return refusal.error.copy()
        return standing.why_quiet(now.boot) if standing.quiet_until > deadline else None

    def _may_look(self, slot: Slot, now: Instant, error: CredicorpAuthError) -> bool:
        """Say whether the cache is worth a look although the endpoint is to be left alone."""
        # What keeps this host from the endpoint need not keep another, which shares its token.
        if not error.retryable or not self._world.cache.is_shared:
            return False
        if slot.flight is not None and now.boot < slot.flight.deadline:
            return slot.flight.only_looks
        if now.boot < slot.next_look:
            return False
        slot.next_look = now.boot + _LOOK_AGAIN
        return True

    def _refresh(self, slot: Slot, now: Instant) -> TakeOff | None:
        """Send for the successor, unless somebody does already or it is too early."""
        under_way = slot.flight is not None and now.boot < slot.flight.deadline
        if under_way or now.boot < slot.next_refresh or slot in FLYING.get():
            return None
        return None if self._why_not(slot, now, now.boot) else self._join(slot, now)

    def _join(self, slot: Slot, now: Instant, *, only_looks: bool = False) -> TakeOff | None:
        """Make sure that a flight is under way; return it only if the caller must start it."""
        if slot in FLYING.get():
            raise Reentrant("an adapter asked for the token that it is helping to obtain")
        found = slot.flight
        if found is not None and now.boot < found.deadline and found.only_looks <= only_looks:
            return None
        slot.flight = Flight(now.boot + self._timeout, only_looks=only_looks)
        errand = Errand(
            slot.scope,
            slot.flight.deadline,
            newer_than=slot.held.birth if slot.held is not None else None,
            rejected=frozenset(slot.rejected),
            refusal=self._world.recall().refusal_of(slot.scope, now.boot),
            only_looks=only_looks,
        )
        return TakeOff(slot.flight, errand, found is not None and not found.only_looks)
