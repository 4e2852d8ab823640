"""Scenario: the parameters of a simulation."""

from __future__ import annotations

from typing import Final

from attrs import frozen

LONGEST_STORM: Final = 450.0  # seconds


@frozen
class Scenario:
    """
    The parameters of a simulation.

    Args:
        hosts: Number of hosts.
        lifetime: Lifetime of a token in seconds.
        lease: If set, the cache offers a lease.
        tier: Requests a second that the endpoint serves; None for no limit.
        seed: Seed of the random number generator.
    """

    hosts: int
    lifetime: float
    lease: bool
    tier: float | None
    seed: int

    @property
    def storm_seconds(self) -> float:
        """Return a length that exceeds the time from the advisory window to expiry."""
        return min(self.lifetime / 2, LONGEST_STORM)
