"""What is known of tokens that were asked about, each for its own while."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from credicorp_auth.errors import CredicorpAuthError
    from credicorp_auth.lifecycle.inquire import Answered
    from credicorp_auth.lifecycle.windows import Instant
    from credicorp_auth.oauth.introspection import Introspection

MAX_ANSWERS: Final = 4096
"""Answers that are remembered at once."""


class Remembered:
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
        outcome: Answered[Introspection] | CredicorpAuthError,
        since: Instant,
        seconds: float,
    ) -> None:
        self.outcome = outcome
        self.until_wall, self.until_boot = since.wall + seconds, since.boot + seconds
        self.used = False


class AnswerMemo:
    """
    Answers by the SHA-256 of the token; the tokens themselves are not kept.

    Where there is no room, those go first that nobody has asked for since they came or were last
    looked at, so that a flood of tokens which are shown once does not wash out the others.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._remembered: dict[bytes, Remembered] = {}
        self.find = self._remembered.get

    def __len__(self) -> int:
        return len(self._remembered)

    def keep(self, digest: bytes, remembered: Remembered) -> None:
        """Keep an answer."""
        with self._lock:
            self._remembered.pop(digest, None)
            if len(self._remembered) >= MAX_ANSWERS:
                self._make_room()
            self._remembered[digest] = remembered

    def _make_room(self) -> None:
        # Whoever finds an answer marks it, without a lock; each mark saves it once.
        while True:
            digest = next(iter(self._remembered))
            eldest = self._remembered.pop(digest)
            if not eldest.used:
                return
            eldest.used = False
            self._remembered[digest] = eldest

    def forget(self, digest: bytes | None) -> None:
        """Forget one answer, or all."""
        with self._lock:
            if digest is None:
                self._remembered.clear()
            else:
                self._remembered.pop(digest, None)

    def after_fork(self) -> None:
        """In the child: a thread of the parent may have held the lock."""
        self._lock = threading.Lock()
