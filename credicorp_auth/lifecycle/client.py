"""OAuth client: its credentials, its request template, its policies, its cache keys."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from credicorp_auth.lifecycle.windows import WindowPolicy
from credicorp_auth.oauth.token_endpoint import TokenPolicy, TokenRequest

if TYPE_CHECKING:
    from credicorp_auth.http.secret import Secret
    from credicorp_auth.oauth.scope import Scope

_KEY_VERSION = "credicorp-auth token key 1"


class ClientCredentials(NamedTuple):
    """
    A client id and its secret, always of one version.

    Args:
        client_id: The OAuth client id.
        client_secret: The client secret.
        version: The secret source's name for this version.
        expires_at: Time in epoch seconds after which they must be read again; None: never.
        fallback: Another version, tried if this one is refused; None: there is none.
        is_local: Whether they come from this machine, so that reading them again is cheap.
    """

    client_id: str
    client_secret: Secret
    version: str
    expires_at: float | None = None
    fallback: ClientCredentials | None = None
    is_local: bool = False


class Client(NamedTuple):
    """
    An OAuth client of the client-credentials grant, without its secret.

    Args:
        client_id: The OAuth client id; None if the secret source supplies it.
        template: The common part of every token request; its scope is the default scope.
        policy: The rules for responses that leave something open.
        window_policy: The rules for when to refresh a token.
    """

    client_id: str | None
    template: TokenRequest
    policy: TokenPolicy = TokenPolicy()
    window_policy: WindowPolicy = WindowPolicy()

    def asks_for(self, scope: Scope) -> TokenRequest:
        """Return the token request for `scope`."""
        return self.template._replace(scope=scope)


def token_key(asked: TokenRequest, client_id: str) -> str:
    """
    Return the cache key of a token: equal for equal requests, and only for those.

    The key covers every field that shapes the token. A length precedes each field, so no value can
    imitate a boundary. The secret is left out, since rotating it does not change the token.

    Args:
        asked: The token request.
        client_id: The OAuth client id.

    Returns:
        64 hexadecimal digits, which reveal neither client nor scope.
    """
    fields = [_KEY_VERSION, asked.token_url, client_id, asked.client_authentication]
    for group in (
        sorted(asked.scope.words),
        asked.resource,
        [asked.audience] if asked.audience is not None else [],
        # They shape the token: two values mean two tokens, in every process.
        [part for name, value in asked.extra_parameters for part in (name, value.reveal())],
    ):
        fields += [str(len(group)), *group]
    return _digest(fields)


def endpoint_key(token_url: str, client_id: str) -> str:
    """Return the cache key of an endpoint's shared state for one client, such as a cooldown."""
    return _digest(["credicorp-auth endpoint key 1", token_url, client_id])


def _digest(fields: list[str]) -> str:
    hashed = hashlib.sha256()
    for each in fields:
        raw = each.encode("utf-8", "surrogatepass")
        hashed.update(len(raw).to_bytes(8, "big") + raw)
    return hashed.hexdigest()
