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
        keys: The keys that it was verified with: with others it must be verified anew.
    """

    claims: Claims
    keys: KeySet


class Memo:
    """Verified tokens by the SHA-256 of their text; the texts themselves are not kept."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._remembered: dict[bytes, Remembered] = {}
        self.find = self._remembered.get

    def remember(self, text: str, claims: Claims, keys: KeySet) -> None:
        """Keep what a token says."""
        digest = sha256(text.encode("ascii")).digest()
        with self._lock:
            if len(self._remembered) >= MAX_REMEMBERED:
                self._remembered.pop(next(iter(self._remembered)))
            self._remembered[digest] = Remembered(claims, keys)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._remembered.clear()

    def after_fork(self) -> None:
        """In the child: a thread of the parent may have held the lock."""
        self._lock = threading.Lock()
