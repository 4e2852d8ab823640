"""Revocation of a token: removal from the cache, and the request to the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from credicorp_auth.errors import CredicorpAuthError
from credicorp_auth.lifecycle.client import Client, token_key
from credicorp_auth.lifecycle.runtime import StoredToken
from credicorp_auth.lifecycle.token_query import QueryAttempt, QueryRuntime, query_token
from credicorp_auth.oauth.token_query import read_revocation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from credicorp_auth.http.secret import Secret
    from credicorp_auth.lifecycle.runtime import Runtime
    from credicorp_auth.oauth.scope import Scope


def withdraw_token(
    client: Client, runtime: Runtime, token: Secret, scopes: Iterable[Scope]
) -> None:
    """
    Discard a token from the cache, under each scope that has this very token.

    Args:
        client: The OAuth client that may have obtained it.
        runtime: The runtime that performs I/O.
        token: The token.
        scopes: The scopes that it may be cached under.
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
    Revoke a token at the revocation endpoint.

    Args:
        token: The token.
        client_authentication: A name from `CLIENT_AUTHENTICATION`.
        runtime: The runtime that performs I/O.
        deadline: Boot-clock time by which the call must return.

    Raises:
        CredicorpAuthError: The server was not reached, or refused; the token may still be valid.
    """
    try:
        query_token(runtime, QueryAttempt(token, client_authentication, deadline, read_revocation))
    except CredicorpAuthError as error:
        runtime.emit("revocation.failed", code=error.code)
        raise
    runtime.emit("token.revoked")
