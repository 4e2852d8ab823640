"""
How a client stands with its token endpoint: quiet for a while, refused, or welcome.

The story tells facts; `Standing.after` folds each into the standing. Moments are of the boot clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import evolve, field, frozen

from credicorp_auth.errors import CredicorpAuthError, ServerFailed, TokenEndpointBusy
from credicorp_auth.oauth.retry import bound_cooldown, look_again

if TYPE_CHECKING:
    from collections.abc import Mapping

    from credicorp_auth.oauth.scope import Scope

REFUSAL_SECONDS: Final = 60.0


def wishes_for(error: CredicorpAuthError) -> float | None:
    """Return the seconds for which a server asked to be left alone; None if it did not."""
    return error.retry_after if isinstance(error, (TokenEndpointBusy, ServerFailed)) else None


@frozen
class Served:
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
class LookedAgain:
    """The secret source was asked whether the refused secret has changed, and it has not."""

    scope: Scope


Fact = Served | Failed | Refused | LookedAgain


@frozen
class Refusal:
    """
    A refusal that is remembered, so that a loop cannot hammer.

    Args:
        error: What the server said.
        version: Version of the secret that was refused.
        until: Moment at which it is forgotten.
        looks: How often the secret source was looked at since.
        next_look: Moment from which it may be looked at again.
    """

    error: CredicorpAuthError = field(eq=False)
    version: str
    until: float
    looks: int
    next_look: float


@frozen
class Standing:
    """
    What is remembered of the token endpoint's answers.

    Args:
        failures: Failures in a row.
        quiet_until: Moment before which no request is made.
        quiet_error: Why.
        refusals: By scope; under None those of the client itself.
    """

    failures: int = 0
    quiet_until: float = 0.0
    quiet_error: CredicorpAuthError | None = field(default=None, eq=False)
    refusals: Mapping[Scope | None, Refusal] = field(factory=dict["Scope | None", "Refusal"])

    def after(self, fact: Fact, moment: float) -> Standing:
        """Return the standing once `fact` is known, at `moment`."""
        if isinstance(fact, Served):
            # Whoever is served is not refused as a client, whatever was remembered.
            kept = dict(self.refusals)
            kept.pop(None, None)
            return Standing(refusals=kept)
        if isinstance(fact, Failed):
            return self._quiet(fact, moment)
        if isinstance(fact, Refused):
            refusal = Refusal(fact.error, fact.version, moment + REFUSAL_SECONDS, 0, moment)
            return evolve(self, refusals={**self._living(moment), fact.scope: refusal})
        return self._looked(fact, moment)

    def _quiet(self, fact: Failed, moment: float) -> Standing:
        until = moment + fact.pause
        # A longer wish, say of a Retry-After that another flight met, is never cut short.
        if until < self.quiet_until:
            return evolve(self, failures=self.failures + 1)
        return evolve(self, failures=self.failures + 1, quiet_until=until, quiet_error=fact.error)

    def quiet_at_least(self, until: float) -> Standing:
        """Return the standing with no request made before `until`."""
        return evolve(self, quiet_until=until, quiet_error=None)

    def _living(self, moment: float) -> dict[Scope | None, Refusal]:
        return {scope: each for scope, each in self.refusals.items() if moment < each.until}

    def _looked(self, fact: LookedAgain, moment: float) -> Standing:
        refusals = self._living(moment)
        for scope in (fact.scope, None):
            if refusal := refusals.get(scope):
                looks = refusal.looks + 1
                refusals[scope] = evolve(refusal, looks=looks, next_look=moment + look_again(looks))
        return evolve(self, refusals=refusals)

    def refusal_of(self, scope: Scope, moment: float) -> Refusal | None:
        """Return what is remembered against this scope, or against the client itself."""
        for each in (self.refusals.get(None), self.refusals.get(scope)):
            if each is not None and moment < each.until:
                return each
        return None

    def forgiving(self, scope: Scope | None) -> Standing:
        """Return the standing without the refusals of a scope and of the client; None: of all."""
        kept: dict[Scope | None, Refusal] = {}
        if scope is not None:
            kept = {each: it for each, it in self.refusals.items() if each not in {scope, None}}
        return evolve(self, refusals=kept)

    def why_quiet(self, moment: float) -> CredicorpAuthError:
        """Return a fresh error for a caller who cannot wait until the endpoint may be asked."""
        left = max(0.0, self.quiet_until - moment)
        error = self.quiet_error
        if error is None or isinstance(error, TokenEndpointBusy):
            what = error.what if error else "the endpoint asked to be left alone"
            return TokenEndpointBusy(what, retry_after=left)
        fresh = error.copy()
        if isinstance(fresh, ServerFailed) and fresh.retry_after is not None:
            fresh.retry_after = left
        return fresh
