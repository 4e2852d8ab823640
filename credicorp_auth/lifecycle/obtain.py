"""
How a token is obtained: from the cache, else from the token endpoint.

    read cache -> lease -> fetch secret -> build request -> send -> read answer -> write cache

Where the secret source also supplies the client id, the secret is fetched first, since the cache
key needs the id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from credicorp_auth.lifecycle.client import Client, ClientCredentials, token_key
from credicorp_auth.lifecycle.mint import fetch_secret, mint_token
from credicorp_auth.lifecycle.share import find_in_cache, mint_for_all
from credicorp_auth.lifecycle.standing import LookedAgain

if TYPE_CHECKING:
    from credicorp_auth.lifecycle.world import Errand, Obtained, World


def obtain_token(client: Client, world: World, errand: Errand) -> Obtained:
    """
    Bring a usable token, at the price of at most three attempts.

    An attempt is one request, unless the client is refused: then other versions of its secret are
    shown, up to `MAX_VERSIONS` in all.

    Args:
        client: Who asks.
        world: Where.
        errand: For what scope, until when, and what does not count.

    Raises:
        CredicorpAuthError: No token can be had now; the failure is remembered in the world, so
            that the next flight waits as long as it should.
    """
    credentials = None
    if client.client_id is None or errand.refusal is not None:
        credentials = fetch_secret(world, past_cache=errand.refusal is not None)
        check_refusal(world, errand, credentials)
    client_id = client.client_id or (credentials.client_id if credentials else "")
    key = token_key(client.asks_for(errand.scope), client_id)
    if found := find_in_cache(client, world, key, errand):
        return found
    if errand.only_looks:
        raise world.recall().why_quiet(world.now().boot)

    def mint(number: int) -> Obtained:
        return mint_token(client, world, errand, credentials, number=number)

    return mint_for_all(client, world, key, errand, mint)


def check_refusal(world: World, errand: Errand, credentials: ClientCredentials) -> None:
    """Raise the remembered refusal again while the refused secret is still the current one."""
    if errand.refusal is not None and errand.refusal.version == credentials.version:
        world.remember(LookedAgain(errand.scope))
        raise errand.refusal.error.copy()
