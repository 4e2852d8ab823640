"""What a flight leaves behind: a token in hand, or a time to wait before the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from credicorp_auth.engine.flight import live
from credicorp_auth.engine.slot import Held
from credicorp_auth.errors import CredicorpAuthError, MalformedAnswer
from credicorp_auth.lifecycle.standing import Failed
from credicorp_auth.lifecycle.windows import Freshness
from credicorp_auth.lifecycle.world import Obtained
from credicorp_auth.oauth.retry import back_off
from credicorp_auth.oauth.token import CACHED, MINTED, AccessToken, Provenance

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.engine.flight import Flight
    from credicorp_auth.engine.real_world import RealWorld
    from credicorp_auth.engine.slot import Slot
    from credicorp_auth.engine.waiter import Waiter
    from credicorp_auth.lifecycle.client import Client

_SMOOTHING: Final = 0.3  # the weight of the newest mint in the average
_LONGEST_DEFERRAL: Final = 30.0  # seconds


class Landing:
    """
    Brings flights to their end.

    Args:
        client: Whose flights they are.
        world: Where they were.
    """

    def __init__(self, client: Client, world: RealWorld) -> None:
        self._client = client
        self._world = world
        self._mint_seconds: float | None = None

    def land(
        self, slot: Slot, flight: Flight, outcome: Obtained | CredicorpAuthError
    ) -> list[Waiter]:
        """
        Hold the token, take the flight off its slot, and return who must be woken.

        Both happen in one locked step: nobody can find neither flight nor token.
        """
        held = self._held(outcome) if isinstance(outcome, Obtained) else None
        if held is not None:
            self._note_late_arrival(held)
        with slot.lock:
            closed = self._world.closing.is_set()
            if held is not None and not closed:
                slot.hold(held)
                slot.next_refresh = 0.0
            elif slot.held is not None:
                slot.next_refresh = self._world.now().boot + self._deferral(slot.held)
            if slot.flight is flight:
                slot.flight = None
            flight.outcome = None if closed else outcome
            waiters, flight.waiters = flight.waiters, []
        return waiters

    def attempt(self, story: Callable[[], None]) -> None:
        """Live a story that nobody waits for; what goes wrong in it is an event."""
        outcome = live(story)
        if isinstance(outcome, CredicorpAuthError):  # anything else is what it returned: nothing
            self._world.tell("cache.trouble", code=outcome.code)

    def _held(self, obtained: Obtained) -> Held:
        if obtained.mint_seconds is not None:
            average = self._mint_seconds
            self._mint_seconds = (
                obtained.mint_seconds
                if average is None
                else average + _SMOOTHING * (obtained.mint_seconds - average)
            )
        grant, issued = obtained.grant, obtained.issued
        windows = self._client.window_policy.windows(
            issued,
            grant.lifetime,
            mint_seconds=self._mint_seconds or 0.0,
            chance=self._world.random(),
        )
        token = AccessToken(
            grant.value,
            grant.token_type,
            grant.scope,
            issued.wall + grant.lifetime,
            grant.lifetime,
            self._provenance(obtained),
        )
        return Held.of(token, windows, obtained.record_id, obtained.number)

    def _provenance(self, obtained: Obtained) -> Provenance:
        minted = obtained.mint_seconds is not None
        world = self._world
        provider = world.transport_provider if minted else world.cache.provider
        return Provenance(
            MINTED if minted else CACHED,
            provider.name,
            provider.distribution,
            provider.version,
            obtained_at=world.clock.wall(),
            issued_at=obtained.issued.wall,
        )

    def _note_late_arrival(self, held: Held) -> None:
        """Start a back-off where minting takes so long that the token cannot be reused."""
        if held.windows.freshness_at(self._world.now()) is not Freshness.MANDATORY:
            return
        standing = self._world.recall()
        late = MalformedAnswer(
            f"the token for client {self._client.client_id!r} arrived too late to be reused",
            code="response.late",
            cure="ask the operator of the token endpoint for faster answers or longer lives.",
            retryable=True,
        )
        self._world.remember(Failed(late, back_off(standing.failures + 1, self._world.random())))

    def _deferral(self, held: Held) -> float:
        longest = min(_LONGEST_DEFERRAL, held.windows.lifetime / 10)
        return longest * (0.5 + 0.5 * self._world.random())
