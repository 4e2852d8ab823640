"""Refusals: the response to the caller, and the exact reason for the log."""

from __future__ import annotations

import json
import math
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve, frozen

from credicorp_auth.errors import (
    Closed,
    CredicorpAuthError,
    KeysUnavailable,
    ScopeMissing,
    VerificationFailed,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from credicorp_auth.oauth.scope import Scope

SERVER_FAULT: Final = 500
"""The lowest status of an error that is not the caller's fault."""

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


@frozen
class Refusal:
    """
    Refusal of a request.

    Args:
        status: HTTP status code.
        kind: `type` of the error envelope.
        word: `code` of the error envelope.
        message: Text for people; the same for every invalid token, so that it does not reveal the
            reason.
        reason: The exact code, for the log only.
        challenge: Parameters of the `WWW-Authenticate` header (RFC 6750 section 3) besides `realm`;
            None for no such header.
        retry_after: Seconds after which to try again; None if unknown.
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
    A request was refused; the exception holds the response to send.

    Args:
        status: HTTP status code.
        headers: Names and values of the response's headers, each name once.
        body: The response's body; omit it in a response to HEAD.

    .. versionadded:: 1.0.0
    """

    default_code = "resource.refused"
    default_hint = "catch it, and send its `status`, `headers` and `body` as the response."

    def __init__(self, status: int, headers: Iterable[tuple[str, str]], body: bytes | str) -> None:
        super().__init__(f"a request was refused with status {status}")
        self.status = status
        self.headers = tuple((name, value) for name, value in headers)
        self.body = body.encode() if isinstance(body, str) else body

    def _arguments(self) -> tuple[Any, ...]:
        return self.status, self.headers, self.body.decode()


_NEEDED: Final = "the request needs a valid access token"
_UNREADABLE: Final = "the request can be read in more than one way"

NO_TOKEN: Final = Refusal(
    401, "authentication_error", "invalid_token", _NEEDED, "resource.no_token", _NOTHING
)
"""The request has no token: RFC 6750 section 3.1 requires a challenge without an error."""

UNPROVEN: Final = evolve(NO_TOKEN, reason="resource.unproven", challenge={"error": "invalid_token"})
"""The token is invalid. The reason given here: the verifier returned no proof."""

MALFORMED: Final = Refusal(
    400,
    "invalid_request_error",
    "bad_request",
    _UNREADABLE,
    "resource.authorization",
    {"error": "invalid_request"},
)
"""The `Authorization` header is repeated or malformed: a new token would not help."""

UNMARKED: Final = Refusal(
    403,
    "authentication_error",
    "guard.unmarked",
    "the service does not define who may use this",
    "guard.unmarked",
)
"""The handler is not marked: no token would help."""


def refuse_scope(required: Scope) -> Refusal:
    """Build the refusal of a valid token without the required scope, which it names."""
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
    Map a verification error to a refusal, by the side at fault.

    Args:
        error: The error of the verification.
        required: The scope that the token had to cover.
    """
    if isinstance(error, KeysUnavailable | Closed) or error.retryable:
        return _fail(503, error)
    if isinstance(error, ScopeMissing) and required:
        return refuse_scope(required)
    if isinstance(error, VerificationFailed):
        return evolve(UNPROVEN, reason=error.code)
    return _fail(SERVER_FAULT, error)


def _fail(status: int, error: CredicorpAuthError) -> Refusal:
    """Build the refusal for a token that cannot be checked: fail closed, but do not blame it."""
    return Refusal(
        status,
        "server_error",
        "server_error",
        "access tokens cannot be checked now",
        error.code,
        retry_after=getattr(error, "retry_after", None),
    )


def build_refused(refusal: Refusal, *, realm: str, request_id: str) -> Refused:
    """Build the response of a refusal: the documented error envelope, and matching headers."""
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
    """Build a `WWW-Authenticate` value with quoted parameters (RFC 9110 section 5.6.4)."""
    named = {"realm": realm, **parameters}
    return "Bearer " + ", ".join(f"{name}={_quote(value)}" for name, value in named.items())


def _quote(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
