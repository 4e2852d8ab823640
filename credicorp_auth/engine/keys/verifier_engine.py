"""
Verifier engine: returns the cached claims of a token, or verifies it.

If the key is cached, the token is verified on the caller's thread, also on an event loop: this
takes some forty microseconds with RS256. A caller waits only for a missing key. The fetch runs on a
thread of the engine, or on the thread of the caller if no thread can start.
"""

from __future__ import annotations

from functools import lru_cache, partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from credicorp_auth.engine.second_chance import SecondChanceTable
from credicorp_auth.engine.single_flight.cached_document import NoFetch
from credicorp_auth.engine.single_flight.driver import adrive, drive
from credicorp_auth.engine.single_flight.in_flight import InFlightCall
from credicorp_auth.errors import (
    Closed,
    CredicorpAuthError,
    KeysUnavailable,
    MalformedToken,
    MissingSetting,
    UnknownKey,
)
from credicorp_auth.http.untrusted_text import escape_untrusted
from credicorp_auth.jose.claims import Claims, verify_requirements
from credicorp_auth.jose.key_set import no_usable_key
from credicorp_auth.jose.verification import encode_token, read_token, verify_token
from credicorp_auth.oauth.scope import Scope
from credicorp_auth.oauth.token import AccessToken

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from credicorp_auth.engine.runtime import AnonymousRuntime
    from credicorp_auth.engine.single_flight.cached_document import CachedDocument, DocumentState
    from credicorp_auth.engine.single_flight.driver import Wait
    from credicorp_auth.jose.keys import KeySet
    from credicorp_auth.jose.verification import VerificationPolicy

Outcome = Claims | CredicorpAuthError

MAX_REMEMBERED: Final = 4096
"""Maximum number of cached tokens; those not presented again are evicted first."""

_SHOWN_KID: Final = 64  # characters
_NOTHING: Final = Scope()
_scope_of: Final = lru_cache(maxsize=256)(Scope)


class VerifiedToken:
    """
    Cache entry of one verified token, by the SHA-256 of the token, which is not kept itself.

    Args:
        claims: The token's claims.
        keys: The key set that verified it; with another key set it is verified again.
        until_boot: Boot-clock time at which it expires.
    """

    __slots__ = ("claims", "keys", "until_boot", "used")

    def __init__(self, claims: Claims, keys: KeySet, until_boot: float) -> None:
        self.claims, self.keys, self.until_boot = claims, keys, until_boot
        self.used = False


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
        self._keys, self.emit = keys, runtime.emit
        self._cache: SecondChanceTable[VerifiedToken] = SecondChanceTable(MAX_REMEMBERED)
        self._wall, self._boot = runtime.clock.wall, runtime.clock.boot
        self._closed = False

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
        seen, outcome, kid = self._keys.state(), *self._examine(token, audience, required_scope)
        if not isinstance(outcome, Claims):
            again = partial(self._examine, token, audience, required_scope)
            outcome = drive(self._look_again(again, seen, outcome, kid))
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
        seen, outcome, kid = self._keys.state(), *self._examine(token, audience, required_scope)
        if not isinstance(outcome, Claims):
            again = partial(self._examine, token, audience, required_scope)
            outcome = await adrive(self._look_again(again, seen, outcome, kid))
        if isinstance(outcome, Claims):
            return outcome
        del token  # keep it out of the traceback
        raise outcome

    def _look_again(
        self,
        examine: Callable[[], tuple[Outcome, str | None]],
        seen: DocumentState[KeySet],
        outcome: Outcome,
        kid: str | None,
    ) -> Generator[Wait, None, Outcome]:
        """
        Protocol of a caller whose token was not verified: it waits if newer keys may help.

        Args:
            examine: Examines the token again.
            seen: The state of the key set before the token was examined.
            outcome: Why it was not verified.
            kid: The key id that it names.
        """
        deadline = self._boot() + self._keys.timeout
        searched: set[object] = set()  # what the fetches that were waited for have looked for
        fetches_left = 2
        while _may_need_newer_keys(outcome) and fetches_left and kid not in searched:
            fetch = self._keys.join(sought=kid, seconds=deadline - self._boot(), seen=seen)
            if isinstance(fetch, InFlightCall):
                yield fetch, deadline - self._boot()
                fetches_left = fetches_left - 1 if fetch.is_over else 0
                searched |= {None, fetch.outcome}
            elif fetch is NoFetch.NOT_ALLOWED:
                break
            seen, outcome, kid = self._keys.state(), *examine()
        if isinstance(outcome, CredicorpAuthError):
            self.emit("token.refused", code=outcome.code)
        return outcome

    def _examine(
        self, token: str | AccessToken, audience: str | None, required: Scope | str | None
    ) -> tuple[Outcome, str | None]:
        """Return the token's claims or the error, and the key id that it names."""
        kid = None
        try:
            text, wanted, scope = self._read_question(token, audience, required)
            encoded = encode_token(text)
            digest = sha256(encoded).digest()
            claims = self._recall(digest)
            if claims is None:
                read = read_token(encoded, self._policy)
                kid = read.kid
                keys, boot, wall = self.keys(), self._boot(), self._wall()
                claims = verify_token(read, keys, self._policy, now=wall)
                # Cached before audience and scope are compared: other callers require others.
                until_boot = boot + claims.expires_at - wall
                self._cache.keep(digest, VerifiedToken(claims, keys, until_boot))
            verify_requirements(claims, wanted, scope)
        except CredicorpAuthError as error:
            # The traceback references frames that hold the token and its claims.
            failure = error.with_traceback(None)
        else:
            return claims, kid
        if isinstance(failure, UnknownKey):
            shown = None if kid is None else escape_untrusted(kid, (), limit=_SHOWN_KID)
            self.emit("token.key_unknown", code=failure.code, kid=shown)
        return failure, kid

    def _read_question(
        self, token: object, audience: str | None, required: Scope | str | None
    ) -> tuple[str, str, Scope]:
        """Return the token's text, the required audience and the required scope."""
        if self._closed:
            raise Closed("the verifier is closed", hint="make a new one.")
        wanted: Any = self._audience if audience is None else audience
        if not isinstance(wanted, str) or not wanted:
            raise MissingSetting(
                "no `audience` is set",
                code="config.verifier",
                hint="set `audience`, or name it in the call.",
            )
        text = token.value.reveal() if isinstance(token, AccessToken) else token
        if not isinstance(text, str):
            raise MalformedToken("the token is not text")
        if required is None:
            return text, wanted, _NOTHING
        return text, wanted, (_scope_of if isinstance(required, str) else Scope)(required)

    def _recall(self, digest: bytes) -> Claims | None:
        """Return the cached claims of a token; None if it must be verified."""
        entry, keys, boot = self._cache.find(digest), self._keys.state(), self._boot()
        if entry is None or entry.keys is not keys.document:
            return None
        if boot >= keys.fresh_until and entry.keys is not self.find_keys():
            return None
        if boot >= entry.until_boot or self._wall() >= entry.claims.expires_at:
            return None
        if not entry.used:
            entry.used = True
        return entry.claims

    def find_keys(self) -> KeySet | None:
        """Return the usable key set, or None; start a background fetch if it is stale."""
        state = self._keys.state()
        if self._boot() < state.fresh_until:
            return state.document
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

    def close(self) -> bool:
        """Clear the cache and wake all waiters; return whether this is the first call."""
        first, self._closed = not self._closed, True
        self._cache.forget(None)
        self._keys.close()
        return first


def _may_need_newer_keys(outcome: Outcome) -> bool:
    """Return whether newer keys may change the outcome."""
    unknown = isinstance(outcome, UnknownKey) and outcome.code == "verify.kid"
    return unknown or isinstance(outcome, KeysUnavailable)
