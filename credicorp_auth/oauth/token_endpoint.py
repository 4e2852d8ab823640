"""Client-credentials request and its response (RFC 6749 sections 4.4 and 5)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from credicorp_auth import errors
from credicorp_auth.errors import InvalidSetting, MalformedResponse
from credicorp_auth.http.secret import Secret
from credicorp_auth.http.strict_json import (
    NotStrictJson,
    WrongMediaType,
    is_absent,
    read_json_response,
)
from credicorp_auth.http.untrusted_text import escape_untrusted
from credicorp_auth.oauth.client_authentication import CLIENT_AUTHENTICATION
from credicorp_auth.oauth.endpoint import EndpointAddress, build_form_request
from credicorp_auth.oauth.refusal import read_failure, read_refusal, request_id_of
from credicorp_auth.oauth.scope import Scope, read_scope_of
from credicorp_auth.oauth.token import Grant, is_token

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from credicorp_auth.http.messages import HttpRequest, HttpResponse

_DIGITS: Final = r"[0-9]{1,400}"  # the maximum length of a JSON number
_SUCCESSES: Final = frozenset({200, 201})

# Parameter names of the protocol and of other grants: RFC 6749, 7521, 7523, 7636, 8628, 8693, 8707.
_RESERVED: Final[Mapping[str, str]] = {
    **{
        name: f"use the setting `{name}`."
        for name in ("client_id", "client_secret", "scope", "resource")
    },
    "audience": "use the setting `request_audience`.",
    **dict.fromkeys(
        ("client_assertion", "client_assertion_type"), "use the setting `client_authentication`."
    ),
    **dict.fromkeys(
        (
            "grant_type",
            "username",
            "password",
            "code",
            "code_verifier",
            "redirect_uri",
            "refresh_token",
            "device_code",
            "assertion",
            "subject_token",
            "subject_token_type",
            "actor_token",
            "actor_token_type",
            "token",
            "token_type_hint",
        ),
        "leave it out: tokens are requested by the client-credentials grant only.",
    ),
}


class TokenRequest(NamedTuple):
    """
    The parameters that shape a token, except the client.

    Args:
        token_url: Address of the token endpoint.
        client_authentication: A name from `CLIENT_AUTHENTICATION`.
        scope: The requested scope; an empty one requests the server's default.
        resource: RFC 8707 resource indicators, each an absolute address.
        audience: The `audience` parameter that some servers support; None: not sent.
        extra_parameters: Further form fields, as pairs; values are opaque: they may be secret.
    """

    token_url: str
    client_authentication: str = "client_secret_post"
    scope: Scope = Scope()
    resource: tuple[str, ...] = ()
    audience: str | None = None
    extra_parameters: tuple[tuple[str, Secret], ...] = ()

    def secrets_beside(self, *secrets: Secret) -> tuple[Secret, ...]:
        """Return these secrets and the request's own, which must be scrubbed from its response."""
        return (*secrets, *(value for _, value in self.extra_parameters))


class TokenPolicy(NamedTuple):
    """
    The rules for responses that leave something open.

    Args:
        assumed_lifetime: Lifetime in seconds if the server states none.
        max_lifetime: Maximum lifetime in seconds; a longer stated one is clamped to it.
        accept_narrowed_scope: Whether a token with less scope than requested is accepted.
    """

    assumed_lifetime: float = 300.0
    max_lifetime: float = 86_400.0
    accept_narrowed_scope: bool = False


def read_extra_parameters(
    parameters: Iterable[tuple[object, object]],
) -> tuple[tuple[str, Secret], ...]:
    """
    Check the caller's own form fields.

    Args:
        parameters: Pairs of a name and a value: text, or a `Secret`.

    Returns:
        Names and opaque values, sorted by name.

    Raises:
        InvalidSetting: A name has a meaning in the protocol, is repeated or is not printable text;
            or a value is not text.
    """
    checked: dict[str, Secret] = {}
    for name, value in parameters:
        reason = _why_no_name(name, checked)
        if reason is None and isinstance(name, str) and (held := _hold(value)) is not None:
            checked[name] = held
            continue
        if reason is None:
            raise InvalidSetting(
                f"the value of {ascii(name)[:60]} in `extra_parameters` cannot be sent",
                hint="set it to text that can be written in UTF-8.",
            )
        raise InvalidSetting(f"`extra_parameters` cannot hold {ascii(name)[:60]}", hint=reason)
    return tuple(sorted(checked.items(), key=lambda pair: pair[0]))


def _why_no_name(name: object, checked: Mapping[str, Secret]) -> str | None:
    """Return the hint for a name that cannot be used; None if it can."""
    if not isinstance(name, str) or not name or not name.isprintable() or name != name.strip():
        return "give each parameter a name of printable text."
    if name in checked:
        return "name it once (RFC 6749 section 3.2)."
    # Some servers ignore the case of names, and read `scope[]` as one more value of `scope`.
    return _RESERVED.get(name.lower().partition("[")[0])


def _hold(value: object) -> Secret | None:
    """Return a value as a `Secret`; None if a form cannot carry it."""
    held = Secret(value) if isinstance(value, str) else value
    if not isinstance(held, Secret):
        return None
    try:
        held.reveal().encode()
    except UnicodeEncodeError:
        return None
    return held


def build_token_request(asked: TokenRequest, client_id: str, client_secret: Secret) -> HttpRequest:
    """
    Build the client-credentials request (RFC 6749 section 4.4.2).

    Args:
        asked: The token request.
        client_id: The OAuth client id.
        client_secret: The client secret; it goes into the body or one header, never into the URL.
    """
    authentication = CLIENT_AUTHENTICATION[asked.client_authentication](client_id, client_secret)
    fields = [("grant_type", "client_credentials")]
    fields += [("scope", str(asked.scope))] if asked.scope else []
    fields += [("resource", each) for each in asked.resource]
    fields += [("audience", asked.audience)] if asked.audience else []
    fields += [(name, value.reveal()) for name, value in asked.extra_parameters]
    return build_form_request(asked.token_url, fields, authentication)


def read_token_response(  # noqa: PLR0913 - all that a response is read against
    response: HttpResponse,
    asked: TokenRequest,
    policy: TokenPolicy,
    *,
    client_id: str,
    client_secret: Secret | None = None,
    address: EndpointAddress | None = None,
) -> Grant:
    """
    Read the response to a client-credentials request (RFC 6749 sections 5.1 and 5.2).

    Args:
        response: The response.
        asked: The token request.
        policy: The rules for responses that leave something open.
        client_id: The OAuth client id, for messages.
        client_secret: The secret that was part of the request, scrubbed from messages.
        address: The address of the request, for messages; default: the request's `token_url`.

    Returns:
        The grant, checked and typed.

    Raises:
        TokenRequestRefused: The server refused; the subclass follows its error code.
        TokenEndpointBusy: Status 429 or 503; `retry_after` is 0, and the caller must set it.
        ServerFailed: Another error status without a refusal; 404 and 405 are `endpoint.not_found`.
        RedirectRefused: The response is a redirect; redirects are never followed.
        MalformedResponse: RFC 6749 does not allow the response.
        ScopeNotGranted: The server granted less scope than requested, and the policy rejects that.
    """
    secrets = asked.secrets_beside(*([client_secret] if client_secret is not None else []))
    address = address or EndpointAddress(asked.token_url, "`token_url`")
    scope, request_id = str(asked.scope), request_id_of(response, secrets)
    where = f"client {client_id!r} at {address.url}, scope {scope!r}{request_id}"
    if response.status not in _SUCCESSES:
        raise read_failure(response, where, secrets, address)
    members = _read_members(response, where, secrets)
    if not is_absent(members.get("error")):
        raise read_refusal(members, response.status, where, secrets)
    return _read_grant(members, asked, policy, where, secrets)


def _read_members(
    response: HttpResponse, where: str, secrets: Collection[Secret]
) -> dict[str, Any]:
    try:
        return read_json_response(response, secrets)
    except WrongMediaType as fault:
        message, code = f"the token endpoint returned {fault}", "response.content_type"
    except NotStrictJson as fault:
        message = f"the token response cannot be read: {fault}"
        code = "response.duplicate_member" if fault.duplicate else "response.json"
    raise MalformedResponse(f"{message} ({where})", code=code)


def _read_grant(
    members: Mapping[str, Any],
    asked: TokenRequest,
    policy: TokenPolicy,
    where: str,
    secrets: Collection[Secret],
) -> Grant:
    value = members.get("access_token")
    if not isinstance(value, str) or not is_token(value):
        raise _malformed("access_token is missing or not a token", "response.access_token", where)
    token = Secret(value)
    token_type = members.get("token_type")
    if not isinstance(token_type, str) or not token_type:
        raise _malformed("token_type is missing or not text", "response.token_type", where)
    if token_type.lower() != "bearer":
        shown = escape_untrusted(token_type, [*secrets, token], limit=32)
        message = f"token_type is {shown!r}, not Bearer"
        raise _malformed(message, "response.token_type_unsupported", where)
    lifetime, lifetime_warnings = _read_lifetime(members.get("expires_in"), policy, where)
    granted = read_scope_of(members.get("scope"), asked.scope, [*secrets, token])
    if granted is None:
        raise _malformed("scope is not a list of scope tokens", "response.scope", where)
    scope_warnings = _compare_scope(granted, asked, policy, where)
    return Grant(token, "Bearer", granted, lifetime, (*lifetime_warnings, *scope_warnings))


def _read_lifetime(
    stated: object, policy: TokenPolicy, where: str
) -> tuple[float, tuple[str, ...]]:
    if stated is None:
        return policy.assumed_lifetime, ("token.expiry_assumed",)
    warnings: tuple[str, ...] = ()
    if isinstance(stated, str) and re.fullmatch(_DIGITS, stated):
        stated, warnings = int(stated), ("token.expiry_as_text",)
    if isinstance(stated, bool) or not isinstance(stated, (int, float)) or stated < 1:
        message = "expires_in is not a number of seconds of at least 1"
        raise _malformed(message, "response.expires_in", where)
    if stated > policy.max_lifetime:
        return policy.max_lifetime, (*warnings, "token.expiry_clamped")
    return float(int(stated)), warnings


def _compare_scope(
    granted: Scope, asked: TokenRequest, policy: TokenPolicy, where: str
) -> tuple[str, ...]:
    missing = asked.scope.without(granted)
    if missing and not policy.accept_narrowed_scope:
        shown = escape_untrusted(str(granted), ())
        raise errors.ScopeNotGranted(
            f"the server granted {shown!r}, without {str(missing)!r} ({where})",
            asked=asked.scope.words,
            granted=granted.words,
        )
    warnings = ("token.scope_narrowed",) if missing else ()
    broader = asked.scope and granted.without(asked.scope)
    return (*warnings, "token.scope_broader") if broader else warnings


def _malformed(message: str, code: str, where: str) -> MalformedResponse:
    return MalformedResponse(f"{message} in the token response ({where})", code=code)
