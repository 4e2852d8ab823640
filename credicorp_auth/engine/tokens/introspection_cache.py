"""Cache of introspection results; each entry has its own lifetime."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from credicorp_auth.engine.second_chance import SecondChanceTable

if TYPE_CHECKING:
    from credicorp_auth.errors import CredicorpAuthError
    from credicorp_auth.lifecycle.token_query import Timestamped
    from credicorp_auth.lifecycle.windows import Instant
    from credicorp_auth.oauth.introspection import Introspection

MAX_RESPONSES: Final = 4096
"""Maximum number of cached results."""


class IntrospectionEntry:
    """
    A cached introspection response or error; it expires by either clock.

    Args:
        outcome: The response, or the error.
        since: The time at which its lifetime begins, by both clocks.
        seconds: Its lifetime in seconds.
    """

    __slots__ = ("outcome", "until_boot", "until_wall", "used")

    def __init__(
        self,
        outcome: Timestamped[Introspection] | CredicorpAuthError,
        since: Instant,
        seconds: float,
    ) -> None:
        self.outcome = outcome
        self.until_wall, self.until_boot = since.wall + seconds, since.boot + seconds
        self.used = False


class IntrospectionCache(SecondChanceTable[IntrospectionEntry]):
    """Introspection results by the SHA-256 of the token; the tokens themselves are not kept."""

    def __init__(self) -> None:
        super().__init__(MAX_RESPONSES)
