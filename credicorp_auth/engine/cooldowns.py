"""
Table of the cooldowns that endpoints asked for, shared by all engines of a process.

A 429 applies to the client, not only to the engine that received it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from credicorp_auth.http.retry import MAX_RETRY_AFTER

if TYPE_CHECKING:
    from credicorp_auth.lifecycle.endpoint_state import EndpointState

_MOST: Final = 1024  # clients and endpoints


class Cooldowns:
    """Boot-clock times at which cooldowns end, by endpoint and client."""

    def __init__(self) -> None:
        # Single reads and writes of a dict are atomic; without a lock a fork can break nothing.
        self._until: dict[str, float] = {}
        self._look_at = _MOST  # number of entries at which ended cooldowns are dropped

    def until(self, key: str) -> float:
        """Return the boot-clock time at which the endpoint's cooldown ends; 0 if there is none."""
        return self._until.get(key, 0.0)

    def applies_to(self, state: EndpointState, key: str) -> EndpointState:
        """Return the endpoint state with the process-wide cooldown applied."""
        until = self.until(key)
        return state if until <= state.cooldown_until else state.with_cooldown_until(until)

    def start(self, key: str, until: float, now: float) -> None:
        """Start a cooldown from `now` until `until`, at most `MAX_RETRY_AFTER` seconds."""
        until = min(until, now + MAX_RETRY_AFTER)
        if len(self._until) >= self._look_at:
            # No running cooldown is dropped, even if the table grows: servers rarely ask for one.
            for each, end in list(self._until.items()):
                if end <= now:
                    self._until.pop(each, None)
            self._look_at = max(_MOST, 2 * len(self._until))
        self._until[key] = max(until, self._until.get(key, 0.0))


COOLDOWNS: Final = Cooldowns()
