"""Refusals: what the caller of a refused request is told, and what only the log may hold."""

from __future__ import annotations

import json
import math
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from attrs import evolve, frozen

from credicorp_auth.errors import (
    Closed,
    CredicorpAuthError,
    KeysUnavailable,
    ScopeMissing,
    VerificationFailed,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from credicorp_auth.oauth.scope import Scope

SERVER_FAULT: Final = 500
"""The first status that says that the caller is not to blame."""

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


@frozen
class Refusal:
    """
    A request that is turned away.

    Args:
        status: HTTP status code.
        kind: `type` of the error envelope.
        word: `code` of the error envelope.
        message: For people; the same for every token that is not good, whatever is wrong with it.
        reason: The exact code, for the log alone.
        challenge: Parameters of the `WWW-Authenticate` header (RFC 6750 section 3) beside `realm`;
            None for no such header.
        retry_after: Seconds after which to try again; None where nobody knows.
    """

    status: int
    kind: str
    word: str
    message: str
    reason: str
    challenge: Mapping[str, str] | None = None
    retry_after: float | None = None


class Refused(CredicorpAuthError):
    """
    A request was refused; the response to send stands in it.

    Args:
        status: HTTP status code.
        headers: Names and values of the response's headers; each name once.
        body: The response's body; a response to HEAD is sent without it.

    .. versionadded:: 1.0.0
    """

    default_code = "resource.refused"
    default_hint = "catch it, and send its `status`, `headers` and `body` as the response."

    def __init__(self, status: int, headers: tuple[tuple[str, str], ...], body: bytes) -> None:
        super().__init__(f"a request was refused with status {status}")
        self.status, self.headers, self.body = status, headers, body


_NEEDED: Final = "the request needs a valid access token"
_UNREADABLE: Final = "the request cannot be read without doubt"

NO_TOKEN: Final = Refusal(
    401, "authentication_error", "invalid_token", _NEEDED, "resource.no_token", _NOTHING
)
"""No token was shown: RFC 6750 section 3.1 wants a challenge without an error."""

UNPROVEN: Final = evolve(NO_TOKEN, reason="resource.unproven", challenge={"error": "invalid_token"})
"""The token is not good; here, because the verifier returned nothing that says it is."""

MALFORMED: Final = Refusal(
    400,
    "invalid_request_error",
    "bad_request",
    _UNREADABLE,
    "resource.authorization",
    {"error": "invalid_request"},
)
"""The `Authorization` header stands twice, or is none: a new token would not cure it."""

UNMARKED: Final = Refusal(
    403,
    "authentication_error",
    "guard.unmarked",
    "the service has not said who may use this",
    "guard.unmarked",
)
"""The handler is not marked: no token would help."""


def refuse_scope(required: Scope) -> Refusal:
    """Say that a good token is not enough, and which scope would be."""
    return Refusal(
        403,
        "authentication_error",
        "insufficient_scope",
        "the access token does not cover what the request needs",
        "verify.scope",
        {"error": "insufficient_scope", "scope": str(required)},
    )


def read_failure(error: CredicorpAuthError, required: Scope) -> Refusal:
    """
    Tell the caller's faults from ours.

    Args:
        error: Why a token was not verified.
        required: The scope that was required of it.
    """
    if isinstance(error, KeysUnavailable | Closed) or error.retryable:
        return _fail(503, error)
    if isinstance(error, ScopeMissing) and required:
        return refuse_scope(required)
    if isinstance(error, VerificationFailed):
        return evolve(UNPROVEN, reason=error.code)
    return _fail(SERVER_FAULT, error)


def _fail(status: int, error: CredicorpAuthError) -> Refusal:
    """Say that tokens cannot be checked: fail closed, and blame nobody's token."""
    return Refusal(
        status,
        "server_error",
        "server_error",
        "access tokens cannot be checked now",
        error.code,
        retry_after=getattr(error, "retry_after", None),
    )


def build_refused(refusal: Refusal, *, realm: str, request_id: str) -> Refused:
    """Build the refusal: the documented error envelope, and headers that say the same."""
    error = {
        "type": refusal.kind,
        "code": refusal.word,
        "message": refusal.message,
        "request_id": request_id,
    }
    body = json.dumps({"error": error}).encode()
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        ("Credicorp-Request-Id", request_id),
    ]
    if refusal.challenge is not None:
        headers.append(("WWW-Authenticate", build_challenge(realm, refusal.challenge)))
    if refusal.retry_after is not None:
        headers.append(("Retry-After", str(max(1, math.ceil(refusal.retry_after)))))
    return Refused(refusal.status, tuple(headers), body)


def build_challenge(realm: str, parameters: Mapping[str, str]) -> str:
    """Build a `WWW-Authenticate` value, each parameter as a quoted string (RFC 9110 5.6.4)."""
    named = {"realm": realm, **parameters}
    return "Bearer " + ", ".join(f"{name}={_quote(value)}" for name, value in named.items())


def _quote(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
