"""Reader of a request's credentials: the bearer token and the request id."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from attrs import frozen

from credicorp_auth.errors import UsageError
from credicorp_auth.http.secret import Secret
from credicorp_auth.resource.refusal import MALFORMED, NO_TOKEN, Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

REQUEST_ID: Final = "Credicorp-Request-Id"
"""The header that carries the request id."""

Headers = Mapping[str, Any] | Iterable[tuple[Any, Any]]
"""A request's headers: a mapping or multi-dict of text, or pairs of text or bytes."""

_AUTHORIZATION: Final = "authorization"
_ID_NAMES: Final = (REQUEST_ID.lower(), "x-request-id")
_WANTED: Final = frozenset({_AUTHORIZATION, *_ID_NAMES})
# RFC 6750 section 2.1: credentials = "Bearer" 1*SP b64token
_CREDENTIALS: Final = re.compile(r"(?i:bearer) +([A-Za-z0-9\-._~+/]+=*)")
_SANE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@frozen
class RequestCredentials:
    """
    Credentials of a request.

    Args:
        bearer: The token, or the reason why there is none.
        request_id: The caller's id for the request, if it is safe to log; else a new one.
    """

    bearer: Secret | Refusal
    request_id: str


def read_request(headers: Headers) -> RequestCredentials:
    """
    Read a request's token and id, from its headers only.

    Args:
        headers: A mapping, a multi-dict (`getall`, `getlist` or `multi_items`), or pairs.

    Raises:
        UsageError: They are none of these (`resource.headers`).
    """
    try:
        found = _find_wanted(headers)
    except (AttributeError, TypeError, ValueError):
        found = None
    if found is None:  # outside the `except`, whose traceback would hold the headers
        del headers
        raise UsageError(
            "the headers of a request are neither a mapping nor pairs of text or bytes",
            code="resource.headers",
            hint="pass the framework's `request.headers`, or an iterable of (name, value) pairs.",
        )
    return RequestCredentials(_read_bearer(found[_AUTHORIZATION]), _read_request_id(found))


def _find_wanted(headers: Any) -> dict[str, list[str]]:  # noqa: ANN401 - of any framework
    found: dict[str, list[str]] = {name: [] for name in _WANTED}
    for name, value in _list_pairs(headers):
        values = found.get(_decode(name).lower())
        if values is not None and value is not None:  # None is an absent header
            values.append(_decode(value))
    return found


def _list_pairs(headers: Any) -> Iterable[tuple[Any, Any]]:  # noqa: ANN401 - of any framework
    find_all = getattr(headers, "getall", None) or getattr(headers, "getlist", None)
    if find_all is not None:
        names = [name for name in dict.fromkeys(headers.keys()) if _decode(name).lower() in _WANTED]
        return [(name, value) for name in names for value in find_all(name)]
    list_items = getattr(headers, "multi_items", None) or getattr(headers, "items", None)
    pairs: Iterable[tuple[Any, Any]] = headers if list_items is None else list_items()
    return pairs


def _decode(text: object) -> str:
    if isinstance(text, bytes):
        return text.decode("latin-1")
    if isinstance(text, str):
        return text
    raise TypeError


def _read_bearer(values: Sequence[str]) -> Secret | Refusal:
    """
    Read the token in the values of the `Authorization` header (RFC 6750 section 2.1).

    A scheme other than Bearer counts as no token. Two headers, or a Bearer header of any other
    form, make the request malformed.
    """
    if len(values) > 1:
        return MALFORMED
    value = values[0].strip(" \t") if values else ""
    found = _CREDENTIALS.fullmatch(value)
    if found is not None:
        return Secret(found[1])
    scheme = value.partition(" ")[0].partition("\t")[0].partition(",")[0]
    return MALFORMED if scheme.lower() == "bearer" else NO_TOKEN


def _read_request_id(found: Mapping[str, Sequence[str]]) -> str:
    for values in (found[name] for name in _ID_NAMES):
        if len(values) == 1 and _SANE.fullmatch(values[0]):
            return values[0]
    return f"req_{uuid4().hex}"
