"""
State of an endpoint towards one client: cooldown, refusals, failures in a row.

The lifecycle reports outcomes; `EndpointState.after` folds each of them into the state. All times
are boot-clock times.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from credicorp_auth.errors import CredicorpAuthError, ServerFailed, TokenEndpointBusy
from credicorp_auth.http.retry import bound_cooldown, recheck

if TYPE_CHECKING:
    from collections.abc import Mapping

    from credicorp_auth.oauth.scope import Scope

REFUSAL_SECONDS: Final = 60.0


def requested_pause(error: CredicorpAuthError) -> float | None:
    """Return the cooldown in seconds that the server asked for; None if it asked for none."""
    return error.retry_after if isinstance(error, (TokenEndpointBusy, ServerFailed)) else None


class Succeeded(NamedTuple):
    """The endpoint served the request."""


class Failed:
    """
    An attempt failed; the next one must wait.

    Args:
        error: The failure.
        pause: Seconds without requests; clamped by `bound_cooldown`.
    """

    __slots__ = ("error", "pause")

    def __init__(self, error: CredicorpAuthError, pause: float) -> None:
        self.error = error
        self.pause = bound_cooldown(pause)

    @property
    def is_cooldown(self) -> bool:
        """Whether the server asked for the pause, for the whole client."""
        return requested_pause(self.error) is not None


class Refused(NamedTuple):
    """
    The server refused the request, and will refuse it again until something changes.

    Args:
        error: The refusal.
        scope: The refused scope; None if the client itself was refused.
        version: The version of the refused secret.
    """

    error: CredicorpAuthError
    scope: Scope | None
    version: str


class SecretUnchanged(NamedTuple):
    """
    The secret source was read again, and the refused secret has not changed.

    Args:
        scope: The scope of the call that read it.
        is_local: Whether reading it is cheap, so that the next refused call may do it again.
    """

    scope: Scope
    is_local: bool = False


EndpointOutcome = Succeeded | Failed | Refused | SecretUnchanged


class Refusal(NamedTuple):
    """
    A remembered refusal, so that a retry loop does not hammer the endpoint.

    Args:
        error: The refusal.
        version: The version of the refused secret.
        until: Time at which it is forgotten.
        rechecks: Number of times that the secret source was read since.
        next_recheck: Time from which the source may be read again.
    """

    error: CredicorpAuthError
    version: str
    until: float
    rechecks: int
    next_recheck: float


class EndpointState(NamedTuple):
    """
    The remembered outcomes of an endpoint's requests for one client.

    Args:
        failures: Number of failures in a row.
        cooldown_until: Time before which no request is sent.
        cooldown_reason: The failure that caused the cooldown; None without one, or if another
            process reported it.
        refusals: Remembered refusals by scope; that of the client itself is under None.
    """

    failures: int = 0
    cooldown_until: float = 0.0
    cooldown_reason: CredicorpAuthError | None = None
    refusals: Mapping[Scope | None, Refusal] = MappingProxyType({})

    def after(self, outcome: EndpointOutcome, now: float) -> EndpointState:
        """Return the state after `outcome`, which became known at `now`."""
        if isinstance(outcome, Succeeded):
            # A served client is not refused as a client; refusals of scopes stay.
            kept = dict(self.refusals)
            kept.pop(None, None)
            return EndpointState(refusals=kept)
        if isinstance(outcome, Failed):
            return self._after_failure(outcome, now)
        if isinstance(outcome, Refused):
            refusal = Refusal(outcome.error, outcome.version, now + REFUSAL_SECONDS, 0, now)
            return self._replace(refusals={**self._active_refusals(now), outcome.scope: refusal})
        return self._after_recheck(outcome, now)

    def _after_failure(self, outcome: Failed, now: float) -> EndpointState:
        until = now + outcome.pause
        # A longer cooldown, such as a Retry-After of another call, is never cut short.
        if until < self.cooldown_until:
            return self._replace(failures=self.failures + 1)
        return self._replace(
            failures=self.failures + 1, cooldown_until=until, cooldown_reason=outcome.error
        )

    def with_cooldown_until(self, until: float) -> EndpointState:
        """Return the state with a cooldown until `until`."""
        return self._replace(cooldown_until=until, cooldown_reason=None)

    def _active_refusals(self, now: float) -> dict[Scope | None, Refusal]:
        return {scope: each for scope, each in self.refusals.items() if now < each.until}

    def _after_recheck(self, outcome: SecretUnchanged, now: float) -> EndpointState:
        refusals = self._active_refusals(now)
        for scope in (outcome.scope, None):
            if refusal := refusals.get(scope):
                rechecks = refusal.rechecks + 1
                pause = 0.0 if outcome.is_local else recheck(rechecks)
                refusals[scope] = refusal._replace(rechecks=rechecks, next_recheck=now + pause)
        return self._replace(refusals=refusals)

    def refusal_of(self, scope: Scope, now: float) -> Refusal | None:
        """Return the remembered refusal of the client or of this scope; None if there is none."""
        for each in (self.refusals.get(None), self.refusals.get(scope)):
            if each is not None and now < each.until:
                return each
        return None

    def forgiving(self, scope: Scope | None) -> EndpointState:
        """Return the state without the refusals of `scope` and of the client; None removes all."""
        kept: dict[Scope | None, Refusal] = {}
        if scope is not None:
            kept = {each: it for each, it in self.refusals.items() if each not in {scope, None}}
        return self._replace(refusals=kept)

    def cooldown_error(self, now: float) -> CredicorpAuthError:
        """Build the error for a caller that does not wait for the end of the cooldown."""
        left = max(0.0, self.cooldown_until - now)
        error = self.cooldown_reason
        if error is None or isinstance(error, TokenEndpointBusy):
            message = error.message if error else "the endpoint is in a cooldown"
            return TokenEndpointBusy(message, retry_after=left)
        fresh = error.copy()
        if isinstance(fresh, ServerFailed) and fresh.retry_after is not None:
            fresh.retry_after = left
        return fresh
