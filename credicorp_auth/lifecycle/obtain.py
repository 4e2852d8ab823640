"""
How a token is obtained: from the cache, else from the token endpoint.

    read cache -> lease -> fetch secret -> build request -> send -> read answer -> write cache

Where the secret source also supplies the client id, the secret is fetched first, since the cache
key needs the id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from credicorp_auth.lifecycle.client import Client, ClientCredentials, token_key
from credicorp_auth.lifecycle.endpoint_state import SecretUnchanged
from credicorp_auth.lifecycle.mint import fetch_secret, mint_token
from credicorp_auth.lifecycle.share import find_in_cache, mint_for_all

if TYPE_CHECKING:
    from credicorp_auth.lifecycle.runtime import ObtainedToken, Runtime, TokenRequirements


def obtain_token(
    client: Client, runtime: Runtime, requirements: TokenRequirements
) -> ObtainedToken:
    """
    Bring a usable token, at the price of at most three attempts.

    An attempt is one request, unless the client is refused: then other versions of its secret are
    shown, up to `MAX_VERSIONS` in all.

    Args:
        client: Who asks.
        runtime: Where.
        requirements: For what scope, until when, and what does not count.

    Raises:
        CredicorpAuthError: No token can be had now; the failure is remembered in the world, so
            that the next call waits as long as it should.
    """
    credentials = None
    if client.client_id is None or requirements.refusal is not None:
        credentials = fetch_secret(runtime, past_cache=requirements.refusal is not None)
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
    """Raise the remembered refusal again while the refused secret is still the current one."""
    if requirements.refusal is not None and requirements.refusal.version == credentials.version:
        runtime.remember(SecretUnchanged(requirements.scope))
        raise requirements.refusal.error.copy()
