"""Parser for `WWW-Authenticate` challenges (RFC 9110 section 11.6.1, RFC 6750 section 3)."""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_WORD: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PART: Final = rf"""
    [ \t,]*
    (?:
        (?P<name>{_WORD})[ \t]*=[ \t]*
        (?: "(?P<quoted>(?:[^"\\]|\\.)*)" | (?P<plain>{_WORD})(?=[ \t]*(?:,|$)) )
      | (?P<scheme>{_WORD})(?=[ \t,]|$)
      | (?P<blob>[A-Za-z0-9._~+/-]+=*)(?=[ \t]*(?:,|$))
    )
    """  # compiled when there is a challenge: most programs never see one
_MAX_HEADER: Final = 8192  # characters; a longer header is not read
_PAUSE_IF_BLAMED: Final = 5.0  # seconds
_PAUSE_OTHERWISE: Final = 60.0  # seconds


class Verdict(Enum):
    """Consequence of a 401 for the token that was sent."""

    DROPPED = "dropped"
    """The token is dropped. The next call mints, and its response shows if that helped."""

    REPLACED = "replaced"
    """The token had already been replaced, so its successor costs no mint."""

    KEPT = "kept"
    """No other token is tried; the caller gets the 401."""


class Challenge(NamedTuple):
    """
    One authentication challenge.

    Args:
        scheme: Lower-cased scheme, such as `bearer`.
        parameters: Lower-cased parameter names to values; the first value of a repeated name.
    """

    scheme: str
    parameters: Mapping[str, str]


def read_challenges(values: Iterable[str]) -> list[Challenge]:
    """
    Read the `WWW-Authenticate` headers of one response.

    Args:
        values: Header values; one value may hold several challenges and quoted commas.

    Returns:
        The challenges in order. The rest of a value after a syntax error is ignored.
    """
    part = re.compile(_PART, re.VERBOSE)
    challenges: list[Challenge] = []
    for value in values:
        position = 0
        while match := part.match(value[:_MAX_HEADER], position):
            position = match.end()
            _take(match, challenges)
    return challenges


def _take(match: re.Match[str], challenges: list[Challenge]) -> None:
    if scheme := match["scheme"]:
        challenges.append(Challenge(scheme.lower(), {}))
    elif challenges and (name := match["name"]):
        plain, quoted = match["plain"], match["quoted"]
        text = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        parameters = challenges[-1].parameters
        if name.lower() not in parameters:
            challenges[-1] = Challenge(challenges[-1].scheme, {**parameters, name.lower(): text})


def first_pause_after(values: Iterable[str]) -> float | None:
    """
    Return how long to try no other token if the next one gets the same 401.

    Args:
        values: The values of the `WWW-Authenticate` headers of the 401.

    Returns:
        Seconds: 5 if the response blames the token (`invalid_token`, RFC 6750 section 3.1) or has
        no challenge; 60 for any other challenge. None for `insufficient_scope`, since another token
        of the same scope would be refused as well.
    """
    values = list(values)
    errors = {each.parameters.get("error", "").lower() for each in read_challenges(values)}
    if "invalid_token" in errors or not any(each.strip() for each in values):
        return _PAUSE_IF_BLAMED
    return None if "insufficient_scope" in errors else _PAUSE_OTHERWISE
