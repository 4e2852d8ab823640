"""
Verifier engine: returns the cached claims of a token, or verifies it.

If the key is cached, the token is verified on the caller's thread, also on an event loop: this
takes some twenty microseconds. A caller waits only for a missing key. The fetch runs on a thread of
the engine, or on the caller's thread if no thread can start.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from credicorp_auth.engine.keys.verified_tokens import VerifiedTokenCache
from credicorp_auth.engine.single_flight.cached_document import NoFetch
from credicorp_auth.engine.single_flight.driver import adrive, drive
from credicorp_auth.engine.single_flight.in_flight import InFlightCall
from credicorp_auth.errors import (
    Closed,
    CredicorpAuthError,
    InvalidSetting,
    KeysUnavailable,
    MalformedToken,
    MissingSetting,
    UnknownKey,
)
from credicorp_auth.jose.claims import Claims
from credicorp_auth.jose.compact import MAX_SIGNED_TOKEN
from credicorp_auth.jose.key_set import no_usable_key
from credicorp_auth.jose.verification import read_token
from credicorp_auth.lifecycle.verify import Question, verify_with_cached_keys
from credicorp_auth.oauth.scope import Scope
from credicorp_auth.oauth.token import AccessToken

if TYPE_CHECKING:
    from collections.abc import Generator

    from credicorp_auth.engine.runtime import AnonymousRuntime
    from credicorp_auth.engine.single_flight.cached_document import CachedDocument
    from credicorp_auth.engine.single_flight.driver import Wait
    from credicorp_auth.jose.key_set import KeySet
    from credicorp_auth.jose.verification import VerificationPolicy

Outcome = Claims | CredicorpAuthError

_NOTHING: Final = Scope()
_scope_of: Final = lru_cache(maxsize=256)(Scope)


class VerifierEngine:
    """
    Verifies the tokens of one issuer.

    Args:
        policy: The requirements that a token must meet.
        audience: The default audience; None if each call must name one.
        keys: The issuer's cached key set.
        runtime: Supplies the clocks and emits events.
    """

    def __init__(
        self,
        policy: VerificationPolicy,
        audience: str | None,
        keys: CachedDocument[KeySet],
        runtime: AnonymousRuntime,
    ) -> None:
        self._policy, self._audience = policy, audience
        self._keys, self._runtime = keys, runtime
        self._cache = VerifiedTokenCache()
        self._wall, self._boot = runtime.clock.wall, runtime.clock.boot
        self._closed = False
        self.now, self.emit = runtime.now, runtime.emit

    def verify(
        self,
        token: str | AccessToken,
        *,
        audience: str | None = None,
        required_scope: Scope | str | None = None,
    ) -> Claims:
        """
        Return the claims of a verified token; block this thread if its key must be fetched.

        Args:
            token: The token.
            audience: The audience that it must be meant for; None for the default audience.
            required_scope: The scope that it must cover; None for no requirement.

        Raises:
            CredicorpAuthError: The token is not valid, or cannot be verified now.
        """
        outcome: Outcome | None = self._recall(token, audience, required_scope)
        if outcome is None:
            outcome = drive(self._verify(token, audience, required_scope))
        if isinstance(outcome, Claims):
            return outcome
        del token  # keep it out of the traceback
        raise outcome

    async def averify(
        self,
        token: str | AccessToken,
        *,
        audience: str | None = None,
        required_scope: Scope | str | None = None,
    ) -> Claims:
        """Return the claims of a verified token, as `verify` does; await a missing key."""
        outcome: Outcome | None = self._recall(token, audience, required_scope)
        if outcome is None:
            outcome = await adrive(self._verify(token, audience, required_scope))
        if isinstance(outcome, Claims):
            return outcome
        del token  # keep it out of the traceback
        raise outcome

    def _recall(
        self, token: str | AccessToken, audience: str | None, required: Scope | str | None
    ) -> Claims | None:
        """Return the cached claims of a token; None if it must be examined."""
        text = token.value.reveal() if isinstance(token, AccessToken) else token
        if type(text) is not str or len(text) > MAX_SIGNED_TOKEN or not text.isascii():
            return None
        remembered = self._cache.find(sha256(text.encode()).digest())
        state = self._keys.state()
        if remembered is None or remembered.keys is not state.document:
            return None
        boot = self._boot()
        if boot >= state.fresh_until and remembered.keys is not self.find_keys():
            return None
        claims = remembered.claims
        wanted = self._audience if audience is None else audience
        if type(wanted) is not str or wanted not in claims.audience:
            return None
        if self._wall() >= claims.expires_at or boot >= remembered.until_boot:
            return None
        if not remembered.used:
            remembered.used = True
        return claims if required is None or _covers(claims, required) else None

    def _verify(
        self, token: str | AccessToken, audience: str | None, required: Scope | str | None
    ) -> Generator[Wait, None, Outcome]:
        """Protocol of a caller whose token is not remembered; it waits if newer keys may help."""
        deadline = self._boot() + self._keys.timeout
        searched: set[object] = set()  # what the fetches that were waited for have looked for
        fetches_left = 2
        while True:
            seen = self._keys.state()
            outcome, kid = self._examine(token, audience, required)
            if not self._may_need_newer_keys(outcome) or not fetches_left or kid in searched:
                break
            fetch = self._keys.join(sought=kid, seconds=deadline - self._boot(), seen=seen)
            if isinstance(fetch, InFlightCall):
                yield fetch, deadline - self._boot()
                fetches_left = fetches_left - 1 if fetch.is_over else 0
                searched |= {None, fetch.outcome}
            elif fetch is NoFetch.NOT_ALLOWED:
                break
        if isinstance(outcome, CredicorpAuthError):
            self._runtime.emit("token.refused", code=outcome.code)
        return outcome

    def _examine(
        self, token: str | AccessToken, audience: str | None, required: Scope | str | None
    ) -> tuple[Claims | CredicorpAuthError, str | None]:
        """Return the token's claims or the error, and the key id that it names."""
        kid = None
        try:
            question = self._read_question(token, audience, required)
            read = read_token(question.text, self._policy)
            kid = read.kid
            return verify_with_cached_keys(question, read, self._policy, self), kid
        except CredicorpAuthError as error:
            # The traceback references frames that hold the token and its claims.
            return error.with_traceback(None), kid

    def _read_question(
        self, token: object, audience: str | None, required: Scope | str | None
    ) -> Question:
        if self._closed:
            raise Closed("the verifier is closed", hint="make a new one.")
        text = token.value.reveal() if isinstance(token, AccessToken) else token
        wanted: Any = self._audience if audience is None else audience
        if not isinstance(wanted, str) or not wanted:
            raise MissingSetting(
                "no `audience` is set",
                code="config.verifier",
                hint="set `audience`, or name it in the call.",
            )
        if not isinstance(text, str):
            raise MalformedToken("the token is not text")
        return Question(text, wanted, _NOTHING if required is None else Scope(required))

    @staticmethod
    def _may_need_newer_keys(outcome: Outcome) -> bool:
        """Return whether newer keys may change the outcome."""
        unknown = isinstance(outcome, UnknownKey) and outcome.code == "verify.kid"
        return unknown or isinstance(outcome, KeysUnavailable)

    def find_keys(self) -> KeySet | None:
        """Return the usable key set, or None; start a background fetch if it is stale."""
        self._keys.refresh()
        return self._keys.current()

    def keys(self) -> KeySet:
        """
        Return the usable key set.

        Raises:
            KeysUnavailable: There is no usable key set, or it holds no usable key.
        """
        keys = self.find_keys()
        if keys is not None and keys.keys:
            return keys
        message = f"the keys of {self._policy.issuer} cannot be fetched"
        failure = self._keys.failure if keys is None else no_usable_key(keys)
        if failure is None:
            raise KeysUnavailable(f"{message} in time")
        known = failure.code.startswith(("jwks.", "discovery."))
        raise KeysUnavailable(
            f"{message}: {failure.message}",
            code=failure.code if known else None,
            hint=failure.hint,
            retryable=failure.retryable,
        )

    def remember(self, text: str, claims: Claims, keys: KeySet) -> None:
        """Cache the claims of a verified token until it expires by either clock."""
        until_boot = self._boot() + claims.expires_at - self._wall()
        self._cache.remember(text, claims, keys, until_boot=until_boot)

    def close(self) -> bool:
        """Clear the cache and wake all waiters; return whether this is the first call."""
        first, self._closed = not self._closed, True
        self._cache.clear()
        self._keys.close()
        return first


def _covers(claims: Claims, required: object) -> bool:
    """Return whether a token covers the required scope; False if that is malformed."""
    try:
        return isinstance(required, str | Scope) and _scope_of(required).words <= claims.scope.words
    except InvalidSetting:
        return False
