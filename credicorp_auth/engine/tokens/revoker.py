"""Revocation engine: drops a token locally at once, then revokes it at the server."""

from __future__ import annotations

from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING

from attrs import frozen

from credicorp_auth.engine.single_flight.calls import SingleFlight
from credicorp_auth.engine.single_flight.driver import adrive, drive
from credicorp_auth.engine.single_flight.shared_question import MAX_CALLERS, obtain_shared
from credicorp_auth.errors import CredicorpAuthError
from credicorp_auth.lifecycle.revoke import revoke_token
from credicorp_auth.oauth.token import AccessToken
from credicorp_auth.oauth.token_query import read_shown_token

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from credicorp_auth.engine.single_flight.driver import Wait
    from credicorp_auth.engine.tokens.introspector import Introspector
    from credicorp_auth.engine.tokens.query_runtime import ServerQueryRuntime
    from credicorp_auth.engine.tokens.token_engine import TokenEngine
    from credicorp_auth.http.secret import Secret
    from credicorp_auth.oauth.scope import Scope


@frozen
class _Revocation:
    """
    A revocation to be made.

    Args:
        digest: The SHA-256 of the token.
        run: Revokes the token, given a boot-clock deadline.
    """

    digest: bytes
    run: Callable[[float], bool]


class Revoker:
    """
    Revokes tokens at one revocation endpoint.

    Args:
        tokens: The token engine; a revoked token is dropped from it.
        introspector: The introspection engine; its cached result of a revoked token is dropped.
        client_authentication: The client authentication method.
        runtime: The runtime that performs I/O and keeps the endpoint state.
        timeout: Seconds that a revocation may take.
    """

    def __init__(
        self,
        tokens: TokenEngine,
        introspector: Introspector,
        client_authentication: str,
        runtime: ServerQueryRuntime,
        *,
        timeout: float,
    ) -> None:
        self._tokens, self._introspector = tokens, introspector
        self._client_authentication, self._runtime = client_authentication, runtime
        self._boot = runtime.clock.boot
        self._calls: SingleFlight[bool] = SingleFlight(
            "revocation",
            runtime.clock,
            timeout,
            keep=lambda _call, outcome: outcome,
            limit=MAX_CALLERS,
        )

    def revoke(self, token: str | AccessToken) -> None:
        """Revoke a token; block this thread until the server has confirmed it."""
        outcome: bool | CredicorpAuthError | _Revocation = self._prepare(token)
        if isinstance(outcome, _Revocation):
            outcome = drive(self._obtain(outcome))
        if isinstance(outcome, CredicorpAuthError):
            del token  # keep it out of the traceback
            raise outcome

    async def arevoke(self, token: str | AccessToken) -> None:
        """Revoke a token; await the server's confirmation."""
        outcome: bool | CredicorpAuthError | _Revocation = self._prepare(token)
        if isinstance(outcome, _Revocation):
            outcome = await adrive(self._obtain(outcome))
        if isinstance(outcome, CredicorpAuthError):
            del token  # keep it out of the traceback
            raise outcome

    def _obtain(self, revocation: _Revocation) -> Generator[Wait, None, bool | CredicorpAuthError]:
        return obtain_shared(self._calls, self._boot, revocation.digest, revocation.run)

    def _prepare(self, token: str | AccessToken) -> _Revocation | CredicorpAuthError:
        try:
            shown = read_shown_token(token)
        except CredicorpAuthError as error:
            # The traceback references frames that hold the token.
            return error.with_traceback(None)
        self._drop(shown)
        digest = sha256(shown.reveal().encode()).digest()
        scopes = (token.scope,) if isinstance(token, AccessToken) else ()
        return _Revocation(digest, partial(self._revoke, shown, scopes))

    def _drop(self, shown: Secret) -> None:
        self._tokens.drop(shown)
        self._introspector.forget(shown.reveal())

    def _revoke(self, shown: Secret, scopes: Iterable[Scope], deadline: float) -> bool:
        try:
            self._tokens.withdraw(shown, scopes)
            revoke_token(shown, self._client_authentication, self._runtime, deadline)
        finally:
            # Again: during the request another caller may have read or introspected the token.
            self._drop(shown)
        return True

    def forgive(self) -> None:
        """Forget that the endpoint refused the client: its secret has changed."""
        self._runtime.forgive()

    def close(self) -> None:
        """Refuse further revocations and wake all waiters."""
        self._calls.close()
