"""Revoking a token: it is dropped here in every case, and the server is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from credicorp_auth.errors import CredicorpAuthError
from credicorp_auth.lifecycle.client import Client, token_key
from credicorp_auth.lifecycle.inquire import Asking, InquiryWorld, inquire
from credicorp_auth.lifecycle.world import StoredToken
from credicorp_auth.oauth.revocation import read_revocation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from credicorp_auth.lifecycle.world import World
    from credicorp_auth.oauth.scope import Scope
    from credicorp_auth.oauth.secret import Secret


def withdraw_token(client: Client, world: World, token: Secret, scopes: Iterable[Scope]) -> None:
    """
    Drop a token from the cache where it is what the cache has.

    Args:
        client: Whose token it may be.
        world: Where.
        token: The token.
        scopes: For which it may have been asked for.
    """
    client_id = client.client_id or world.fetch_secret(past_cache=False).client_id
    for scope in scopes:
        key = token_key(client.asks_for(scope), client_id)
        stored = world.read_cache(key)
        if isinstance(stored, StoredToken) and stored.grant.value == token:
            world.discard(key, stored.record_id)
            world.tell("token.invalidated", scope=str(scope))


def revoke_token(
    token: Secret, client_authentication: str, world: InquiryWorld, deadline: float
) -> None:
    """
    Ask the revocation endpoint to let a token count no more.

    Args:
        token: The token.
        client_authentication: How the client proves who it is.
        world: Where.
        deadline: Moment of the boot clock to be back.

    Raises:
        CredicorpAuthError: The server was not told, or does not do it: the token may count still.
    """
    try:
        inquire(world, Asking(token, client_authentication, deadline, read_revocation))
    except CredicorpAuthError as error:
        world.tell("revocation.failed", code=error.code)
        raise
    world.tell("token.revoked")
