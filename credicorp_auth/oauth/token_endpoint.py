"""The client-credentials request and its answer (RFC 6749 sections 4.4 and 5)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from attrs import field, frozen

from credicorp_auth import errors
from credicorp_auth.errors import InvalidSetting, MalformedAnswer
from credicorp_auth.oauth.client_authentication import CLIENT_AUTHENTICATION
from credicorp_auth.oauth.foreign_text import show_foreign_text
from credicorp_auth.oauth.form_request import build_form_request
from credicorp_auth.oauth.json_answer import WrongMediaType, read_json_answer
from credicorp_auth.oauth.refusal import read_failure, read_refusal, request_id_of
from credicorp_auth.oauth.scope import Scope
from credicorp_auth.oauth.secret import Secret
from credicorp_auth.oauth.strict_json import NotStrictJson
from credicorp_auth.oauth.token import Grant
from credicorp_auth.oauth.token_text import is_token

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from credicorp_auth.oauth.http import HttpRequest, HttpResponse

_DIGITS: Final = re.compile(r"[0-9]{1,15}", re.ASCII)
_RESERVED: Final = frozenset(
    {"grant_type", "client_id", "client_secret", "scope", "resource", "audience"}
)


@frozen
class TokenRequest:
    """
    Everything that shapes a token, except who asks for it.

    Args:
        token_url: Address of the token endpoint.
        client_authentication: A name from `CLIENT_AUTHENTICATION`.
        scope: What to ask for; the empty scope asks for the server's default.
        resource: RFC 8707 resource indicators, each an absolute address.
        audience: The `audience` parameter that some servers know.
        extra_parameters: Further form fields, as pairs.
    """

    token_url: str
    client_authentication: str = "client_secret_post"
    scope: Scope = field(factory=Scope)
    resource: tuple[str, ...] = ()
    audience: str | None = None
    extra_parameters: tuple[tuple[str, str], ...] = ()


@frozen
class TokenPolicy:
    """
    What to make of answers that leave something open.

    Args:
        assumed_lifetime: Seconds of life where the server states none.
        max_lifetime: Seconds of life beyond which no statement is believed.
        accept_narrowed_scope: Whether a token with less scope than asked is handed out.
    """

    assumed_lifetime: float = 300.0
    max_lifetime: float = 86_400.0
    accept_narrowed_scope: bool = False


def read_extra_parameters(parameters: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """
    Check form fields of the user's own.

    Raises:
        InvalidSetting: A name that the protocol reserves, or a value that is not text.
    """
    checked: Mapping[Any, Any] = parameters
    for name, value in checked.items():
        if name in _RESERVED or not isinstance(value, str):
            raise InvalidSetting(
                f"extra_parameters cannot hold {ascii(name)[:60]}",
                cure="use the setting of that name; values are text.",
            )
    return tuple(sorted(parameters.items()))


def build_token_request(asked: TokenRequest, client_id: str, client_secret: Secret) -> HttpRequest:
    """
    Build the client-credentials request (RFC 6749 section 4.4.2).

    Args:
        asked: What to ask for, and where.
        client_id: Who asks.
        client_secret: The proof; it goes into the body or one header, never into the address.
    """
    proof = CLIENT_AUTHENTICATION[asked.client_authentication](client_id, client_secret)
    fields = [("grant_type", "client_credentials")]
    fields += [("scope", str(asked.scope))] if asked.scope else []
    fields += [("resource", each) for each in asked.resource]
    fields += [("audience", asked.audience)] if asked.audience else []
    fields += asked.extra_parameters
    return build_form_request(asked.token_url, fields, proof)


def read_token_response(
    response: HttpResponse,
    asked: TokenRequest,
    policy: TokenPolicy,
    *,
    client_id: str,
    secrets: Collection[Secret] = (),
) -> Grant:
    """
    Read the answer to a client-credentials request (RFC 6749 sections 5.1 and 5.2).

    Args:
        response: What the transport brought.
        asked: The request it answers.
        policy: What to make of answers that leave something open.
        client_id: Who asked, for messages.
        secrets: Credentials that were part of the request, scrubbed from any message.

    Returns:
        The grant, checked and typed.

    Raises:
        TokenRequestRefused: The server refused; the subclass follows its error code.
        TokenEndpointBusy: Status 429 or 503; `retry_after` is 0 where the caller must choose.
        ServerFailed: Another status that says nothing of OAuth.
        RedirectRefused: A redirect, which is never followed.
        MalformedAnswer: Not an answer that RFC 6749 allows.
        ScopeNotGranted: Less scope than asked, and the policy refuses that.
    """
    scope, request_id = str(asked.scope), request_id_of(response)
    where = f"client {client_id!r} at {asked.token_url}, scope {scope!r}{request_id}"
    if response.status != 200:  # noqa: PLR2004 - RFC 6749 section 5.1 allows this one status
        raise read_failure(response, where, secrets)
    members = _read_members(response, where)
    if "error" in members:
        raise read_refusal(members, response.status, where, secrets)
    return _read_grant(members, asked, policy, where)


def _read_members(response: HttpResponse, where: str) -> dict[str, Any]:
    try:
        return read_json_answer(response)
    except WrongMediaType as fault:
        what, code = f"the token endpoint answered {fault}", "response.content_type"
    except NotStrictJson as fault:
        what = f"the token answer cannot be read: {fault}"
        code = "response.duplicate_member" if fault.duplicate else "response.json"
    raise MalformedAnswer(f"{what} ({where})", code=code)


def _read_grant(
    members: Mapping[str, Any], asked: TokenRequest, policy: TokenPolicy, where: str
) -> Grant:
    value = members.get("access_token")
    if not isinstance(value, str) or not is_token(value):
        raise _malformed("access_token is missing or not a token", "response.access_token", where)
    token_type = members.get("token_type")
    if not isinstance(token_type, str) or not token_type:
        raise _malformed("token_type is missing or not text", "response.token_type", where)
    if token_type.lower() != "bearer":
        shown = show_foreign_text(token_type, limit=32)
        what = f"token_type is {shown!r}, not Bearer"
        raise _malformed(what, "response.token_type_unsupported", where)
    lifetime, lifetime_remarks = _read_lifetime(members.get("expires_in"), policy, where)
    scope, scope_remarks = _read_granted_scope(members.get("scope"), asked, policy, where)
    return Grant(Secret(value), "Bearer", scope, lifetime, (*lifetime_remarks, *scope_remarks))


def _read_lifetime(
    stated: object, policy: TokenPolicy, where: str
) -> tuple[float, tuple[str, ...]]:
    if stated is None:
        return policy.assumed_lifetime, ("token.expiry_assumed",)
    remarks: tuple[str, ...] = ()
    if isinstance(stated, str) and _DIGITS.fullmatch(stated):
        stated, remarks = int(stated), ("token.expiry_as_text",)
    if isinstance(stated, bool) or not isinstance(stated, (int, float)) or stated < 1:
        what = "expires_in is not a number of seconds of at least 1"
        raise _malformed(what, "response.expires_in", where)
    if stated > policy.max_lifetime:
        return policy.max_lifetime, (*remarks, "token.expiry_clamped")
    return float(int(stated)), remarks


def _read_granted_scope(
    stated: object, asked: TokenRequest, policy: TokenPolicy, where: str
) -> tuple[Scope, tuple[str, ...]]:
    if stated is None or stated == "":
        return asked.scope, ()
    try:
        granted = Scope(stated) if isinstance(stated, str) else None
    except InvalidSetting:
        granted = None
    if granted is None:
        raise _malformed("scope is not a list of scope tokens", "response.scope", where)
    missing = asked.scope.without(granted)
    if missing and not policy.accept_narrowed_scope:
        raise errors.ScopeNotGranted(
            f"the server granted {str(granted)!r}, without {str(missing)!r} ({where})",
            asked=asked.scope.words,
            granted=granted.words,
        )
    remarks = ("token.scope_narrowed",) if missing else ()
    broader = asked.scope and granted.without(asked.scope)
    return granted, (*remarks, "token.scope_broader") if broader else remarks


def _malformed(what: str, code: str, where: str) -> MalformedAnswer:
    return MalformedAnswer(f"{what} in the token answer ({where})", code=code)
