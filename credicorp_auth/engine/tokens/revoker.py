"""The revoking engine: a token is dropped here at once, then the server is told."""

from __future__ import annotations

from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING

from attrs import frozen

from credicorp_auth.engine.single_flight.shared_calls import SharedCalls
from credicorp_auth.errors import CredicorpAuthError
from credicorp_auth.lifecycle.revoke import revoke_token
from credicorp_auth.oauth.token import AccessToken
from credicorp_auth.oauth.token_query import read_shown_token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from credicorp_auth.engine.tokens.introspector import Introspector
    from credicorp_auth.engine.tokens.query_runtime import ServerQueryRuntime
    from credicorp_auth.engine.tokens.token_engine import TokenEngine
    from credicorp_auth.http.secret import Secret
    from credicorp_auth.oauth.scope import Scope


@frozen
class _Revocation:
    """
    A token to be revoked.

    Args:
        digest: Its SHA-256.
        run: Does it, by a moment of the boot clock.
    """

    digest: bytes
    run: Callable[[float], bool]


class Revoker:
    """
    Revokes tokens at one revocation endpoint.

    Args:
        tokens: Holds tokens, and must not hold a revoked one.
        introspector: Knows of tokens, and must not know a revoked one for active.
        client_authentication: How the client proves who it is.
        runtime: Where.
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
        self._calls: SharedCalls[bool] = SharedCalls(
            "revocation",
            runtime.clock,
            timeout,
            keep=lambda _digest, _outcome: None,
            find=lambda _digest: None,
        )

    def revoke(self, token: str | AccessToken) -> None:
        """Revoke a token; wait on this thread until the server has said yes."""
        outcome: bool | CredicorpAuthError | _Revocation = self._prepare(token)
        if isinstance(outcome, _Revocation):
            outcome = self._calls.obtain(outcome.digest, outcome.run)
        if isinstance(outcome, CredicorpAuthError):
            del token  # not in reach of the error's traceback
            raise outcome

    async def arevoke(self, token: str | AccessToken) -> None:
        """Revoke a token; await the server's yes."""
        outcome: bool | CredicorpAuthError | _Revocation = self._prepare(token)
        if isinstance(outcome, _Revocation):
            outcome = await self._calls.aobtain(outcome.digest, outcome.run)
        if isinstance(outcome, CredicorpAuthError):
            del token  # not in reach of the error's traceback
            raise outcome

    def _prepare(self, token: str | AccessToken) -> _Revocation | CredicorpAuthError:
        try:
            shown = read_shown_token(token)
        except CredicorpAuthError as error:
            # The traceback leads to frames that hold the token.
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
            # Once more: while the server was told, somebody may have read or asked about it.
            self._drop(shown)
        return True

    def forgive(self) -> None:
        """Forget that the client was refused: its secret has changed."""
        self._runtime.forgive()

    def close(self) -> None:
        """Start no revocation any more, and wake everyone who waits."""
        self._calls.close()
