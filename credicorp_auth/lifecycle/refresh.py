"""Refresh of a token before it expires, and discarding of a rejected one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from credicorp_auth.errors import CredicorpAuthError
from credicorp_auth.lifecycle.client import token_key
from credicorp_auth.lifecycle.obtain import obtain_token

if TYPE_CHECKING:
    from credicorp_auth.lifecycle.client import Client
    from credicorp_auth.lifecycle.runtime import ObtainedToken, Runtime, TokenRequirements
    from credicorp_auth.oauth.scope import Scope


def refresh_token_entry(
    client: Client, runtime: Runtime, requirements: TokenRequirements
) -> ObtainedToken:
    """
    Return the successor of a token that is still valid.

    Only a token newer than the held one counts (`requirements.newer_than`). A failure is emitted as
    an event, since callers with a valid token do not see it otherwise.

    Raises:
        CredicorpAuthError: As `obtain_token`; the engine keeps serving the valid token.
    """
    runtime.emit("refresh.started", scope=str(requirements.scope))
    try:
        return obtain_token(client, runtime, requirements)
    except CredicorpAuthError as error:
        runtime.emit("refresh.deferred", code=error.code, scope=str(requirements.scope))
        raise


def discard_token(client: Client, runtime: Runtime, scope: Scope, record_id: str) -> None:
    """
    Discard a rejected token from the cache, so that no process that shares it reads it again.

    If the secret source supplies the client id, its cached value is used: the token was obtained
    with it.
    """
    client_id = client.client_id or runtime.fetch_secret(past_cache=False).client_id
    runtime.discard(token_key(client.asks_for(scope), client_id), record_id)
