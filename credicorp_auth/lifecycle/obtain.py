"""
Obtaining a token from the cache or the token endpoint, refreshing it, and discarding it.

    read cache -> lease -> fetch secret -> build request -> send -> read response -> write cache

If the secret source also supplies the client id, the secret is fetched first, since the cache key
needs the id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from credicorp_auth.errors import CredicorpAuthError
from credicorp_auth.lifecycle.client import Client, ClientCredentials, token_key
from credicorp_auth.lifecycle.endpoint_state import SecretUnchanged
from credicorp_auth.lifecycle.mint import fetch_secret, mint_token
from credicorp_auth.lifecycle.share import find_in_cache, mint_for_all

if TYPE_CHECKING:
    from credicorp_auth.lifecycle.runtime import ObtainedToken, Runtime, TokenRequirements
    from credicorp_auth.oauth.scope import Scope


def obtain_token(
    client: Client, runtime: Runtime, requirements: TokenRequirements
) -> ObtainedToken:
    """
    Return a usable token, after at most three attempts.

    An attempt is one request. If the client is refused, the attempt also tries other versions of
    its secret, up to `MAX_VERSIONS` in all.

    Args:
        client: The OAuth client.
        runtime: The runtime that performs I/O.
        requirements: The scope, the deadline and the tokens that do not count.

    Raises:
        CredicorpAuthError: There is no token now. The failure is remembered in the endpoint state,
            so that the next call waits for the cooldown.
    """
    credentials = None
    if client.client_id is None or requirements.refusal is not None:
        past_cache = requirements.refusal is not None
        credentials = fetch_secret(runtime, requirements, past_cache=past_cache)
        check_refusal(runtime, requirements, credentials)
    client_id = client.client_id or (credentials.client_id if credentials else "")
    key = token_key(client.asks_for(requirements.scope), client_id)
    if found := find_in_cache(client, runtime, key, requirements):
        return found
    if requirements.cache_only:
        raise runtime.recall().cooldown_error(runtime.now().boot)

    def mint(number: int) -> ObtainedToken:
        return mint_token(client, runtime, requirements, credentials, number=number)

    return mint_for_all(client, runtime, key, requirements, mint)


def check_refusal(
    runtime: Runtime, requirements: TokenRequirements, credentials: ClientCredentials
) -> None:
    """Raise the remembered refusal again if the refused secret is still the current one."""
    if requirements.refusal is not None and requirements.refusal.version == credentials.version:
        runtime.remember(SecretUnchanged(requirements.scope, credentials.is_local))
        raise requirements.refusal.error.copy()


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
