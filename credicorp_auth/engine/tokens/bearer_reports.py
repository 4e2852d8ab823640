"""Reports of bearers: which tokens requests carried, and which of them a resource refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from credicorp_auth.http.challenge import Verdict
from credicorp_auth.oauth.carried_tokens import CarriedTokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from credicorp_auth.engine.tokens.entry import Held, TokenEntry
    from credicorp_auth.engine.tokens.runtime import ServerRuntime
    from credicorp_auth.engine.tokens.token_entries import TokenEntries
    from credicorp_auth.oauth.scope import Scope
    from credicorp_auth.oauth.token import AccessToken


class BearerReports:
    """
    Receives the reports of bearers for one engine.

    Args:
        entries: The entries of the engine's tokens.
        runtime: The clocks and the events.
        discard: Drops a token from the cache.
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
        entry = self._holder_of(token, scope)
        if entry is None:
            return Verdict.REPLACED  # its entry was evicted, and its token with it
        with entry.lock:
            held = entry.held
            verdict = entry.reject(
                token, origin, self._runtime.clock.boot(), first_pause=first_pause
            )
        if held is not None and verdict is Verdict.DROPPED:
            self._discard(entry, held)
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
        entry, now = self._holder_of(token, scope), self._runtime.clock.boot()
        if entry is None:
            return
        with entry.lock:
            if first_pause is None:
                entry.rejections.replay_accepted(origin)
            else:
                entry.rejections.replay_refused(origin, now, first_pause=first_pause)

    def emit(self, name: str, **fields: str | float | bool | None) -> None:
        """Tell the log and every observer."""
        self._runtime.emit(name, **fields)

    def _holder_of(
        self, token: AccessToken, scope: Scope | str | Iterable[str] | None
    ) -> TokenEntry | None:
        entries = self._entries
        entry = entries.default if scope is None else entries.known(scope)
        if entry is None or entry.held is None or entry.held.token is not token:
            # A subclass of `CredicorpAuth` may hand out the token of another scope.
            found = entries.holding(token)
            return entry if found is None else found[0]
        return entry
