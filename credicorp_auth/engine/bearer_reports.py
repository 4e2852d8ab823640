"""Reports of bearers: which tokens requests carried, and which of them a resource refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from credicorp_auth.oauth.carried import CarriedTokens
from credicorp_auth.oauth.challenge import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from credicorp_auth.engine.real_world import RealWorld
    from credicorp_auth.engine.slot import Held, Slot
    from credicorp_auth.engine.token_entries import TokenEntries
    from credicorp_auth.oauth.scope import Scope
    from credicorp_auth.oauth.token import AccessToken


class BearerReports:
    """
    Receives the reports of bearers for one engine.

    Args:
        entries: The entries of the engine's tokens.
        world: The clocks and the events.
        discard: Drops a token from the cache.
    """

    __slots__ = ("_discard", "_entries", "_world", "carried")

    def __init__(
        self,
        entries: TokenEntries,
        world: RealWorld,
        discard: Callable[[Slot, Held], None],
    ) -> None:
        self._entries = entries
        self._world = world
        self._discard = discard
        self.carried = CarriedTokens()

    def reject(
        self,
        token: AccessToken,
        scope: Scope | str | Iterable[str] | None,
        origin: str,
        *,
        first_pause: float,
    ) -> Verdict:
        """
        Count a 401 that a resource gave to a token, and drop the token if that may help.

        Args:
            token: The token that the request carried.
            scope: The scope that was asked for, as for `get_token`.
            origin: The origin that the request was sent to.
            first_pause: Seconds without another mint for this origin if this 401 begins a pause.
        """
        slot = self._holder_of(token, scope)
        if slot is None:
            return Verdict.REPLACED  # its entry was evicted, and its token with it
        with slot.lock:
            held = slot.held
            verdict = slot.reject(token, origin, self._world.clock.boot(), first_pause=first_pause)
        if held is not None and verdict is Verdict.DROPPED:
            self._discard(slot, held)
        return verdict

    def report_replay(
        self,
        token: AccessToken,
        scope: Scope | str | Iterable[str] | None,
        origin: str,
        *,
        first_pause: float | None,
    ) -> None:
        """
        Count the response to the replay of a request whose 401 has dropped a token.

        Args:
            token: The token that the replay carried.
            scope: The scope that was asked for, as for `get_token`.
            origin: The origin that the request was sent to.
            first_pause: As for `reject`; None if the response was not a 401.
        """
        slot, now = self._holder_of(token, scope), self._world.clock.boot()
        if slot is None:
            return
        with slot.lock:
            if first_pause is None:
                slot.rejections.replay_accepted(origin)
            else:
                slot.rejections.replay_refused(origin, now, first_pause=first_pause)

    def emit(self, name: str, **fields: str | float | bool | None) -> None:
        """Tell the log and every observer."""
        self._world.tell(name, **fields)

    def _holder_of(
        self, token: AccessToken, scope: Scope | str | Iterable[str] | None
    ) -> Slot | None:
        entries = self._entries
        slot = entries.default if scope is None else entries.known(scope)
        if slot is None or slot.held is None or slot.held.token is not token:
            # A subclass of `CredicorpAuth` may hand out the token of another scope.
            found = entries.holding(token)
            return slot if found is None else found[0]
        return slot
