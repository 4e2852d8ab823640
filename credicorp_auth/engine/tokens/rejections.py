"""Counters of the 401s that resource servers gave to the tokens of one entry, by origin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import evolve, field, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST_PAUSE: Final = 300.0  # seconds
_FORGIVEN_AFTER: Final = 600.0  # seconds without a 401


@frozen
class _Origin:
    """
    Counters of one origin.

    Args:
        last_401: Boot-clock time of its last 401.
        awaits_verdict: Whether its last 401 has caused a mint, whose token it has not judged yet.
        pause: Length in seconds of its last pause.
        paused_until: Boot-clock time at which that pause ends.
    """

    last_401: float = 0.0
    awaits_verdict: bool = False
    pause: float = 0.0
    paused_until: float = 0.0

    def paused(self, now: float, first_pause: float) -> _Origin:
        """Return the counters after another pause began."""
        pause = min(max(first_pause, 2 * self.pause), _LONGEST_PAUSE)
        return _Origin(self.last_401, pause=pause, paused_until=now + pause)


@frozen
class Rejections:
    """
    The 401s that resource servers gave to the tokens of one entry; each method returns a new value.

    The first 401 causes one mint. If the origin refuses the new token as well, a pause begins in
    which its 401s cause no mint. The pause doubles each time the token after it is refused too. An
    accepted replay or ten minutes without a 401 end this. Other accepted requests do not: a route
    that works says nothing about one that refuses every token.

    No origin is evicted for another, since a forgotten one could cause another mint. Their number
    is bounded by the setting `allowed_origins`, since no other origin gets a token.
    """

    _origins: Mapping[str, _Origin] = field(factory=dict)

    def after_401(self, origin: str, now: float, *, first_pause: float) -> Rejections:
        """
        Count a 401 to the held token; afterwards `awaits_verdict` says whether it causes a mint.

        Args:
            origin: The origin that refused the token.
            now: Boot-clock time.
            first_pause: Length in seconds of the first pause, if this 401 begins one.
        """
        counted = self._count(origin, now)
        if counted.awaits_verdict:
            return self._with(origin, counted.paused(now, first_pause))
        return self._with(origin, evolve(counted, awaits_verdict=now >= counted.paused_until))

    def awaits_verdict(self, origin: str) -> bool:
        """Return whether the last 401 of an origin has caused a mint."""
        counted = self._origins.get(origin)
        return counted is not None and counted.awaits_verdict

    def replay_refused(self, origin: str, now: float, *, first_pause: float) -> Rejections:
        """Count a 401 to a replay."""
        counted = self._count(origin, now)
        if counted.awaits_verdict:
            counted = counted.paused(now, first_pause)
        return self._with(origin, counted)

    def replay_accepted(self, origin: str) -> Rejections:
        """Forget the 401s of an origin: its response to a replay with the new token was no 401."""
        return Rejections({key: each for key, each in self._origins.items() if key != origin})

    def _count(self, origin: str, now: float) -> _Origin:
        counted = self._origins.get(origin)
        if counted is None or now - counted.last_401 >= _FORGIVEN_AFTER:
            return _Origin(now)
        return evolve(counted, last_401=now)

    def _with(self, origin: str, counted: _Origin) -> Rejections:
        return Rejections({**self._origins, origin: counted})
