"""
Introspection engine: returns the cached result of a token, or asks the server.

The result for an active token is cached for a minute, but never past its expiry; for an inactive
one, for five seconds. A failed introspection is raised: the token is not accepted (fail closed).
"""

from __future__ import annotations

from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from attrs import frozen

from credicorp_auth.engine.second_chance import SecondChanceTable
from credicorp_auth.engine.single_flight.calls import SingleFlight
from credicorp_auth.engine.single_flight.driver import adrive, drive
from credicorp_auth.engine.single_flight.shared_question import MAX_CALLERS, obtain_shared
from credicorp_auth.errors import CredicorpAuthError
from credicorp_auth.lifecycle.introspect import (
    INACTIVE_SECONDS,
    cacheable_seconds,
    introspect_token,
)
from credicorp_auth.lifecycle.token_query import Timestamped, check_cooldown, concerns_one_token
from credicorp_auth.oauth.introspection import Introspection, require_audience
from credicorp_auth.oauth.token import MAX_TOKEN, AccessToken
from credicorp_auth.oauth.token_query import read_shown_token

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from credicorp_auth.engine.single_flight.driver import Wait
    from credicorp_auth.engine.single_flight.in_flight import InFlightCall, Mark
    from credicorp_auth.engine.tokens.query_runtime import ServerQueryRuntime
    from credicorp_auth.lifecycle.windows import Instant
    from credicorp_auth.oauth.introspection import IntrospectionPolicy

MAX_RESPONSES: Final = 4096
"""Maximum number of cached results."""

Outcome = Timestamped[Introspection] | CredicorpAuthError


class IntrospectionEntry:
    """
    A cached introspection response or error; it expires by either clock.

    Args:
        outcome: The response, or the error.
        since: The time at which its lifetime begins, by both clocks.
        seconds: Its lifetime in seconds.
        mark: The call that brought it; an outcome is not believed once its call was forgotten.
    """

    __slots__ = ("mark", "outcome", "until_boot", "until_wall", "used")

    def __init__(self, outcome: Outcome, since: Instant, seconds: float, mark: Mark) -> None:
        self.outcome, self.mark = outcome, mark
        self.until_wall, self.until_boot = since.wall + seconds, since.boot + seconds
        self.used = False


class IntrospectionCache(SecondChanceTable[IntrospectionEntry]):
    """Introspection results by the SHA-256 of the token; the tokens themselves are not kept."""

    def __init__(self) -> None:
        super().__init__(MAX_RESPONSES)


@frozen
class _Question:
    """
    An introspection request to be made.

    Args:
        digest: The SHA-256 of the token.
        ask: Introspects the token, given a boot-clock deadline.
    """

    digest: bytes
    ask: Callable[[float], Timestamped[Introspection]]


class Introspector:
    """
    Introspects tokens at one introspection endpoint.

    Args:
        policy: The requirements that an active token must meet.
        client_authentication: The client authentication method.
        runtime: The runtime that performs I/O and keeps the endpoint state.
        timeout: Seconds that an introspection may take.
    """

    def __init__(
        self,
        policy: IntrospectionPolicy,
        client_authentication: str,
        runtime: ServerQueryRuntime,
        *,
        timeout: float,
    ) -> None:
        self._policy, self._client_authentication = policy, client_authentication
        self._runtime = runtime
        self._cache = IntrospectionCache()
        self._calls: SingleFlight[Timestamped[Introspection]] = SingleFlight(
            "introspection", runtime.clock, timeout, keep=self._keep, limit=MAX_CALLERS
        )
        self._wall, self._boot = runtime.clock.wall, runtime.clock.boot

    def introspect(
        self, token: str | AccessToken, *, audience_verified: bool = False
    ) -> Introspection:
        """
        Return the introspection of a token; block this thread if the server must be asked.

        Args:
            token: The token.
            audience_verified: True if the caller checks the audience itself. If False, and the
                policy requires an audience, a response without `aud` counts as inactive.

        Raises:
            CredicorpAuthError: The token is malformed, or there is no usable response.
        """
        outcome: Outcome | _Question | None = self._recall(token)
        if outcome is None:
            outcome = self._prepare(token)
        if isinstance(outcome, _Question):
            outcome = drive(self._obtain(outcome))
        if isinstance(outcome, Timestamped):
            response = outcome.response
            return response if audience_verified else require_audience(response, self._policy)
        del token  # keep it out of the traceback
        raise outcome

    async def aintrospect(
        self, token: str | AccessToken, *, audience_verified: bool = False
    ) -> Introspection:
        """Return the introspection of a token, as `introspect` does; await the server."""
        outcome: Outcome | _Question | None = self._recall(token)
        if outcome is None:
            outcome = self._prepare(token)
        if isinstance(outcome, _Question):
            outcome = await adrive(self._obtain(outcome))
        if isinstance(outcome, Timestamped):
            response = outcome.response
            return response if audience_verified else require_audience(response, self._policy)
        del token  # keep it out of the traceback
        raise outcome

    def _recall(self, token: str | AccessToken) -> Outcome | None:
        """Return the cached outcome for a token; None if the server must be asked."""
        text = token.value.reveal() if isinstance(token, AccessToken) else token
        if type(text) is not str or len(text) > MAX_TOKEN or not text.isascii():
            return None
        return self._find(sha256(text.encode()).digest())

    def _find(self, digest: bytes) -> Outcome | None:
        kept = self._cache.find(digest)
        if kept is None or kept.mark.is_forgotten:
            return None
        if self._wall() >= kept.until_wall or self._boot() >= kept.until_boot:
            return None
        kept.used = True
        outcome = kept.outcome
        return outcome if isinstance(outcome, Timestamped) else outcome.copy()

    def _prepare(self, token: str | AccessToken) -> _Question | CredicorpAuthError:
        """Return the introspection request, or the error that prevents it."""
        try:
            shown = read_shown_token(token)
            check_cooldown(self._runtime)
        except CredicorpAuthError as error:
            # The traceback references frames that hold the token.
            return error.with_traceback(None)
        digest = sha256(shown.reveal().encode()).digest()
        method, policy = self._client_authentication, self._policy
        return _Question(digest, partial(introspect_token, shown, method, policy, self._runtime))

    def _obtain(self, question: _Question) -> Generator[Wait, None, Outcome]:
        """Protocol of a caller whose token's result is not remembered."""
        find = partial(self._find, question.digest)
        return obtain_shared(self._calls, self._boot, question.digest, question.ask, find)

    def _keep(self, call: InFlightCall[Timestamped[Introspection]], outcome: Outcome) -> Outcome:
        digest, mark, seconds = call.mark.subject, call.mark, INACTIVE_SECONDS
        if isinstance(outcome, Timestamped):
            since, seconds = outcome.sent, cacheable_seconds(outcome)
        elif concerns_one_token(outcome, has_responded=self._runtime.has_responded()):
            # Cache the error as well, so that a retry loop does not flood the server.
            since = self._runtime.now()
        else:
            return outcome
        if isinstance(digest, bytes) and not mark.is_forgotten:
            self._cache.keep(digest, IntrospectionEntry(outcome, since, seconds, mark))
        return outcome

    def forget(self, token: str | AccessToken | None = None) -> None:
        """Drop the cached result and detach the call of a token, or of all tokens (None)."""
        digest = None
        if token is not None:
            text = token.value.reveal() if isinstance(token, AccessToken) else token
            digest = sha256(text.encode("utf-8", "surrogatepass")).digest()
        # In this order: until it is detached, a call may still store its result in the cache.
        self._calls.forget(digest)
        self._cache.forget(digest)

    def forgive(self) -> None:
        """Forget that the endpoint refused the client: its secret has changed."""
        self._runtime.forgive()

    def close(self) -> None:
        """Clear the cache and wake all waiters."""
        self._calls.close()
        self._cache.forget(None)
