"""Completion of in-flight calls: store the token, or defer the next refresh."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import evolve

from credicorp_auth.engine.single_flight.in_flight import run_guarded
from credicorp_auth.engine.tokens.entry import Held
from credicorp_auth.errors import CredicorpAuthError, MalformedResponse
from credicorp_auth.http.retry import backoff
from credicorp_auth.lifecycle.endpoint_state import Failed
from credicorp_auth.lifecycle.runtime import ObtainedToken
from credicorp_auth.lifecycle.windows import Freshness
from credicorp_auth.oauth.token import CACHED, MINTED, AccessToken, Provenance

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.engine.tokens.entry import TokenEntry
    from credicorp_auth.engine.tokens.runtime import ServerRuntime
    from credicorp_auth.lifecycle.client import Client

_SMOOTHING: Final = 0.3  # the weight of the newest mint in the average
_LONGEST_DEFERRAL: Final = 30.0  # seconds


class Completion:
    """
    Completes the in-flight calls of one client.

    Args:
        client: The client whose calls are completed.
        runtime: Supplies the clocks and the endpoint state, and emits events.
    """

    def __init__(self, client: Client, runtime: ServerRuntime) -> None:
        self._client = client
        self._runtime = runtime
        self._mint_seconds: float | None = None

    def complete(
        self, entry: TokenEntry, outcome: ObtainedToken | CredicorpAuthError
    ) -> Held | CredicorpAuthError:
        """
        Hold the token of a call, or defer the next refresh.

        Args:
            entry: The entry of the token.
            outcome: The outcome of the call.

        Returns:
            What the waiters get: the token, or the error.
        """
        if isinstance(outcome, ObtainedToken):
            held = self._held(outcome)
            self._note_late_arrival(held)
            return held
        if entry.held is not None:
            next_refresh = self._runtime.now().boot + self._deferral(entry.held)
            entry.change(lambda state: evolve(state, next_refresh=next_refresh))
        return outcome

    def attempt(self, operation: Callable[[], None]) -> None:
        """Run a background task; report its failure as an event."""
        outcome = run_guarded(operation)
        if isinstance(outcome, CredicorpAuthError):
            self._runtime.emit("cache.failed", code=outcome.code)

    def _held(self, obtained: ObtainedToken) -> Held:
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
            chance=self._runtime.random(),
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

    def _provenance(self, obtained: ObtainedToken) -> Provenance:
        minted = obtained.mint_seconds is not None
        runtime = self._runtime
        provider = runtime.transport_provider if minted else runtime.cache.provider
        return Provenance(
            MINTED if minted else CACHED,
            provider.name,
            provider.distribution,
            provider.version,
            obtained_at=runtime.clock.wall(),
            issued_at=obtained.issued.wall,
        )

    def _note_late_arrival(self, held: Held) -> None:
        """Start a backoff if minting took so long that the token cannot be reused."""
        if held.windows.freshness_at(self._runtime.now()) is not Freshness.MANDATORY:
            return
        state = self._runtime.recall()
        late = MalformedResponse(
            f"the token for client {self._client.client_id!r} arrived too late to be reused",
            code="response.late",
            hint="ask the operator of the token endpoint for faster responses or longer lifetimes.",
            retryable=True,
        )
        self._runtime.remember(Failed(late, backoff(state.failures + 1, self._runtime.random())))

    def _deferral(self, held: Held) -> float:
        longest = min(_LONGEST_DEFERRAL, held.windows.lifetime / 10)
        return longest * (0.5 + 0.5 * self._runtime.random())
