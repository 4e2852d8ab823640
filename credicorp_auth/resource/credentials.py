"""The bearer token in a request's `Authorization` header, and the name that a request goes by."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from credicorp_auth.oauth.secret import Secret
from credicorp_auth.resource.refusal import MALFORMED, NO_TOKEN, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    FindHeader = Callable[[str], Sequence[str]]
    """Returns every value of a request's header, by its name in lower case."""

REQUEST_ID: Final = "Credicorp-Request-Id"
"""The header that says by which name a request goes."""

# RFC 6750 section 2.1: credentials = "Bearer" 1*SP b64token
_CREDENTIALS: Final = re.compile(r"(?i:bearer) +([A-Za-z0-9\-._~+/]+=*)")
_SANE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def read_bearer(find: FindHeader) -> Secret | Refusal:
    """
    Read the token of a request (RFC 6750 section 2.1).

    Only the header counts: tokens in queries end up in logs, and tokens in bodies are read twice.

    Args:
        find: Finds the request's headers.

    Returns:
        The token; or why there is none. Another scheme than Bearer is no token; two headers, or
        a Bearer header of any other form, are a malformed request.
    """
    values = find("authorization")
    if len(values) > 1:
        return MALFORMED
    value = values[0].strip(" \t") if values else ""
    found = _CREDENTIALS.fullmatch(value)
    if found is not None:
        return Secret(found[1])
    scheme = value.partition(" ")[0].partition("\t")[0].partition(",")[0]
    return MALFORMED if scheme.lower() == "bearer" else NO_TOKEN


def read_request_id(find: FindHeader) -> str:
    """Return the name that the caller gave the request, if a log can hold it; else a new one."""
    for name in (REQUEST_ID.lower(), "x-request-id"):
        values = find(name)
        if len(values) == 1 and _SANE.fullmatch(values[0]):
            return values[0]
    return f"req_{uuid4().hex}"
