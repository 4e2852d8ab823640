"""What a path asks of those who come: a token with some scope, nothing, or what nobody has."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

from credicorp_auth.errors import InvalidSetting
from credicorp_auth.oauth.scope import Scope


class Access(Enum):
    """
    What is asked where it is not a token with some scope.

    .. versionadded:: 1.0.0
    """

    OPEN = "no token is asked for"
    CLOSED = "no token is enough"
    UNCLEAR = "two readers may take the path for two"


OPEN: Final = Access.OPEN
"""Everybody may come; no token is looked at."""

CLOSED: Final = Access.CLOSED
"""Nobody may come, whatever the token is good for."""

ANY_TOKEN: Final = Scope()
"""Every good token is enough, whatever its scope."""

Asked = Scope | str | Access
RequiredScope = Asked | Mapping[str, Asked | Mapping[str, Asked]]
"""What a service requires: of every path the same, or of each path and perhaps method its own."""


def read_scope(value: object) -> Scope:
    """
    Read the scope that a service requires.

    Raises:
        InvalidSetting: It is neither a `Scope` nor text (`config.required_scope`), or holds what
            RFC 6749 forbids (`config.scope`). None is refused: it could mean all or nothing.
    """
    if isinstance(value, str | Scope):
        return Scope(value)
    raise InvalidSetting(
        f"a required scope is {type(value).__name__}, and neither text nor a Scope",
        code="config.required_scope",
        cure="give a scope, ANY_TOKEN, or for a path OPEN or CLOSED; say which in words.",
    )


def read_access(value: object) -> Scope | Access:
    """Read what a path asks: a scope, OPEN or CLOSED; see `read_scope`."""
    return value if isinstance(value, Access) and value is not Access.UNCLEAR else read_scope(value)
