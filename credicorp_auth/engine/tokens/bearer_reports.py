"""Bearer reports: tokens that requests carried, and 401s that resource servers gave to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from credicorp_auth.http.challenge import Verdict
from credicorp_auth.oauth.token import CarriedTokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.engine.tokens.entry import EntryState, Held, TokenEntry
    from credicorp_auth.engine.tokens.runtime import ServerRuntime
    from credicorp_auth.engine.tokens.token_entries import TokenEntries
    from credicorp_auth.oauth.scope import RequestedScope
    from credicorp_auth.oauth.token import AccessToken


class BearerReports:
    """
    Receives the bearer reports of one engine.

    Args:
        entries: The engine's table of token entries.
        runtime: Supplies the clocks and emits events.
        discard: Discards a token's record from the cache.
    """

    __slots__ = ("_discard", "_entries", "_runtime", "carried")

    def __init__(
        self,
        entries: TokenEntries,
        runtime: ServerRuntime,
        discard: Callable[[TokenEntry, Held], None],
    ) -> None:
        self._entries = entries
        self._runtime = runtime
        self._discard = discard
        self.carried = CarriedTokens()

    def reject(
        self, token: AccessToken, scope: RequestedScope, origin: str, *, first_pause: float
    ) -> Verdict:
        """
        Count a 401 that a resource server gave to a token; drop the token if a mint may help.

        Args:
            token: The token that the request carried.
            scope: The scope that was asked for, as for `get_token`.
            origin: The origin that the request was sent to.
            first_pause: Length in seconds of the origin's first pause in minting, if this 401
                begins one.
        """
        entry, now = self._holder_of(token, scope), self._runtime.clock.boot()
        if entry is None:
            return Verdict.REPLACED  # its entry was evicted, and its token with it
        before, after = entry.change(
            lambda state: state.after_401(token, origin, now, first_pause=first_pause)
        )
        if before is after:
            return Verdict.REPLACED  # an earlier 401 has dropped it
        if after.held is before.held or before.held is None:
            return Verdict.KEPT
        self._discard(entry, before.held)
        return Verdict.DROPPED

    def report_replay(
        self, token: AccessToken, scope: RequestedScope, origin: str, *, first_pause: float | None
    ) -> None:
        """
        Count the response to a replayed request whose 401 has dropped a token.

        Args:
            token: The token that the replay carried.
            scope: The scope that was asked for, as for `get_token`.
            origin: The origin that the request was sent to.
            first_pause: As for `reject`; None if the response was not a 401.
        """
        entry, now = self._holder_of(token, scope), self._runtime.clock.boot()
        if entry is None:
            return

        def counted(state: EntryState) -> EntryState:
            if first_pause is None:
                rejections = state.rejections.replay_accepted(origin)
            else:
                rejections = state.rejections.replay_refused(origin, now, first_pause=first_pause)
            return evolve(state, rejections=rejections)

        entry.change(counted)

    def emit(self, name: str, **fields: str | float | bool | None) -> None:
        """Emit an event to the log and every observer."""
        self._runtime.emit(name, **fields)

    def _holder_of(self, token: AccessToken, scope: RequestedScope) -> TokenEntry | None:
        entries = self._entries
        entry = entries.default if scope is None else entries.known(scope)
        if entry is None or entry.held is None or entry.held.token is not token:
            # A subclass of `CredicorpAuth` may return the token of another scope.
            found = entries.holding(token)
            return entry if found is None else found[0]
        return entry
