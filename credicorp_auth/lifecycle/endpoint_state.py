"""
State of a token endpoint towards one client: cooldown, refusals, failures in a row.

The lifecycle reports outcomes; `EndpointState.after` folds each of them into the state. Times are
of the boot clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import evolve, field, frozen

from credicorp_auth.errors import CredicorpAuthError, ServerFailed, TokenEndpointBusy
from credicorp_auth.http.retry import bound_cooldown, recheck

if TYPE_CHECKING:
    from collections.abc import Mapping

    from credicorp_auth.oauth.scope import Scope

REFUSAL_SECONDS: Final = 60.0


def wishes_for(error: CredicorpAuthError) -> float | None:
    """Return the seconds for which a server asked to be left alone; None if it did not."""
    return error.retry_after if isinstance(error, (TokenEndpointBusy, ServerFailed)) else None


@frozen
class Succeeded:
    """The endpoint gave a token."""


@frozen
class Failed:
    """
    An attempt failed; the next one must wait.

    Args:
        error: What went wrong.
        pause: Seconds to leave the endpoint alone; bounded, whoever asked for them.
    """

    error: CredicorpAuthError = field(eq=False)
    pause: float = field(converter=bound_cooldown)

    @property
    def is_cooldown(self) -> bool:
        """Whether the server asked for the pause, of this client as a whole."""
        return wishes_for(self.error) is not None


@frozen
class Refused:
    """
    The server said no, and will say no again until something changes.

    Args:
        error: What it said.
        scope: The scope it refused; None where it refused the client itself.
        version: Version of the secret that was refused.
    """

    error: CredicorpAuthError = field(eq=False)
    scope: Scope | None
    version: str


@frozen
class SecretUnchanged:
    """The secret source was asked whether the refused secret has changed, and it has not."""

    scope: Scope


EndpointOutcome = Succeeded | Failed | Refused | SecretUnchanged


@frozen
class Refusal:
    """
    A refusal that is remembered, so that a loop cannot hammer.

    Args:
        error: What the server said.
        version: Version of the secret that was refused.
        until: Moment at which it is forgotten.
        looks: How often the secret source was looked at since.
        next_recheck: Moment from which it may be looked at again.
    """

    error: CredicorpAuthError = field(eq=False)
    version: str
    until: float
    looks: int
    next_recheck: float


@frozen
class EndpointState:
    """
    What is remembered of the token endpoint's answers.

    Args:
        failures: Failures in a row.
        cooldown_until: Moment before which no request is made.
        cooldown_reason: Why.
        refusals: By scope; under None those of the client itself.
    """

    failures: int = 0
    cooldown_until: float = 0.0
    cooldown_reason: CredicorpAuthError | None = field(default=None, eq=False)
    refusals: Mapping[Scope | None, Refusal] = field(factory=dict["Scope | None", "Refusal"])

    def after(self, outcome: EndpointOutcome, now: float) -> EndpointState:
        """Return the state once `outcome` is known, at `now`."""
        if isinstance(outcome, Succeeded):
            # Whoever is served is not refused as a client, whatever was remembered.
            kept = dict(self.refusals)
            kept.pop(None, None)
            return EndpointState(refusals=kept)
        if isinstance(outcome, Failed):
            return self._quiet(outcome, now)
        if isinstance(outcome, Refused):
            refusal = Refusal(outcome.error, outcome.version, now + REFUSAL_SECONDS, 0, now)
            return evolve(self, refusals={**self._living(now), outcome.scope: refusal})
        return self._looked(outcome, now)

    def _quiet(self, outcome: Failed, now: float) -> EndpointState:
        until = now + outcome.pause
        # A longer wish, say of a Retry-After that another call met, is never cut short.
        if until < self.cooldown_until:
            return evolve(self, failures=self.failures + 1)
        return evolve(
            self, failures=self.failures + 1, cooldown_until=until, cooldown_reason=outcome.error
        )

    def quiet_at_least(self, until: float) -> EndpointState:
        """Return the state with no request made before `until`."""
        return evolve(self, cooldown_until=until, cooldown_reason=None)

    def _living(self, now: float) -> dict[Scope | None, Refusal]:
        return {scope: each for scope, each in self.refusals.items() if now < each.until}

    def _looked(self, outcome: SecretUnchanged, now: float) -> EndpointState:
        refusals = self._living(now)
        for scope in (outcome.scope, None):
            if refusal := refusals.get(scope):
                looks = refusal.looks + 1
                refusals[scope] = evolve(refusal, looks=looks, next_recheck=now + recheck(looks))
        return evolve(self, refusals=refusals)

    def refusal_of(self, scope: Scope, now: float) -> Refusal | None:
        """Return what is remembered against this scope, or against the client itself."""
        for each in (self.refusals.get(None), self.refusals.get(scope)):
            if each is not None and now < each.until:
                return each
        return None

    def forgiving(self, scope: Scope | None) -> EndpointState:
        """Return the state without the refusals of a scope and of the client; None: of all."""
        kept: dict[Scope | None, Refusal] = {}
        if scope is not None:
            kept = {each: it for each, it in self.refusals.items() if each not in {scope, None}}
        return evolve(self, refusals=kept)

    def cooldown_error(self, now: float) -> CredicorpAuthError:
        """Return a fresh error for a caller who cannot wait until the endpoint may be asked."""
        left = max(0.0, self.cooldown_until - now)
        error = self.cooldown_reason
        if error is None or isinstance(error, TokenEndpointBusy):
            message = error.message if error else "the endpoint asked to be left alone"
            return TokenEndpointBusy(message, retry_after=left)
        fresh = error.copy()
        if isinstance(fresh, ServerFailed) and fresh.retry_after is not None:
            fresh.retry_after = left
        return fresh
