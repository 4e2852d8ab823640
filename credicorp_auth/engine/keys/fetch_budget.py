"""
Fetch budget: a rate limit on the fetches of a document.

Attempts are counted, not successes. So neither an outage nor a flood of tokens with invented key
ids causes more than a few requests. All fetches draw on one token bucket. A routine fetch must also
start at least `pause` seconds after the fetch before it. A fetch for a name that the document lacks
needs only the bucket, and each name may cause one fetch in `pause` seconds.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from attrs import evolve, field, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping


@frozen(eq=False)
class FetchBudget:
    """
    Token bucket that refills by one fetch every `pause` seconds; each method returns a new value.

    Args:
        pause: Seconds between the starts of two routine fetches.
        burst: Capacity of the bucket, in fetches; 1 by default.
    """

    pause: float = field(kw_only=True)
    burst: int = field(default=1, kw_only=True)
    _searched: Mapping[str, float] = field(factory=dict, kw_only=True)
    _next_routine: float = field(default=-math.inf, kw_only=True)
    # When the bucket is full again (the generic cell rate algorithm).
    _full_at: float = field(default=-math.inf, kw_only=True)
    _not_before: float = field(default=-math.inf, kw_only=True)
    _agreed: bool = field(default=False, kw_only=True)

    def refilled(self) -> FetchBudget:
        """Return a full bucket, for a forked child, which has made no fetch."""
        return FetchBudget(pause=self.pause, burst=self.burst, searched=self._searched)

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
        has_one = now >= self._full_at - (self.burst - 1) * self.pause
        return has_one and now >= self._searched.get(sought, -math.inf)

    def after_start(self, now: float) -> FetchBudget:
        """Return the budget after a fetch has started."""
        most = now + self.burst * self.pause
        return evolve(
            self,
            agreed=False,
            next_routine=now + self.pause,
            full_at=min(max(self._full_at, now) + self.pause, most),
        )

    def after_search(self, name: str, now: float) -> FetchBudget:
        """Return a budget that allows none for a name for `pause` seconds: one has just ended."""
        # Each name here has cost a fetch, so the bucket bounds the size of the table.
        alive = {each: until for each, until in self._searched.items() if now < until}
        return evolve(self, searched={**alive, name: now + self.pause})

    def held_off(self, until: float) -> FetchBudget:
        """Return a budget that allows none before a time, as the server asked (`Retry-After`)."""
        return evolve(self, not_before=max(self._not_before, until))

    def agreed_on(self, now: float) -> FetchBudget:
        """Return a budget whose next fetch is at `now`, not before, even if the bucket is empty."""
        return evolve(self, not_before=now, agreed=True)
