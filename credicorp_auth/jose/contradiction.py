"""Comparison of a grant with the claims of its token, which are read without verification."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from credicorp_auth.errors import InvalidSetting
from credicorp_auth.http.strict_json import NotStrictJson, read_json_object
from credicorp_auth.jose.base64url import MAX_SIGNED_TOKEN, decode_base64url
from credicorp_auth.oauth.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from credicorp_auth.oauth.token import Grant

_SLACK: Final = 60.0  # seconds; clocks differ, and some servers round
_SEGMENTS: Final = 3
_CLIENT: Final = ("client_id", "azp", "cid", "appid")  # RFC 9068, OpenID Connect, Okta, Entra


def contradicted_members(grant: Grant, client_id: str, granted_at: float) -> tuple[str, ...]:
    """
    Return the members of a grant that its token contradicts; none for an opaque token.

    A client must not act on what is inside a token, which is meant for the resource. But a token
    that says that it ends before `expires_in` does, or that it lacks a scope, explains refusals
    that nothing else explains.

    Args:
        grant: The grant.
        client_id: The OAuth client id.
        granted_at: Epoch seconds at which the request was sent.

    Returns:
        Some of `expires_in`, `scope` and `client_id`.
    """
    claims = _read_claims(grant.value.reveal())
    checks = {
        "expires_in": _ends_early(claims, grant.lifetime, granted_at),
        "scope": _lacks_scope(claims, grant.scope),
        "client_id": _is_of_another(claims, client_id),
    }
    return tuple(name for name, contradicts in checks.items() if contradicts)


def _read_claims(token: str) -> Mapping[str, Any]:
    segments = token.split(".") if len(token) <= MAX_SIGNED_TOKEN else []
    payload = decode_base64url(segments[1].encode()) if len(segments) == _SEGMENTS else None
    try:
        return read_json_object(payload) if payload else {}
    except NotStrictJson:
        return {}


def _ends_early(claims: Mapping[str, Any], lifetime: float, granted_at: float) -> bool:
    end = _read_time(claims.get("exp"))
    # By the server's own clock, if it says when it issued the token.
    begin = _read_time(claims.get("iat"))
    return end is not None and end + _SLACK < (granted_at if begin is None else begin) + lifetime


def _read_time(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _lacks_scope(claims: Mapping[str, Any], granted: Scope) -> bool:
    stated = claims.get("scope", claims.get("scp"))
    if not stated or not isinstance(stated, str | list):
        return False
    try:
        return bool(granted.without(Scope(cast("str | list[str]", stated))))
    except (InvalidSetting, TypeError):
        return False


def _is_of_another(claims: Mapping[str, Any], client_id: str) -> bool:
    named = [claims[name] for name in _CLIENT if isinstance(claims.get(name), str)]
    return bool(named) and client_id not in named
