"""Cache of verified tokens, so that a signature is verified once for each token."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final

from credicorp_auth.engine.second_chance import SecondChanceTable

if TYPE_CHECKING:
    from credicorp_auth.jose.claims import Claims
    from credicorp_auth.jose.key_set import KeySet

MAX_REMEMBERED: Final = 4096
"""Maximum number of cached tokens; those not presented again are evicted first."""


class VerifiedToken:
    """
    Cache entry of one verified token.

    Args:
        claims: The token's claims.
        keys: The key set that verified it; with another key set it is verified again.
        until_boot: Boot-clock time at which it expires.
    """

    __slots__ = ("claims", "keys", "until_boot", "used")

    def __init__(self, claims: Claims, keys: KeySet, until_boot: float) -> None:
        self.claims, self.keys, self.until_boot = claims, keys, until_boot
        self.used = False


class VerifiedTokenCache(SecondChanceTable[VerifiedToken]):
    """Claims of verified tokens by the SHA-256 of the token; the tokens are not kept."""

    def __init__(self) -> None:
        super().__init__(MAX_REMEMBERED)

    def remember(self, text: str, claims: Claims, keys: KeySet, *, until_boot: float) -> None:
        """
        Cache the claims of a verified token.

        Args:
            text: The token.
            claims: The token's claims, which contain its wall-clock expiry.
            keys: The key set that verified it.
            until_boot: Boot-clock time at which it expires.
        """
        digest = sha256(text.encode("ascii")).digest()
        self.keep(digest, VerifiedToken(claims, keys, until_boot))

    def clear(self) -> None:
        """Remove all entries."""
        self.forget(None)
