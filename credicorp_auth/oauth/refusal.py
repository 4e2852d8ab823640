"""Error responses of an endpoint: statuses, and the error document of RFC 6749 section 5.2."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from credicorp_auth import errors
from credicorp_auth.errors import CredicorpAuthError, MalformedResponse
from credicorp_auth.http.retry import is_busy, is_retryable
from credicorp_auth.http.strict_json import NotStrictJson, read_json_object
from credicorp_auth.http.untrusted_text import escape_untrusted
from credicorp_auth.oauth.endpoint import TOKEN_ENDPOINT

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from credicorp_auth.http.messages import HttpResponse
    from credicorp_auth.http.secret import Secret
    from credicorp_auth.oauth.endpoint import EndpointAddress, EndpointProfile

_ERROR: Final = r"[\x20-\x21\x23-\x5b\x5d-\x7e]{1,64}"
_REFUSALS: Final[Mapping[str, type[errors.TokenRequestRefused]]] = {
    "invalid_request": errors.InvalidRequest,
    "invalid_client": errors.InvalidClient,
    "invalid_grant": errors.InvalidGrant,
    "unauthorized_client": errors.UnauthorizedClient,
    "unsupported_grant_type": errors.UnsupportedGrantType,
    "invalid_scope": errors.InvalidScope,
    "invalid_target": errors.InvalidTarget,
    "unsupported_token_type": errors.UnsupportedTokenType,
}
_BLAMING_ERRORS: Final = frozenset(
    {"invalid_client", "unauthorized_client", "access_denied", "unauthorized"}
)
_KNOWN_ERRORS: Final = frozenset({*_REFUSALS, *_BLAMING_ERRORS}) | {
    "server_error",
    "slow_down",
    "temporarily_unavailable",
    "use_dpop_nonce",
}
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_UNAUTHORIZED, _FORBIDDEN = 401, 403
_NOT_THERE: Final = frozenset({404, 405})


class _ErrorText(NamedTuple):
    """
    The OAuth error in a body, safe to show.

    Args:
        error: Its code; empty if there is none.
        description: Its description; empty if there is none.
    """

    error: str = ""
    description: str = ""

    def members(self) -> dict[str, Any]:
        """Return the keyword arguments for an error class."""
        return {"error": self.error, "description": self.description}

    def __str__(self) -> str:
        shown = f" {self.error}" if self.error else ""
        return f"{shown} ({self.description})" if self.description else shown


def request_id_of(response: HttpResponse, secrets: Collection[Secret]) -> str:
    """Return the server's request id as a message suffix; empty if it sent none."""
    value = response.header("Credicorp-Request-Id") or response.header("X-Credicorp-Request-Id")
    return f", request {escape_untrusted(value, secrets, limit=64)}" if value else ""


def may_blame_client(error: CredicorpAuthError) -> bool:
    """
    Say whether a refusal may mean that the client's secret is no longer valid.

    RFC 6749 section 5.2 has one code for that. Servers use others: `unauthorized` (UAA),
    `unauthorized_client` (older Keycloak), `access_denied` (Auth0), or a bare 401 or 403.
    """
    status, code = _read_refusal_of(error)
    return code in _BLAMING_ERRORS or (
        status in {_UNAUTHORIZED, _FORBIDDEN} and code not in _KNOWN_ERRORS
    )


def refuses_client(error: CredicorpAuthError) -> bool:
    """
    Say whether a refusal concerns the client as a whole.

    Any other refusal may concern only the requested scope, resource or audience.
    """
    status, code = _read_refusal_of(error)
    return (
        code == "invalid_client"
        or (status == _UNAUTHORIZED and may_blame_client(error))
        or (status == _FORBIDDEN and not code)
    )


def _read_refusal_of(error: CredicorpAuthError) -> tuple[int, str]:
    """Return status and OAuth code of a refusal; 0 and empty if the error has none."""
    if isinstance(error, errors.TokenRequestRefused):
        return error.status, error.error.lower()
    # The body of a `ServerFailed` decides nothing. A bare 403 is a `ServerFailed`.
    return (error.status if isinstance(error, errors.ServerFailed) else 0), ""


def read_failure(
    response: HttpResponse,
    where: str,
    secrets: Collection[Secret],
    address: EndpointAddress,
    profile: EndpointProfile = TOKEN_ENDPOINT,
) -> CredicorpAuthError:
    """
    Read a response whose status is not a success.

    For a retryable status, and for 404 and 405, the status alone decides. An OAuth error in the
    body of such a response is kept, but has no effect.

    Args:
        response: The response.
        where: A description of the request (client, address, scope), for the message.
        secrets: Credentials that were part of the request, scrubbed from the message.
        address: The address of the request, for the hint.
        profile: The endpoint that responded.

    Returns:
        The error to raise.
    """
    status = response.status
    if status in _REDIRECTS:
        return errors.RedirectRefused(f"the {profile.name} redirected, status {status} ({where})")
    if status < 400:  # noqa: PLR2004 - neither a success nor an error
        return MalformedResponse(
            f"the {profile.name} returned status {status} ({where})",
            code="response.status_unexpected",
        )
    members = _read_error_members(response)
    if status in _NOT_THERE or is_retryable(status):
        return _read_by_status(status, _show_error(members, secrets), where, address, profile)
    if status == _UNAUTHORIZED and not _is_readable(members.get("error")):
        # RFC 6749 section 5.2: a 401 is invalid_client, and often bare.
        members = {"error": "invalid_client"}
    if "error" in members and (status != _FORBIDDEN or _is_readable(members["error"])):
        return read_refusal(members, status, where, secrets, profile)
    server = status >= 500  # noqa: PLR2004 - 5xx: server errors
    return errors.ServerFailed(
        f"the {profile.name} returned status {status} ({where})",
        status=status,
        code=profile.server_error if server else profile.client_error,
        retryable=False,
    )


def _read_by_status(
    status: int, said: _ErrorText, where: str, address: EndpointAddress, profile: EndpointProfile
) -> CredicorpAuthError:
    message = f"status {status}{said} ({where})"
    if status in _NOT_THERE:
        return errors.ServerFailed(
            f"there is no {profile.name} at {address.url}, {message}",
            status=status,
            code="endpoint.not_found",
            hint=f"check the address {address.url}, which came from {address.source}.",
            retryable=address.has_responded,
            **said.members(),
        )
    if is_busy(status):
        message = f"the {profile.name} is busy, {message}"
        return errors.TokenEndpointBusy(message, retry_after=0.0, **said.members())
    return errors.ServerFailed(
        f"the {profile.name} returned {message}",
        status=status,
        code=profile.server_error,
        retryable=True,
        **said.members(),
    )


def _read_error_members(response: HttpResponse) -> dict[str, Any]:
    try:
        members = read_json_object(response.body.reveal())
    except NotStrictJson:
        return {}
    return _unwrap(members)


def _unwrap(members: Mapping[str, Any]) -> dict[str, Any]:
    error = members.get("error")
    if not isinstance(error, dict):
        return dict(members)
    # The partner API wraps errors of its own in an object (type, code, message).
    inner = cast("dict[str, Any]", error)
    return {"error": inner.get("code"), "error_description": inner.get("message")}


def _is_readable(error: object) -> bool:
    return isinstance(error, str) and re.fullmatch(_ERROR, error) is not None


def _show_error(members: Mapping[str, Any], secrets: Collection[Secret]) -> _ErrorText:
    """Return the OAuth error of a body, safe to show; an empty one if there is no readable one."""
    error, description = members.get("error"), members.get("error_description")
    if not isinstance(error, str) or not _is_readable(error):
        return _ErrorText()
    text = escape_untrusted(description, secrets) if isinstance(description, str) else ""
    # A protocol name is never an echo, even if it contains a short secret.
    named = error.lower() in _KNOWN_ERRORS
    return _ErrorText(error if named else escape_untrusted(error, secrets, limit=64), text)


def read_refusal(
    members: Mapping[str, Any],
    status: int,
    where: str,
    secrets: Collection[Secret],
    profile: EndpointProfile = TOKEN_ENDPOINT,
) -> CredicorpAuthError:
    """
    Read an OAuth error document (RFC 6749 section 5.2).

    The codes of the RFC are in lower case; they are recognized in any case. The refusal is not
    retryable: a code never is, only a status.

    Args:
        members: Its members, including `error`.
        status: HTTP status code of the response.
        where: A description of the request (client, address, scope), for the message.
        secrets: Credentials that were part of the request, scrubbed from the message.
        profile: The endpoint that responded.

    Returns:
        The error to raise.
    """
    members = _unwrap(members)
    if not _is_readable(members["error"]):
        raw = members["error"]
        shown = escape_untrusted(raw, secrets, limit=64) if isinstance(raw, str) else ""
        return MalformedResponse(
            f"the {profile.name}'s error cannot be read: {shown!r}, status {status} ({where})",
            code="oauth.malformed_error",
        )
    said = _show_error(members, secrets)
    name = said.error.lower()
    kind = _REFUSALS.get(name, errors.TokenRequestRefused)
    return kind(
        f"the {profile.name} refused with{said} ({where})",
        status=status,
        code=f"oauth.{name}",
        **said.members(),
    )
