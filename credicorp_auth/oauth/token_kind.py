"""
Token-kind check for introspection responses.

RFC 7662 has `token_type` only. Servers that copy a token's claims into the response add `typ`
(Keycloak: Bearer, Refresh, Offline, ID, Logout) or `token_use` (Cognito, Hydra). An ID token has
claims of its own. A spelling that is not known to mean a bearer access token is rejected.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_TOKEN_TYPES: Final = frozenset(
    {"bearer", "access_token", "urn:ietf:params:oauth:token-type:access_token"}
)
_PAYLOAD_TYPES: Final = frozenset({"bearer", "access_token", "jwt", "at+jwt", "application/at+jwt"})
_USES: Final = frozenset({"access", "access_token"})
_OF_OTHER_TOKENS: Final = frozenset({"nonce", "at_hash", "c_hash", "events", "granted_scopes"})


def is_bearer_access_token(members: Mapping[str, Any]) -> bool:
    """
    Say whether an introspection response can be about a bearer access token.

    Args:
        members: The members of the response; absent and null ones are ignored.
    """
    return (
        _is_one_of(members.get("token_type"), _TOKEN_TYPES)
        and _is_one_of(members.get("typ"), _PAYLOAD_TYPES)
        and _is_one_of(members.get("token_use"), _USES)
        and all(members.get(name) is None for name in _OF_OTHER_TOKENS)
    )


def _is_one_of(value: object, known: frozenset[str]) -> bool:
    return value is None or (isinstance(value, str) and value.lower() in known)
