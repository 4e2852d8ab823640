"""Introspection response (RFC 7662): parser, policy and result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from attrs import field, frozen

from credicorp_auth.errors import MalformedResponse
from credicorp_auth.http.strict_json import (
    NotStrictJson,
    WrongMediaType,
    freeze_members,
    read_json_response,
    read_time,
)
from credicorp_auth.oauth.endpoint import EndpointProfile
from credicorp_auth.oauth.scope import Scope, read_scope_of
from credicorp_auth.oauth.token_kind import is_bearer_access_token
from credicorp_auth.oauth.token_query import read_query_failure

if TYPE_CHECKING:
    from credicorp_auth.http.messages import HttpResponse
    from credicorp_auth.oauth.token_query import TokenQuery

MAX_RESPONSE: Final = 64 * 1024
"""Maximum bytes of a response; small, since thousands of results are cached."""

# `cnf` is not among them: any value but null is a key binding (RFC 7800 section 3.1).
_OPTIONAL: Final = frozenset(
    {
        *("scope", "client_id", "username", "token_type", "exp", "iat", "nbf"),
        *("sub", "aud", "iss", "jti", "typ", "token_use"),
    }
)

INTROSPECTION_ENDPOINT: Final = EndpointProfile(
    "introspection endpoint", "introspection.server_error", "introspection.client_error"
)


@frozen
class IntrospectionPolicy:
    """
    The requirements for an active token.

    Args:
        issuer: The required issuer, if the response names one; None: any.
        audience: The required audience, if the response names any; None: any.
        leeway: Seconds by which the server's clock may be ahead of ours.
        requires_audience: Whether a token is inactive if the response names no audience.
    """

    issuer: str | None = None
    audience: str | None = None
    leeway: float = 60.0
    requires_audience: bool = False


@frozen
class Introspection(Mapping[str, Any]):
    """
    The introspection result of a token; truthy if the token is active.

    Also a read-only mapping of all members of the response by name. For an inactive token only
    `code` is set.

    Args:
        active: Whether the token is active and meets the policy.
        scope: The granted scope; empty if the server states none.
        client_id: The client that the token was issued to; None if the server does not say.
        subject: The subject; None if the server does not say.
        expires_at: Expiry in epoch seconds; None if the server does not say.
        code: The reason that the token is inactive, for logs only; None if it is active.

    .. versionadded:: 1.0.0
    """

    active: bool
    scope: Scope
    client_id: str | None
    subject: str | None
    expires_at: float | None
    code: str | None
    _members: Mapping[str, Any] = field(repr=False, hash=False, alias="members")

    def covers(self, needed: Scope | str) -> bool:
        """Say whether the token is active and its scope covers `needed`."""
        return self.active and self.scope.covers(Scope(needed))

    def __bool__(self) -> bool:
        return self.active

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - any JSON value
        return self._members[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)


def inactive(code: str) -> Introspection:
    """Build the result for an inactive token, with its reason."""
    return Introspection(
        active=False,
        scope=Scope(),
        client_id=None,
        subject=None,
        expires_at=None,
        code=code,
        members=freeze_members({"active": False}),
    )


def read_introspection(
    response: HttpResponse, query: TokenQuery, policy: IntrospectionPolicy, *, now: float
) -> Introspection:
    """
    Read the response to an introspection request (RFC 7662 section 2.2).

    Args:
        response: The response.
        query: The query that was sent.
        policy: The requirements for an active token.
        now: Current time in epoch seconds.

    Returns:
        The result. A token that the server calls active is inactive here if it has expired, is not
        valid yet, has another issuer or audience, is bound to a key, or is no access token; `.code`
        gives the reason. `require_audience` checks separately that an audience is named.

    Raises:
        CredicorpAuthError: The server refused or failed; the token must not count as active.
        MalformedResponse: The media type is not JSON (`introspection.content_type`), or RFC 7662
            does not allow the response (`introspection.malformed`).
    """
    if response.status != 200:  # noqa: PLR2004 - RFC 7662 section 2.2: the one success
        raise read_query_failure(response, query, INTROSPECTION_ENDPOINT)
    where = query.place(response)
    members = _read_members(response, query, where)
    active = members.get("active")
    if not isinstance(active, bool):
        raise _malformed("`active` is neither true nor false", where)
    if not active:
        return inactive("introspection.inactive")
    members = _without_empty(members)
    introspection = _read_active(members, query, where)
    code = _why_not(members, introspection, policy, now, where)
    return introspection if code is None else inactive(code)


def require_audience(introspection: Introspection, policy: IntrospectionPolicy) -> Introspection:
    """Return an inactive result if the response names no audience and the policy requires one."""
    if introspection.active and policy.requires_audience and "aud" not in introspection:
        return inactive("introspection.aud_missing")
    return introspection


def _without_empty(members: dict[str, Any]) -> dict[str, Any]:
    """Remove the members of RFC 7662 that say nothing: null, empty text, an empty list."""
    # An empty scope stays: it says that the token is good for nothing.
    return {
        name: value
        for name, value in members.items()
        if name not in _OPTIONAL or not (value is None or (value in ("", []) and name != "scope"))
    }


def _read_members(response: HttpResponse, query: TokenQuery, where: str) -> dict[str, Any]:
    if len(response.body.reveal()) > MAX_RESPONSE:
        raise _malformed(f"there are over {MAX_RESPONSE} bytes", where)
    try:
        return read_json_response(response, query.secrets)
    except WrongMediaType as fault:
        message, code = str(fault), "introspection.content_type"
    except NotStrictJson as fault:
        message, code = f"what cannot be read: {fault}", "introspection.malformed"
    raise MalformedResponse(f"the introspection endpoint returned {message} ({where})", code=code)


def _read_active(members: Mapping[str, Any], query: TokenQuery, where: str) -> Introspection:
    return Introspection(
        active=True,
        scope=_read_scope(members, query, where),
        client_id=_read_text(members, "client_id", where),
        subject=_read_text(members, "sub", where),
        expires_at=_read_time(members, "exp", where),
        code=None,
        members=freeze_members(members),
    )


def _why_not(
    members: Mapping[str, Any],
    introspection: Introspection,
    policy: IntrospectionPolicy,
    now: float,
    where: str,
) -> str | None:
    """Return the reason that an active token is inactive here; None if there is none."""
    not_before = _read_time(members, "nbf", where) or 0.0
    issuer = members.get("iss")
    audiences = _read_audiences(members.get("aud"), where)
    # No leeway here: a result is cached until the token's expiry by our clock, and not beyond.
    if introspection.expires_at is not None and now >= introspection.expires_at:
        return "introspection.exp"
    if not_before > now + policy.leeway:
        return "introspection.nbf"
    if issuer is not None and policy.issuer is not None and issuer != policy.issuer:
        return "introspection.iss"
    if audiences is not None and policy.audience not in {None, *audiences}:
        return "introspection.aud"
    if members.get("cnf") is not None:
        return "introspection.cnf"
    return None if is_bearer_access_token(members) else "introspection.token_type"


def _read_time(members: Mapping[str, Any], name: str, where: str) -> float | None:
    value = members.get(name)
    now = read_time(value)
    if value is not None and now is None:
        raise _malformed(f"`{name}` is not a time", where)
    return now


def _read_text(members: Mapping[str, Any], name: str, where: str) -> str | None:
    value = members.get(name)
    if value is not None and not isinstance(value, str):
        raise _malformed(f"`{name}` is not text", where)
    return value or None


def _read_scope(members: Mapping[str, Any], query: TokenQuery, where: str) -> Scope:
    stated = read_scope_of(members.get("scope"), Scope(), query.secrets)
    if stated is None:
        raise _malformed("`scope` is not a list of scope tokens", where)
    return stated


def _read_audiences(value: object, where: str) -> frozenset[str] | None:
    if value is None:
        return None
    listed = cast("list[object]", value) if isinstance(value, list) else [value]
    texts = frozenset(each for each in listed if isinstance(each, str))
    if any(not isinstance(each, str) for each in listed):
        raise _malformed("`aud` is neither text nor a list of texts", where)
    return texts


def _malformed(message: str, where: str) -> MalformedResponse:
    return MalformedResponse(
        f"{message} in the introspection response ({where})", code="introspection.malformed"
    )
