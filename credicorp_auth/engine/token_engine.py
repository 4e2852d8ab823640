"""
The engine: hands out the held token, or lets callers wait for the flight that brings one.

The fresh path takes no lock, calls no hook and does no input or output: two clocks and one record.
Everything else is decided under the slot's lock and waited for outside it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from credicorp_auth.engine.bearer_reports import BearerReports
from credicorp_auth.engine.boarding import Boarding, Ticket
from credicorp_auth.engine.flight import FLYING, launch, live
from credicorp_auth.engine.fork import renew_after_fork
from credicorp_auth.engine.landing import Landing
from credicorp_auth.engine.token_entries import TokenEntries
from credicorp_auth.engine.waiter import ThreadWaiter, waiting_task, wake_all
from credicorp_auth.errors import Closed, CredicorpAuthError, DeadlinePassed
from credicorp_auth.lifecycle.obtain import obtain_token
from credicorp_auth.lifecycle.renew import discard_token, renew_token
from credicorp_auth.lifecycle.revoke import withdraw_token
from credicorp_auth.lifecycle.world import Obtained
from credicorp_auth.oauth.refusal import refuses_client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from credicorp_auth.engine.flight import Flight
    from credicorp_auth.engine.real_world import RealWorld
    from credicorp_auth.engine.slot import Held, Slot
    from credicorp_auth.engine.waiter import Waiter
    from credicorp_auth.lifecycle.client import Client
    from credicorp_auth.lifecycle.windows import Windows
    from credicorp_auth.lifecycle.world import Errand
    from credicorp_auth.oauth.scope import Scope
    from credicorp_auth.oauth.secret import Secret
    from credicorp_auth.oauth.token import AccessToken


class TokenEngine:
    """
    Keeps one token for each scope, and at most one flight under way for each.

    Args:
        client: Who asks for tokens.
        world: Where.
        timeout: Seconds a flight may take in all.
        max_entries: Scopes whose tokens are held at once.
    """

    def __init__(
        self, client: Client, world: RealWorld, *, timeout: float, max_entries: int
    ) -> None:
        self._client = client
        self._world = world
        self._boarding = Boarding(world, timeout)
        self._landing = Landing(client, world)
        self._boot = world.clock.boot
        self._entries = TokenEntries(client.template.scope, world.clock, max_entries)
        world.cache.make_room(max_entries)
        self._default = self._entries.default
        self._closed = False
        self.reports = BearerReports(self._entries, world, self._discard)
        renew_after_fork(self)

    @property
    def default(self) -> Slot:
        """The entry of the default scope, which stays for as long as the engine lives."""
        return self._default

    def get_token(
        self, scope: Scope | str | Iterable[str] | None = None, *, timeout: float | None = None
    ) -> AccessToken:
        """Return a usable token; wait for it on this thread where there is none in hand."""
        slot = self._default if scope is None else self._entries.entry(scope)
        wall, boot, fresh_wall, fresh_boot, fresh, _ = slot.fresh
        if wall() < fresh_wall and boot() < fresh_boot:
            return fresh
        ticket = self._board(slot, timeout, ThreadWaiter)
        if not isinstance(ticket, Ticket):
            return ticket
        assert isinstance(ticket.waiter, ThreadWaiter)  # noqa: S101 - for type checkers
        try:
            ticket.waiter.wait(ticket.deadline - self._boot())
        finally:
            self._leave(ticket)
        token = self._conclude(ticket)
        return token or self.get_token(scope, timeout=ticket.deadline - self._boot())

    async def aget_token(
        self,
        scope: Scope | str | Iterable[str] | None = None,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - ends this wait alone, not what it waits for
    ) -> AccessToken:
        """Return a usable token; await it where there is none in hand."""
        slot = self._default if scope is None else self._entries.entry(scope)
        wall, boot, fresh_wall, fresh_boot, fresh, _ = slot.fresh
        if wall() < fresh_wall and boot() < fresh_boot:
            return fresh
        ticket = self._board(slot, timeout, waiting_task)
        if not isinstance(ticket, Ticket):
            return ticket
        assert not isinstance(ticket.waiter, ThreadWaiter)  # noqa: S101 - for type checkers
        try:
            await ticket.waiter.wait(ticket.deadline - self._boot())
        finally:
            self._leave(ticket)
        token = self._conclude(ticket)
        return token or await self.aget_token(scope, timeout=ticket.deadline - self._boot())

    def _board(
        self, slot: Slot, timeout: float | None, waits: Callable[[], Waiter]
    ) -> AccessToken | Ticket:
        with slot.lock:
            if self._closed:
                raise Closed("the CredicorpAuth is closed")
            evicted = slot.evicted  # between being found and now
            boarded = None if evicted else self._boarding.board(slot, timeout, waits)
        if boarded is None:
            return self._board(self._entries.entry(slot.scope), timeout, waits)
        if boarded.deferred is not None:
            code = boarded.deferred.code
            self._world.tell("refresh.deferred", code=code, scope=str(slot.scope))
        if boarded.take_off is not None:
            if boarded.take_off.replaces_lost:
                self._world.tell("flight.abandoned", scope=str(slot.scope))
            fly = partial(self._fly, slot, boarded.take_off.flight, boarded.take_off.errand)
            launch("credicorp-auth flight", fly)
        return boarded.result

    def _fly(self, slot: Slot, flight: Flight, errand: Errand) -> None:
        FLYING.set((*FLYING.get(), slot))
        story = obtain_token if slot.held is None else renew_token
        outcome = live(partial(story, self._client, self._world, errand))
        if isinstance(outcome, Obtained):
            self._note_eviction(slot, outcome)
        wake_all(self._landing.land(slot, flight, outcome))

    def _note_eviction(self, slot: Slot, obtained: Obtained) -> None:
        """Tell of a mint that would not have been, had the entry not been evicted."""
        lost_until, slot.lost_until = slot.lost_until, 0.0
        if obtained.mint_seconds is not None and obtained.issued.boot < lost_until:
            max_entries = self._entries.max_entries
            self._world.tell("token.evicted", scope=str(slot.scope), max_entries=max_entries)

    @staticmethod
    def _leave(ticket: Ticket) -> None:
        with ticket.slot.lock:
            if ticket.waiter in ticket.flight.waiters:
                ticket.flight.waiters.remove(ticket.waiter)

    def _conclude(self, ticket: Ticket) -> AccessToken | None:
        """
        Turn a flight's outcome into this caller's own: a living token, or an error.

        None where the token was turned away, or died, between its landing and this moment, and
        there is time to ask once more.
        """
        outcome = ticket.flight.outcome
        self._world.tell("token.waited", scope=str(ticket.slot.scope), landed=outcome is not None)
        now, held = self._world.now(), ticket.slot.held
        living = held if held is not None and held.lives_at(now) else None
        if living is not None and not self._refuses(outcome):
            if isinstance(outcome, CredicorpAuthError) or outcome is None:
                self._world.tell("refresh.deferred", scope=str(ticket.slot.scope))
            return living.token
        if isinstance(outcome, CredicorpAuthError):
            raise outcome.copy()
        if self._closed:
            raise Closed("the CredicorpAuth was closed while a token was being obtained")
        if outcome is not None and now.boot < ticket.deadline:
            return None
        raise DeadlinePassed(
            f"no token for client {self._client.client_id!r} at "
            f"{self._client.template.token_url} within the time allowed"
        )

    @staticmethod
    def _refuses(outcome: object) -> bool:
        return isinstance(outcome, CredicorpAuthError) and refuses_client(outcome)

    def invalidate(self, token: AccessToken) -> bool:
        """Forget that very token if it is still held; say whether it was."""
        found = self._entries.holding(token)
        if found is None:
            return False
        slot, held = found
        with slot.lock:
            forgotten = slot.forget(held)
            slot.rejections.forget()
        self._world.forgive(slot.scope)
        if forgotten:
            self._discard(slot, held)
        return forgotten

    def drop(self, value: Secret) -> None:
        """Forget a token that is known by its value alone, if it is held."""
        for each in self._entries.held_tokens(value):
            self.invalidate(each)

    def withdraw(self, value: Secret, scopes: Iterable[Scope]) -> None:
        """Drop a token from the cache, for the default scope and these, wherever it is there."""
        wanted = {self._default.scope, *scopes}
        withdraw_token(self._client, self._world, value, wanted)

    def _discard(self, slot: Slot, held: Held) -> None:
        self._world.tell("token.invalidated", scope=str(slot.scope))
        discard = partial(discard_token, self._client, self._world, slot.scope, held.record_id)
        launch("credicorp-auth discard", partial(self._landing.attempt, discard))

    def windows_of(self, token: AccessToken) -> Windows | None:
        """Return the windows of a token in hand; None where it is in hand no more."""
        found = self._entries.holding(token)
        return None if found is None else found[1].windows

    def forget_secrets(self) -> None:
        """Drop cached secrets and the refusals they earned."""
        self._world.keeper.forget()
        self._world.forgive(None)

    def close(self) -> None:
        """Drop the tokens, wake everyone who waits with `Closed`, close the adapters; once."""
        if self._closed:
            return
        self._closed = True
        for slot in self._entries.all():
            with slot.lock:
                slot.drop()
                waiters = [] if slot.flight is None else slot.flight.waiters
                slot.flight = None
            wake_all(waiters)
        self._world.close()

    def after_fork(self) -> None:
        """In the child: keep the tokens, drop what belongs to the parent's threads."""
        self._entries.after_fork()
        self._world.after_fork()
