"""What a resource says when it turns a token away (RFC 9110 section 11.6.1, RFC 6750 section 3)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_WORD: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PART: Final = re.compile(
    rf"""
    [ \t,]*
    (?:
        (?P<name>{_WORD})[ \t]*=[ \t]*
        (?: "(?P<quoted>(?:[^"\\]|\\.)*)" | (?P<plain>{_WORD})(?=[ \t]*(?:,|$)) )
      | (?P<scheme>{_WORD})(?=[ \t,]|$)
      | (?P<blob>[A-Za-z0-9._~+/-]+=*)(?=[ \t]*(?:,|$))
    )
    """,
    re.VERBOSE,
)
_MAX_HEADER: Final = 8192  # characters; a longer header is not read


@frozen
class Challenge:
    """
    One authentication challenge.

    Args:
        scheme: Lower-cased scheme, such as `bearer`.
        parameters: Lower-cased parameter names to values; of a repeated name, the first.
    """

    scheme: str
    parameters: Mapping[str, str] = field(factory=dict[str, str])


def read_challenges(values: Iterable[str]) -> list[Challenge]:
    """
    Read the `WWW-Authenticate` headers of one answer.

    Args:
        values: Each header's value; one value may hold several challenges, and quoted commas.

    Returns:
        The challenges in order, as far as they can be read: what follows a mistake is left out.
    """
    challenges: list[Challenge] = []
    for value in values:
        position = 0
        while match := _PART.match(value[:_MAX_HEADER], position):
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


def asks_for_new_token(values: Iterable[str]) -> bool:
    """
    Say whether a 401 may be cured by another token.

    It may where the answer carries no challenge at all, a Bearer challenge without an error, or
    one whose error is `invalid_token` (RFC 6750 section 3.1).

    Args:
        values: The `WWW-Authenticate` headers of the 401.
    """
    values = list(values)
    bearers = [each for each in read_challenges(values) if each.scheme == "bearer"]
    if not bearers:
        return not values
    return any(each.parameters.get("error", "invalid_token") == "invalid_token" for each in bearers)
