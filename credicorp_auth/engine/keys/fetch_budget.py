"""
Fetch budget: the moments at which a document may be fetched again.

Attempts are counted, not successes, so neither an outage nor a flood of tokens with made-up key
names makes more than a few requests. All fetches draw on one token bucket. A routine fetch, which
nobody is refused for, also keeps its distance from the one before; a fetch for a name that the
document lacks needs nothing but the bucket, and each name may ask for one fetch in that distance.
"""

from __future__ import annotations

import math


class FetchBudget:
    """
    A token bucket that refills by one fetch in `pause` seconds; call it under the owner's lock.

    Args:
        pause: Seconds between the beginnings of two routine fetches.
        burst: Fetches that the bucket holds when it is full.
    """

    def __init__(self, *, pause: float, burst: int = 1) -> None:
        self._pause, self._burst = pause, burst
        self._searched: dict[str, float] = {}
        self.reset()

    def reset(self) -> None:
        """Allow a fetch at once: the child of a fork has made none."""
        self._next_routine = self._full_at = self._not_before = -math.inf
        self._agreed = False

    def allows(self, now: float, *, sought: str | None) -> bool:
        """
        Say whether a fetch may begin.

        Args:
            now: Moment of the boot clock.
            sought: A name that the document at hand lacks; None for a routine fetch.
        """
        if now < self._not_before:
            return False
        if self._agreed:
            return True
        if sought is None:
            return now >= self._next_routine
        # Full at that moment, so so many fetches are left now (the generic cell rate algorithm).
        has_one = now >= self._full_at - (self._burst - 1) * self._pause
        return has_one and now >= self._searched.get(sought, -math.inf)

    def begin(self, now: float) -> None:
        """Take note that a fetch begins."""
        self._agreed = False
        self._next_routine = now + self._pause
        most = now + self._burst * self._pause
        self._full_at = min(max(self._full_at, now) + self._pause, most)

    def note_search(self, name: str, now: float) -> None:
        """Take note that a document was fetched for a name: no other is, for a while."""
        # Only what cost a fetch comes here, so the bucket bounds how much is kept.
        alive = {each: until for each, until in self._searched.items() if now < until}
        self._searched = {**alive, name: now + self._pause}

    def hold_off(self, until: float) -> None:
        """Leave the server alone until a moment, as it asked for."""
        self._not_before = max(self._not_before, until)

    def agree_on(self, now: float) -> None:
        """Let the next fetch begin at a moment, not sooner, and whatever the bucket holds."""
        self._not_before, self._agreed = now, True
