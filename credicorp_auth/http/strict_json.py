"""
Strict reader for every JSON document from outside (RFC 8259), its label and its values.

Python's `json` keeps the last of duplicate members, accepts NaN and 1e999, guesses UTF-16 and
raises RecursionError on deep nesting. A security library must do none of that.
"""

from __future__ import annotations

import json
import math
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NoReturn, cast

from credicorp_auth.http.untrusted_text import escape_untrusted

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from credicorp_auth.http.messages import HttpResponse
    from credicorp_auth.http.secret import Secret

_MAX_DEPTH: Final = 32
_MAX_NUMBER: Final = 400  # characters; longer literals cost quadratic time to read

_CONTAINERS: Final = (dict, list)
_NUMBERS: Final = (int, float)  # compared as types: a boolean is an int in Python, but not a time
_LATEST: Final = 2.0**53  # seconds; numbers beyond are not exact in every reader of JSON
_JSON: Final = "application/json"


class NotStrictJson(ValueError):
    """
    The bytes are not one JSON object that every reader reads alike.

    Args:
        reason: The fault, without any byte of the document.
        duplicate: Whether the fault is a duplicate member.
    """

    def __init__(self, reason: str, *, duplicate: bool = False) -> None:
        super().__init__(reason)
        self.duplicate = duplicate


def _refuse_constant(_text: str) -> NoReturn:
    raise NotStrictJson("it holds NaN or Infinity")


def _read_float(text: str) -> float:
    value = float(text) if len(text) <= _MAX_NUMBER else math.inf
    if not math.isfinite(value):
        raise NotStrictJson("it holds a number out of range")
    return value


def _read_int(text: str) -> int:
    if len(text) > _MAX_NUMBER:
        raise NotStrictJson("it holds a number out of range")
    return int(text)


def _read_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise NotStrictJson("it holds a member twice", duplicate=True)
    return members


def _check_depth(text: str) -> None:
    # Brackets inside strings are counted too, which errs towards refusing. No honest OAuth response
    # comes near the limit, and a pass without parser state cannot be deceived.
    depth = deepest = 0
    for character in text:
        if character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    if deepest > _MAX_DEPTH:
        raise NotStrictJson("it is nested too deeply")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_read_members,
    parse_constant=_refuse_constant,
    parse_float=_read_float,
    parse_int=_read_int,
)


def read_json_object(document: bytes) -> dict[str, Any]:
    """
    Read one JSON object.

    Args:
        document: The bytes as received; strict UTF-8 without a byte order mark.

    Returns:
        Its members.

    Raises:
        NotStrictJson: The document is not exactly one object, or two readers could read it
            differently.
    """
    read: Any
    try:
        text = document.decode("utf-8")
        if text.count("[") + text.count("{") > _MAX_DEPTH:
            _check_depth(text)
        read = _DECODER.decode(text)
    except NotStrictJson:
        raise
    except (ValueError, RecursionError):
        # The decoder's message quotes positions and its exception holds the document.
        read = None
    if not isinstance(read, dict):
        raise NotStrictJson("it is not one JSON object in UTF-8")
    return cast("dict[str, Any]", read)


def read_time(value: object) -> float | None:
    """Return a time in epoch seconds; None if the value is not a time."""
    if type(value) not in _NUMBERS:
        return None
    seconds = cast("float", value)
    return seconds if 0 <= seconds <= _LATEST else None


def freeze_members(members: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a read-only view of a JSON object; nested values are frozen, too."""
    # All callers who present the same token share one object, so it must be immutable.
    nested = {name: _freeze(each) for name, each in members.items() if type(each) in _CONTAINERS}
    return MappingProxyType({**members, **nested} if nested else cast("dict[str, Any]", members))


def _freeze(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        return freeze_members(cast("dict[str, Any]", value))
    if isinstance(value, list):
        return tuple(map(_freeze, cast("list[object]", value)))
    return value


class WrongMediaType(ValueError):
    """The response is not labelled as JSON; the text says how, and is safe to show."""


def is_absent(value: object) -> bool:
    """Say whether an optional member counts as absent: null, empty text, an empty list."""
    return value is None or value in ("", [])


def read_json_response(response: HttpResponse, secrets: Collection[Secret]) -> dict[str, Any]:
    """
    Read the members of a response.

    A charset parameter has no effect: JSON is in UTF-8 (RFC 8259 section 11).

    Args:
        response: The response.
        secrets: Credentials that its media type may echo; they are scrubbed from errors.

    Raises:
        WrongMediaType: The media type is not `application/json`.
        NotStrictJson: The body is not UTF-8, or not one strict JSON object.
    """
    media_type = (response.header("Content-Type") or "").partition(";")[0]
    if media_type.strip().lower() != _JSON:
        shown = escape_untrusted(media_type, secrets, limit=64) or "no media type"
        raise WrongMediaType(f"{shown} instead of {_JSON}")
    return read_json_object(response.body.reveal())
