"""What verified tokens say, so that a token that is shown again costs no signature again."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final

from credicorp_auth.engine.second_chance import SecondChanceTable

if TYPE_CHECKING:
    from credicorp_auth.oauth.claims import Claims
    from credicorp_auth.oauth.key_set import KeySet

MAX_REMEMBERED: Final = 4096
"""Tokens that are remembered at once; those not shown again are forgotten first."""


class Remembered:
    """
    What one token says.

    Args:
        claims: Its claims.
        keys: The keys that it was verified with: with others it must be verified anew.
    """

    __slots__ = ("claims", "keys", "used")

    def __init__(self, claims: Claims, keys: KeySet) -> None:
        self.claims, self.keys = claims, keys
        self.used = False


class Memo(SecondChanceTable[Remembered]):
    """Verified tokens by the SHA-256 of their text; the texts themselves are not kept."""

    def __init__(self) -> None:
        super().__init__(MAX_REMEMBERED)

    def remember(self, text: str, claims: Claims, keys: KeySet) -> None:
        """Keep what a token says."""
        self.keep(sha256(text.encode("ascii")).digest(), Remembered(claims, keys))

    def clear(self) -> None:
        """Forget everything."""
        self.forget(None)
