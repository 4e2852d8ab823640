"""Counters of the 401s that resource servers gave to the tokens of one entry, by origin."""

from __future__ import annotations

from typing import Final

_LONGEST_PAUSE: Final = 300.0  # seconds
_FORGIVEN_AFTER: Final = 600.0  # seconds without a 401


class _Origin:
    """Counters of one origin."""

    __slots__ = ("awaits_verdict", "last_401", "pause", "paused_until")

    def __init__(self) -> None:
        self.awaits_verdict = False
        self.last_401 = 0.0
        self.pause = 0.0
        self.paused_until = 0.0


class Rejections:
    """
    The 401s that resource servers gave to the tokens of one entry, counted by origin.

    The first 401 causes one mint. If the origin refuses the new token as well, a pause begins in
    which its 401s cause no mint. The pause doubles each time the token after it is refused too. An
    accepted replay or ten minutes without a 401 end this. Other accepted requests do not: a route
    that works says nothing about one that refuses every token.

    No origin is evicted for another, since a forgotten one could cause another mint. Their number
    is bounded by the setting `allowed_origins`, since no other origin gets a token.

    Call every method under the lock of the entry.
    """

    __slots__ = ("_origins",)

    def __init__(self) -> None:
        self._origins: dict[str, _Origin] = {}

    def allow_mint(self, origin: str, now: float, *, first_pause: float) -> bool:
        """
        Count a 401 to the held token; return whether it may cause a mint.

        Args:
            origin: The origin that refused the token.
            now: Boot-clock time.
            first_pause: Length in seconds of the first pause, if this 401 begins one.
        """
        counted = self._count(origin, now)
        if counted.awaits_verdict:
            self._begin_pause(counted, now, first_pause)
            return False
        if now < counted.paused_until:
            return False
        counted.awaits_verdict = True
        return True

    def replay_refused(self, origin: str, now: float, *, first_pause: float) -> None:
        """Count a 401 to a replay."""
        counted = self._count(origin, now)
        if counted.awaits_verdict:
            self._begin_pause(counted, now, first_pause)

    def replay_accepted(self, origin: str) -> None:
        """Forget the 401s of an origin: its response to a replay with the new token was no 401."""
        self._origins.pop(origin, None)

    def forget(self) -> None:
        """Forget all 401s: the caller has invalidated the token."""
        self._origins.clear()

    def _count(self, origin: str, now: float) -> _Origin:
        counted = self._origins.get(origin)
        if counted is None or now - counted.last_401 >= _FORGIVEN_AFTER:
            counted = _Origin()
        counted.last_401 = now
        self._origins[origin] = counted
        return counted

    @staticmethod
    def _begin_pause(counted: _Origin, now: float, first_pause: float) -> None:
        counted.awaits_verdict = False
        counted.pause = min(max(first_pause, 2 * counted.pause), _LONGEST_PAUSE)
        counted.paused_until = now + counted.pause
