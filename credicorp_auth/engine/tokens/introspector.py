"""
The introspecting engine: says at once what is known of a token, and asks the server otherwise.

What is known is true for a minute where the token counts, never past its end, and for five seconds
where it does not. A failure is no answer: it is raised, and the token counts for nothing.
"""

from __future__ import annotations

from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING

from attrs import frozen

from credicorp_auth.engine.fork import renew_after_fork
from credicorp_auth.engine.single_flight.shared_calls import SharedCalls
from credicorp_auth.engine.tokens.introspection_cache import IntrospectionCache, IntrospectionEntry
from credicorp_auth.errors import CredicorpAuthError
from credicorp_auth.lifecycle.introspect import (
    INACTIVE_SECONDS,
    introspect_token,
    seconds_to_believe,
)
from credicorp_auth.lifecycle.token_query import Timestamped, check_cooldown, concerns_one_token
from credicorp_auth.oauth.introspection import Introspection, require_audience
from credicorp_auth.oauth.token import AccessToken
from credicorp_auth.oauth.token_query import read_shown_token
from credicorp_auth.oauth.token_text import MAX_TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.engine.tokens.query_runtime import ServerQueryRuntime
    from credicorp_auth.oauth.introspection import IntrospectionPolicy

Outcome = Timestamped[Introspection] | CredicorpAuthError


@frozen
class _Question:
    """
    A token that must be asked about.

    Args:
        digest: Its SHA-256.
        ask: Asks, by a moment of the boot clock.
    """

    digest: bytes
    ask: Callable[[float], Timestamped[Introspection]]


class Introspector:
    """
    Asks one introspection endpoint about tokens.

    Args:
        policy: What an active token must be like to count.
        client_authentication: How the client proves who it is.
        runtime: Where.
        timeout: Seconds that a question may take.
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
        self._calls: SharedCalls[Timestamped[Introspection]] = SharedCalls(
            "introspection", runtime.clock, timeout, keep=self._keep, find=self._find
        )
        self._wall, self._boot = runtime.clock.wall, runtime.clock.boot
        renew_after_fork(self)

    def introspect(
        self, token: str | AccessToken, *, audience_verified: bool = False
    ) -> Introspection:
        """Say whether a token counts; wait on this thread if the server must be asked."""
        outcome: Outcome | _Question | None = self._recall(token)
        if outcome is None:
            outcome = self._prepare(token)
        if isinstance(outcome, _Question):
            outcome = self._calls.obtain(outcome.digest, outcome.ask)
        if isinstance(outcome, Timestamped):
            response = outcome.response
            return response if audience_verified else require_audience(response, self._policy)
        del token  # not in reach of the error's traceback
        raise outcome

    async def aintrospect(
        self, token: str | AccessToken, *, audience_verified: bool = False
    ) -> Introspection:
        """Say whether a token counts; await the server if it must be asked."""
        outcome: Outcome | _Question | None = self._recall(token)
        if outcome is None:
            outcome = self._prepare(token)
        if isinstance(outcome, _Question):
            outcome = await self._calls.aobtain(outcome.digest, outcome.ask)
        if isinstance(outcome, Timestamped):
            response = outcome.response
            return response if audience_verified else require_audience(response, self._policy)
        del token  # not in reach of the error's traceback
        raise outcome

    def _recall(self, token: str | AccessToken) -> Outcome | None:
        """Return what is known of a token; None: the server must be asked."""
        text = token.value.reveal() if isinstance(token, AccessToken) else token
        if type(text) is not str or len(text) > MAX_TOKEN or not text.isascii():
            return None
        return self._find(sha256(text.encode()).digest())

    def _find(self, digest: bytes) -> Outcome | None:
        kept = self._cache.find(digest)
        if kept is None or self._wall() >= kept.until_wall or self._boot() >= kept.until_boot:
            return None
        kept.used = True
        outcome = kept.outcome
        return outcome if isinstance(outcome, Timestamped) else outcome.copy()

    def _prepare(self, token: str | AccessToken) -> _Question | CredicorpAuthError:
        """Return the question to ask, or why it is not asked."""
        try:
            shown = read_shown_token(token)
            check_cooldown(self._runtime)
        except CredicorpAuthError as error:
            # The traceback leads to frames that hold the token.
            return error.with_traceback(None)
        digest = sha256(shown.reveal().encode()).digest()
        method, policy = self._client_authentication, self._policy
        return _Question(digest, partial(introspect_token, shown, method, policy, self._runtime))

    def _keep(self, digest: bytes, outcome: Outcome) -> None:
        if isinstance(outcome, Timestamped):
            kept = IntrospectionEntry(outcome, outcome.sent, seconds_to_believe(outcome))
            self._cache.keep(digest, kept)
        elif concerns_one_token(outcome, has_answered=self._runtime.has_answered()):
            # Not an answer, but no reason to ask again at once: a loop must not hammer.
            self._cache.keep(
                digest, IntrospectionEntry(outcome, self._runtime.now(), INACTIVE_SECONDS)
            )

    def forget(self, token: str | AccessToken | None = None) -> None:
        """Forget what is known of a token, or of all; what is on its way does not count either."""
        digest = None
        if token is not None:
            text = token.value.reveal() if isinstance(token, AccessToken) else token
            digest = sha256(text.encode("utf-8", "surrogatepass")).digest()
        # In this order: a call that is not forgotten yet may still bring what is then forgotten.
        self._calls.forget(digest)
        self._cache.forget(digest)

    def forgive(self) -> None:
        """Forget that the client was refused: its secret has changed."""
        self._runtime.forgive()

    def close(self) -> None:
        """Forget what is known, and wake everyone who waits."""
        self._calls.close()
        self._cache.forget(None)

    def after_fork(self) -> None:
        """In the child: keep what is known; the lock may belong to a thread of the parent."""
        self._cache.after_fork()
