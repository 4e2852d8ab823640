"""Scripted responses of the token endpoint: a modified grant, or raw bytes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from credicorp_auth_testing.sandbox.switches import Fault

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

GRANT: Final[Mapping[str, Any]] = {
    "access_token": "granted",
    "token_type": "Bearer",
    "expires_in": 3600,
}


def grant(
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    without: Collection[str] = (),
    **members: Any,
) -> Fault:
    """
    Build a response that grants a token, with members changed, added or left out.

    Args:
        status: HTTP status code.
        headers: Further headers.
        without: Members to leave out.
        **members: Members to change or add.
    """
    body = {name: value for name, value in {**GRANT, **members}.items() if name not in without}
    return raw(json.dumps(body), status=status, headers=headers)


def raw(
    body: str | bytes,
    *,
    status: int = 200,
    content_type: str | None = "application/json",
    headers: Mapping[str, str] | None = None,
) -> Fault:
    """
    Build a response with exactly that body.

    Args:
        body: The body.
        status: HTTP status code.
        content_type: Its media type; None for no such header.
        headers: Further headers.
    """
    types = {} if content_type is None else {"Content-Type": content_type}
    return Fault(status, {**types, **(headers or {})}, body)
