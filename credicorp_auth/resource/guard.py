"""Guard core: verifies the bearer token of a request of any framework, or refuses the request."""

from __future__ import annotations

import re
from inspect import isawaitable
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from credicorp_auth.engine.event_emitter import EventEmitter
from credicorp_auth.errors import CredicorpAuthError, InvalidSetting
from credicorp_auth.http.secret import Secret
from credicorp_auth.resource.credentials import read_request
from credicorp_auth.resource.marks import Mark, set_mark
from credicorp_auth.resource.refusal import (
    SERVER_FAULT,
    UNMARKED,
    UNPROVEN,
    Refused,
    build_refused,
    read_failure,
)
from credicorp_auth.resource.scope import read_scope, scope_words
from credicorp_auth.resource.verifier import Proof, check_verifier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from credicorp_auth.resource.credentials import Headers, RequestCredentials
    from credicorp_auth.resource.refusal import Refusal
    from credicorp_auth.resource.scope import RequiredScope
    from credicorp_auth.resource.verifier import Verifier

CLAIMS_KEY: Final = "credicorp_auth.claims"
"""Key of the claims in an ASGI scope or WSGI environ."""

Handler = TypeVar("Handler")
_REALM: Final = re.compile(r"[\x20-\x7e]+")
_emit = EventEmitter(()).emit


class Guard(Generic[Proof]):
    """
    Verifies the bearer tokens of requests.

        guard = Guard(verifier)
        claims = guard.require(request.headers, "decisions:read")

    Args:
        verifier: Verifies tokens: a `TokenVerifier`, an `IntrospectingVerifier`, a `CredicorpAuth`
            with `issuer` and `audience`, or an object of your own (see `Verifier`).
        realm: The service's name in challenges: printable ASCII.

    Raises:
        InvalidSetting: The realm is not valid in a header (`config.value`), the verifier cannot
            verify (`config.guard_verifier`), or its class overrides only one of `verify` and
            `averify` (`config.verifier_override`).

    .. versionadded:: 1.0.0
    """

    def __init__(self, verifier: Verifier[Proof], *, realm: str = "api") -> None:
        if not _REALM.fullmatch(realm):
            raise InvalidSetting(
                f"the realm {ascii(realm)[:80]} is not printable ASCII",
                hint="give a `realm` of printable ASCII.",
            )
        check_verifier(verifier)
        self._verifier, self._realm = verifier, realm

    def require(self, headers: Headers, scope: RequiredScope) -> Proof:
        """
        Verify the token of a request (RFC 6750 section 2.1).

        Args:
            headers: The request's headers: a mapping, a multi-dict, or (name, value) pairs; not
                the WSGI environ.
            scope: The scope that the token must cover; `ANY_SCOPE` for any valid token.

        Returns:
            The claims of the token, or the return value of your own verifier.

        Raises:
            Refused: The token is missing, invalid, or does not cover the scope; or tokens cannot be
                verified now. Send its status, headers and body.
            InvalidSetting: The scope is empty or of a wrong type (`config.required_scope`).
            UsageError: The headers are neither a mapping nor pairs (`resource.headers`).
        """
        required, request = read_scope(scope), read_request(headers)
        del headers  # keep it out of an error's traceback
        refusal = request.bearer
        if isinstance(refusal, Secret):
            try:
                proof = self._verifier.verify(
                    refusal.reveal(), required_scope=scope_words(required)
                )
            except CredicorpAuthError as error:
                refusal = read_failure(error, scope_words(required))
            else:
                if _proves(proof):
                    return proof
                refusal = UNPROVEN  # the verifier denied the token without raising
        raise self._refuse(refusal, request)

    async def arequire(self, headers: Headers, scope: RequiredScope) -> Proof:
        """Verify the token of a request, awaiting the verifier; see `require`."""
        required, request = read_scope(scope), read_request(headers)
        del headers  # keep it out of an error's traceback
        refusal = request.bearer
        if isinstance(refusal, Secret):
            try:
                proof = await self._verifier.averify(
                    refusal.reveal(), required_scope=scope_words(required)
                )
            except CredicorpAuthError as error:
                refusal = read_failure(error, scope_words(required))
            else:
                if _proves(proof):
                    return proof
                refusal = UNPROVEN  # the verifier denied the token without raising
        raise self._refuse(refusal, request)

    def requires(self, scope: RequiredScope) -> Callable[[Handler], Handler]:
        """
        Make a decorator that marks a handler; the framework's guard enforces the mark.

        Args:
            scope: The scope that a token must cover; `ANY_SCOPE` for any valid token.

        Raises:
            InvalidSetting: The scope is empty or of a wrong type (`config.required_scope`). The
                decorator raises it if the handler already has another mark (`config.mark`).
        """
        mark = Mark(self, read_scope(scope))
        return lambda handler: set_mark(handler, mark)

    def public(self, handler: Handler) -> Handler:
        """Mark a handler as public: it needs no token, and none is checked."""
        return set_mark(handler, Mark(self, None))

    def refuse_unmarked(self, headers: Headers) -> Refused:
        """Build the refusal of a request to an unmarked handler (`guard.unmarked`)."""
        return self._refuse(UNMARKED, read_request(headers))

    def _refuse(self, refusal: Refusal, request: RequestCredentials) -> Refused:
        """Build the refusal without its exact reason, which only the log holds."""
        reason, status, request_id = refusal.reason, refusal.status, request.request_id
        if status >= SERVER_FAULT:
            _emit("guard.failed", code=reason, status=status, request_id=request_id)
        else:
            _emit("guard.refused", code=reason, status=status, request_id=request_id)
        return build_refused(refusal, realm=self._realm, request_id=request_id)


def _proves(proof: object) -> bool:
    """Return whether a verifier accepted a token: an awaitable proves nothing yet."""
    return bool(proof) and not isawaitable(proof)


def list_unmarked(handlers: Iterable[str]) -> None:
    """Log all unmarked handlers of an application in one warning (event `guard.unmarked`)."""
    names = sorted(set(handlers))
    if names:
        _emit("guard.unmarked", handlers=", ".join(names), count=len(names))


def log_unchecked(error: InvalidSetting) -> None:
    """Log why an application's handlers cannot be judged, so that every request is refused."""
    _emit("guard.unchecked", code=error.code, reason=error.message)
