"""Revoking a token: it is dropped here in every case, and the server is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from credicorp_auth.errors import CredicorpAuthError
from credicorp_auth.lifecycle.client import Client, token_key
from credicorp_auth.lifecycle.runtime import StoredToken
from credicorp_auth.lifecycle.token_query import QueryAttempt, QueryRuntime, query_token
from credicorp_auth.oauth.revocation import read_revocation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from credicorp_auth.http.secret import Secret
    from credicorp_auth.lifecycle.runtime import Runtime
    from credicorp_auth.oauth.scope import Scope


def withdraw_token(
    client: Client, runtime: Runtime, token: Secret, scopes: Iterable[Scope]
) -> None:
    """
    Drop a token from the cache where it is what the cache has.

    Args:
        client: Whose token it may be.
        runtime: Where.
        token: The token.
        scopes: For which it may have been asked for.
    """
    client_id = client.client_id or runtime.fetch_secret(past_cache=False).client_id
    for scope in scopes:
        key = token_key(client.asks_for(scope), client_id)
        stored = runtime.read_cache(key)
        if isinstance(stored, StoredToken) and stored.grant.value == token:
            runtime.discard(key, stored.record_id)
            runtime.emit("token.invalidated", scope=str(scope))


def revoke_token(
    token: Secret, client_authentication: str, runtime: QueryRuntime, deadline: float
) -> None:
    """
    Ask the revocation endpoint to let a token count no more.

    Args:
        token: The token.
        client_authentication: How the client proves who it is.
        runtime: Where.
        deadline: Moment of the boot clock to be back.

    Raises:
        CredicorpAuthError: The server was not told, or does not do it: the token may count still.
    """
    try:
        query_token(runtime, QueryAttempt(token, client_authentication, deadline, read_revocation))
    except CredicorpAuthError as error:
        runtime.emit("revocation.failed", code=error.code)
        raise
    runtime.emit("token.revoked")
