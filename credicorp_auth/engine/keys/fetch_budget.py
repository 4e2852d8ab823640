"""
Fetch budget: a rate limit on the fetches of a document.

Attempts are counted, not successes. So neither an outage nor a flood of tokens with invented key
ids causes more than a few requests. All fetches draw on one token bucket. A routine fetch must also
start at least `pause` seconds after the fetch before it. A fetch for a name that the document lacks
needs only the bucket, and each name may cause one fetch in `pause` seconds.
"""

from __future__ import annotations

import math


class FetchBudget:
    """
    Token bucket that refills by one fetch every `pause` seconds; call it under the owner's lock.

    Args:
        pause: Seconds between the starts of two routine fetches.
        burst: Capacity of the bucket, in fetches; 1 by default.
    """

    def __init__(self, *, pause: float, burst: int = 1) -> None:
        self._pause, self._burst = pause, burst
        self._searched: dict[str, float] = {}
        self.reset()

    def reset(self) -> None:
        """Refill the bucket, for a forked child, which has made no fetch."""
        self._next_routine = self._full_at = self._not_before = -math.inf
        self._agreed = False

    def allows(self, now: float, *, sought: str | None) -> bool:
        """
        Return whether a fetch may start.

        Args:
            now: Boot-clock time.
            sought: The name that the cached document lacks; None for a routine fetch.
        """
        if now < self._not_before:
            return False
        if self._agreed:
            return True
        if sought is None:
            return now >= self._next_routine
        # `_full_at` is when the bucket is full again (the generic cell rate algorithm).
        has_one = now >= self._full_at - (self._burst - 1) * self._pause
        return has_one and now >= self._searched.get(sought, -math.inf)

    def begin(self, now: float) -> None:
        """Record that a fetch starts."""
        self._agreed = False
        self._next_routine = now + self._pause
        most = now + self._burst * self._pause
        self._full_at = min(max(self._full_at, now) + self._pause, most)

    def note_search(self, name: str, now: float) -> None:
        """Refuse further fetches for a name for `pause` seconds: one has just looked for it."""
        # Each name here has cost a fetch, so the bucket bounds the size of the table.
        alive = {each: until for each, until in self._searched.items() if now < until}
        self._searched = {**alive, name: now + self._pause}

    def hold_off(self, until: float) -> None:
        """Allow no fetch before a boot-clock time, as the server asked (`Retry-After`)."""
        self._not_before = max(self._not_before, until)

    def agree_on(self, now: float) -> None:
        """Schedule the next fetch: none before `now`, then one even if the bucket is empty."""
        self._not_before, self._agreed = now, True
