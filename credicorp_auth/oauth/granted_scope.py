"""Scope that a server states: text or a JSON list of texts, scrubbed of credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from credicorp_auth.errors import InvalidSetting
from credicorp_auth.http.json_response import is_absent
from credicorp_auth.http.untrusted_text import SHORTEST_IN_VALUES, scrub
from credicorp_auth.oauth.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Collection

    from credicorp_auth.http.secret import Secret


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
