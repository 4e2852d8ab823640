"""What is known of tokens that were asked about, each for its own while."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from credicorp_auth.engine.second_chance import SecondChanceTable

if TYPE_CHECKING:
    from credicorp_auth.errors import CredicorpAuthError
    from credicorp_auth.lifecycle.token_query import Timestamped
    from credicorp_auth.lifecycle.windows import Instant
    from credicorp_auth.oauth.introspection import Introspection

MAX_RESPONSES: Final = 4096
"""Answers that are remembered at once."""


class IntrospectionEntry:
    """
    An answer, or why there is none, until a moment of either clock.

    Args:
        outcome: What came of asking.
        since: From when it counts.
        seconds: For how long.
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
    """Answers by the SHA-256 of the token; the tokens themselves are not kept."""

    def __init__(self) -> None:
        super().__init__(MAX_RESPONSES)
