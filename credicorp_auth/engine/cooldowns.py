"""
The cool-downs that token endpoints asked for, shared by all engines of a process.

A 429 is meant for the client, not for the object that happened to get it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from credicorp_auth.http.retry import MAX_RETRY_AFTER

if TYPE_CHECKING:
    from credicorp_auth.lifecycle.endpoint_state import EndpointState

_MOST: Final = 1024  # clients and endpoints


class Cooldowns:
    """Moments of the boot clock before which endpoints are left alone, by endpoint and client."""

    def __init__(self) -> None:
        # Single reads and writes of a dict are atomic; no lock, so nothing for a fork to break.
        self._until: dict[str, float] = {}
        self._look_at = _MOST  # entries at which those that have ended are dropped

    def until(self, key: str) -> float:
        """Return the moment before which the endpoint is left alone; 0 where there is none."""
        return self._until.get(key, 0.0)

    def applies_to(self, state: EndpointState, key: str) -> EndpointState:
        """Return how a client stands that heeds the cool-down, whichever engine was told of it."""
        until = self.until(key)
        return state if until <= state.cooldown_until else state.quiet_at_least(until)

    def start(self, key: str, until: float, now: float) -> None:
        """Leave the endpoint alone until `until`, within bounds; it is `now` now."""
        until = min(until, now + MAX_RETRY_AFTER)
        if len(self._until) >= self._look_at:
            # None that is running is dropped, whatever that makes the table: it is told seldom.
            for each, end in list(self._until.items()):
                if end <= now:
                    self._until.pop(each, None)
            self._look_at = max(_MOST, 2 * len(self._until))
        self._until[key] = max(until, self._until.get(key, 0.0))


COOLDOWNS: Final = Cooldowns()
