"""Scope: the permissions of a token, as a set of words, and its parser (RFC 6749 section 3.3)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, cast

from attrs import field, frozen

from credicorp_auth.errors import InvalidSetting
from credicorp_auth.http.strict_json import is_absent
from credicorp_auth.http.untrusted_text import SHORTEST_IN_VALUES, scrub

if TYPE_CHECKING:
    from collections.abc import Collection

    from credicorp_auth.http.secret import Secret


# RFC 6749 section 3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
_SCOPE_TOKEN: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")


def _read_words(words: Scope | str | Iterable[str] | None) -> frozenset[str]:
    if words is None:
        return frozenset()
    if isinstance(words, Scope):
        return words.words
    if isinstance(words, str):
        # Only spaces separate tokens: other white space is a mistake and must raise.
        words = (word for word in words.split(" ") if word)
    # A caller's iterable may hold any type, despite its annotation.
    read: frozenset[Any] = frozenset(words)
    for word in read:
        if not isinstance(word, str) or not _SCOPE_TOKEN.fullmatch(word):
            raise InvalidSetting(
                f"scope token {ascii(word)[:80]} holds what RFC 6749 section 3.3 forbids",
                code="config.scope",
                hint="separate scope tokens by single spaces and spell them as the server does.",
            )
    return read


@frozen(repr=False, cache_hash=True)
class Scope:
    """
    The permissions that are requested for a token, or granted to it.

    A scope is a set: order and repetition are ignored, spelling is exact.

    Args:
        words: Scope tokens of RFC 6749 section 3.3: one string separated by spaces, an iterable of
            tokens, another scope, or None for the empty scope.

    Raises:
        InvalidSetting: A token holds a character that the RFC forbids (`config.scope`).

    .. versionadded:: 1.0.0
    """

    words: frozenset[str] = field(default=None, converter=_read_words)

    def __str__(self) -> str:
        return " ".join(sorted(self.words))

    def __repr__(self) -> str:
        return f"Scope({str(self)!r})"

    def __bool__(self) -> bool:
        return bool(self.words)

    def covers(self, needed: Scope) -> bool:
        """Say whether this scope includes all of `needed`."""
        return needed.words <= self.words

    def without(self, other: Scope) -> Scope:
        """Return the scope tokens that are not in `other`."""
        return Scope(self.words - other.words)


RequestedScope = Scope | str | Iterable[str] | None
"""Types that a caller may pass as the scope of a token; None for the default scope."""


def read_scope_of(stated: object, asked: Scope, secrets: Collection[Secret]) -> Scope | None:
    """
    Read the scope that a server states (RFC 6749 section 3.3).

    Scopes reach events, caches, messages and the `repr` of a token. So a scope token that holds a
    credential of ours, or looks like a token, becomes `***`, unless it was requested. Secrets of
    less than eight characters are not searched for: `read` is a word of many scopes.

    Args:
        stated: The member `scope`: text, a JSON list of texts, or absent.
        asked: The requested scope; it is returned if the server states none.
        secrets: Credentials that the server may echo.

    Returns:
        The scope; None if the member is malformed.
    """
    if is_absent(stated):
        return asked
    words = cast("list[object]", stated) if isinstance(stated, list) else [stated]
    if not all(isinstance(each, str) for each in words):
        return None
    try:
        said = Scope(" ".join(cast("list[str]", words)))
    except InvalidSetting:
        return None
    return Scope(
        each if each in asked.words else scrub(each, secrets, shortest=SHORTEST_IN_VALUES)
        for each in said.words
    )
