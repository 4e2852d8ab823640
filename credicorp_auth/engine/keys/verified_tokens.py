"""What verified tokens say, so that a token that is shown again costs no signature again."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final

from credicorp_auth.engine.second_chance import SecondChanceTable

if TYPE_CHECKING:
    from credicorp_auth.jose.claims import Claims
    from credicorp_auth.jose.key_set import KeySet

MAX_REMEMBERED: Final = 4096
"""Tokens that are remembered at once; those not shown again are forgotten first."""


class IntrospectionEntry:
    """
    What one token says.

    Args:
        claims: Its claims.
        keys: The keys that it was verified with: with others it must be verified again.
        until_boot: Moment of the boot clock at which it expires, by that clock.
    """

    __slots__ = ("claims", "keys", "until_boot", "used")

    def __init__(self, claims: Claims, keys: KeySet, until_boot: float) -> None:
        self.claims, self.keys, self.until_boot = claims, keys, until_boot
        self.used = False


class VerifiedTokenCache(SecondChanceTable[IntrospectionEntry]):
    """Verified tokens by the SHA-256 of their text; the texts themselves are not kept."""

    def __init__(self) -> None:
        super().__init__(MAX_REMEMBERED)

    def remember(self, text: str, claims: Claims, keys: KeySet, *, until_boot: float) -> None:
        """
        Keep what a token says.

        Args:
            text: The token.
            claims: Its claims; they hold its end by the wall clock.
            keys: The keys that it was verified with.
            until_boot: Moment of the boot clock at which it expires.
        """
        digest = sha256(text.encode("ascii")).digest()
        self.keep(digest, IntrospectionEntry(claims, keys, until_boot))

    def clear(self) -> None:
        """Forget everything."""
        self.forget(None)
