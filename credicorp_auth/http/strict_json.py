"""
Strict reader for every JSON document from outside (RFC 8259).

Python's `json` keeps the last of duplicate members, accepts NaN and 1e999, guesses UTF-16 and
raises RecursionError on deep nesting. A security library must do none of that.
"""

from __future__ import annotations

import json
import math
from typing import Any, Final, NoReturn, cast

_MAX_DEPTH: Final = 32
_MAX_NUMBER: Final = 400  # characters; longer literals cost quadratic time to read


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
