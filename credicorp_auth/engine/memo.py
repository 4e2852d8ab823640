"""What verified tokens say, so that a token that is shown again costs no signature again."""

from __future__ import annotations

import threading
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from attrs import frozen

if TYPE_CHECKING:
    from credicorp_auth.oauth.claims import Claims
    from credicorp_auth.oauth.key_set import KeySet

MAX_REMEMBERED: Final = 4096
"""Tokens that are remembered at once; the ones verified longest ago are forgotten first."""


@frozen(eq=False)
class Remembered:
    """
    What one token says.

    Args:
        claims: Its claims.
        keys: The keys that it was verified with: with others it must be verified again.
        until_boot: Moment of the boot clock at which it expires, by that clock.
    """

    claims: Claims
    keys: KeySet
    until_boot: float


class Memo:
    """Verified tokens by the SHA-256 of their text; the texts themselves are not kept."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._remembered: dict[bytes, Remembered] = {}
        self.find = self._remembered.get

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
        with self._lock:
            if len(self._remembered) >= MAX_REMEMBERED:
                self._remembered.pop(next(iter(self._remembered)))
            self._remembered[digest] = Remembered(claims, keys, until_boot)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._remembered.clear()

    def after_fork(self) -> None:
        """In the child: a thread of the parent may have held the lock."""
        self._lock = threading.Lock()
