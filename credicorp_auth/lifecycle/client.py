"""Who asks for tokens, where, and how: everything about a client that is not a secret."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from attrs import evolve, field, frozen

from credicorp_auth.lifecycle.windows import WindowPolicy
from credicorp_auth.oauth.token_endpoint import TokenPolicy, TokenRequest

if TYPE_CHECKING:
    from credicorp_auth.http.secret import Secret
    from credicorp_auth.oauth.scope import Scope

_KEY_VERSION = "credicorp-auth token key 1"


@frozen
class ClientCredentials:
    """
    A client id and its secret, always of one version.

    Args:
        client_id: Who asks.
        client_secret: The proof.
        version: The secret source's name for this version.
        expires_at: Epoch seconds after which they must be read again, or None.
        fallback: Another version, to be tried where this one is refused, or None.
    """

    client_id: str
    client_secret: Secret
    version: str
    expires_at: float | None = None
    fallback: ClientCredentials | None = None


@frozen
class Client:
    """
    An OAuth client of the client-credentials grant, without its secret.

    Args:
        client_id: None where the secret source supplies it.
        template: What every token request has in common; its scope is the default one.
        policy: What to make of answers that leave something open.
        window_policy: When to seek a token's successor.
    """

    client_id: str | None
    template: TokenRequest
    policy: TokenPolicy = field(factory=TokenPolicy)
    window_policy: WindowPolicy = field(factory=WindowPolicy)

    def asks_for(self, scope: Scope) -> TokenRequest:
        """Return the token request for `scope`."""
        return evolve(self.template, scope=scope)


def token_key(asked: TokenRequest, client_id: str) -> str:
    """
    Return the name under which a token is cached: equal for equal requests, and only for those.

    Every field that shapes the token goes in, each with its length before it, so that no value can
    pose as a boundary; the secret stays out, since a rotated secret changes no token.

    Returns:
        64 hexadecimal digits, which say nothing of client or scope.
    """
    fields = [_KEY_VERSION, asked.token_url, client_id, asked.client_authentication]
    for group in (
        sorted(asked.scope.words),
        asked.resource,
        [asked.audience] if asked.audience is not None else [],
        # They shape the token, so two values are two tokens, in every process alike.
        [part for name, value in asked.extra_parameters for part in (name, value.reveal())],
    ):
        fields += [str(len(group)), *group]
    return _digest(fields)


def endpoint_key(token_url: str, client_id: str) -> str:
    """Return the name of what a token endpoint told one client, such as to leave it alone."""
    return _digest(["credicorp-auth endpoint key 1", token_url, client_id])


def _digest(fields: list[str]) -> str:
    hashed = hashlib.sha256()
    for each in fields:
        raw = each.encode("utf-8", "surrogatepass")
        hashed.update(len(raw).to_bytes(8, "big") + raw)
    return hashed.hexdigest()
