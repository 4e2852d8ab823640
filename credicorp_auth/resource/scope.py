"""Required scope of a guard: certain words, or any scope at all."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from enum import Enum
from typing import TYPE_CHECKING, Final, cast

from credicorp_auth.errors import InvalidSetting
from credicorp_auth.oauth.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable


class AnyScope(Enum):
    """
    The type of `ANY_SCOPE`.

    .. versionadded:: 1.0.0
    """

    ANY_SCOPE = "any valid token"


ANY_SCOPE: Final = AnyScope.ANY_SCOPE
"""Accepts any valid token of any scope."""

RequiredScope = Scope | str | AbstractSet[str] | list[str] | tuple[str, ...] | AnyScope
"""Types that a caller may pass as a required scope."""


def read_scope(value: object) -> Scope | AnyScope:
    """
    Read a required scope.

    Raises:
        InvalidSetting: It is empty or no scope (`config.required_scope`), or has characters that
            RFC 6749 forbids (`config.scope`). An empty value never means any scope: pass
            `ANY_SCOPE` for that.
    """
    if isinstance(value, AnyScope):
        return value
    if isinstance(value, Scope | str | AbstractSet | list | tuple):
        scope = Scope(cast("Iterable[str]", value))
        if scope:
            return scope
        message = "the required scope is empty"
    else:
        message = f"a required scope cannot be of the type {type(value).__name__}"
    raise InvalidSetting(
        message,
        code="config.required_scope",
        hint="give a scope such as 'decisions:read', or ANY_SCOPE for any valid token.",
    )


def scope_words(scope: Scope | AnyScope) -> Scope:
    """Return the scope to require from the verifier: the empty one for `ANY_SCOPE`."""
    return Scope() if isinstance(scope, AnyScope) else scope
