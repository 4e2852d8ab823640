"""How an endpoint says no: statuses, and the error document of RFC 6749 section 5.2."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, cast

from attrs import frozen

from credicorp_auth import errors
from credicorp_auth.errors import CredicorpAuthError, MalformedAnswer
from credicorp_auth.oauth.foreign_text import show_foreign_text
from credicorp_auth.oauth.retry import COOL_DOWN_STATUSES, RETRYABLE_STATUSES
from credicorp_auth.oauth.strict_json import NotStrictJson, read_json_object

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from credicorp_auth.oauth.http import HttpResponse
    from credicorp_auth.oauth.secret import Secret

_ERROR: Final = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]{1,64}")
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
_BUSY_ERRORS: Final = frozenset({"slow_down", "temporarily_unavailable"})


@frozen
class Speaker:
    """
    An endpoint as messages name it.

    Args:
        name: What it is called.
        server_error: The code where its answer is a 5xx that says nothing of OAuth.
        client_error: The code where it is such a 4xx.
    """

    name: str
    server_error: str
    client_error: str


TOKEN_ENDPOINT: Final = Speaker(
    "token endpoint", "token_endpoint.server_error", "token_endpoint.client_error"
)


def request_id_of(response: HttpResponse) -> str:
    """Return the server's name for a request, as the end of a message; empty where it gave none."""
    value = response.header("Credicorp-Request-Id") or response.header("X-Credicorp-Request-Id")
    return f", request {show_foreign_text(value, limit=64)}" if value else ""


def read_failure(
    response: HttpResponse,
    where: str,
    secrets: Collection[Secret],
    speaker: Speaker = TOKEN_ENDPOINT,
) -> CredicorpAuthError:
    """
    Read an answer whose status is not 200.

    Args:
        response: The answer.
        where: Who asked, where and for what, for the message.
        secrets: Credentials that were part of the request, scrubbed from the message.
        speaker: Who answered.

    Returns:
        The error to raise.
    """
    status = response.status
    if status in {301, 302, 303, 307, 308}:
        return errors.RedirectRefused(f"the {speaker.name} redirected, status {status} ({where})")
    if status in COOL_DOWN_STATUSES:
        return errors.TokenEndpointBusy(
            f"the {speaker.name} is busy, status {status} ({where})", retry_after=0.0
        )
    if status < 400:  # noqa: PLR2004 - neither the one success nor an error
        return MalformedAnswer(
            f"the {speaker.name} answered status {status} ({where})",
            code="response.status_unexpected",
        )
    refusal = _read_error_document(response, where, secrets, speaker)
    if refusal is not None:
        return refusal
    temporary = status in RETRYABLE_STATUSES
    server = status >= 500 or temporary  # noqa: PLR2004 - where HTTP draws the line
    return errors.ServerFailed(
        f"the {speaker.name} answered status {status} ({where})",
        status=status,
        code=speaker.server_error if server else speaker.client_error,
        retryable=temporary,
    )


def _read_error_document(
    response: HttpResponse, where: str, secrets: Collection[Secret], speaker: Speaker
) -> CredicorpAuthError | None:
    try:
        members = read_json_object(response.body.reveal())
    except NotStrictJson:
        members = {}
    if "error" in members:
        return read_refusal(members, response.status, where, secrets, speaker)
    if response.status == 401:  # noqa: PLR2004 - RFC 6749 section 5.2: invalid_client, often bare
        return read_refusal({"error": "invalid_client"}, response.status, where, secrets, speaker)
    return None


def read_refusal(
    members: Mapping[str, Any],
    status: int,
    where: str,
    secrets: Collection[Secret],
    speaker: Speaker = TOKEN_ENDPOINT,
) -> CredicorpAuthError:
    """
    Read an OAuth error document (RFC 6749 section 5.2).

    Args:
        members: Its members, `error` among them.
        status: HTTP status code of the answer.
        where: Who asked, where and for what, for the message.
        secrets: Credentials that were part of the request, scrubbed from the message.
        speaker: Who answered.

    Returns:
        The error to raise.
    """
    error = members["error"]
    if isinstance(error, dict):
        # The partner API wraps errors of its own in an object (type, code, message).
        inner = cast("dict[str, Any]", error)
        members = {"error": inner.get("code"), "error_description": inner.get("message")}
        error = members["error"]
    if not isinstance(error, str) or not _ERROR.fullmatch(error):
        shown = (
            show_foreign_text(error, limit=64, secrets=secrets) if isinstance(error, str) else ""
        )
        return MalformedAnswer(
            f"the {speaker.name}'s error cannot be read: {shown!r}, status {status} ({where})",
            code="oauth.malformed_error",
        )
    error = show_foreign_text(error, limit=64, secrets=secrets)
    said = members.get("error_description")
    description = show_foreign_text(said, secrets=secrets) if isinstance(said, str) else ""
    kind = _REFUSALS.get(error, errors.TokenRequestRefused)
    retryable = error in _BUSY_ERRORS or status in RETRYABLE_STATUSES
    shown = f"{error} ({description})" if description else error
    return kind(
        f"the {speaker.name} refused with {shown} ({where})",
        error=error,
        description=description,
        status=status,
        code=f"oauth.{error}",
        retryable=retryable,
    )
