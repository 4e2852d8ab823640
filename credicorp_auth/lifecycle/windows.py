"""Refresh windows of a token: fixed at issue, measured by two clocks."""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

MAX_SKEW: Final = 60.0  # seconds by which the clocks of two hosts may differ


class Instant(NamedTuple):
    """
    A point in time by both clocks.

    Args:
        wall: Epoch seconds. The wall clock may jump, but means the same on every host.
        boot: Seconds since the machine started, sleep included. The boot clock never jumps.
    """

    wall: float
    boot: float

    def since(self, earlier: Instant) -> float:
        """
        Return the seconds since `earlier`, by the clock that counted more.

        A wall clock that jumps back cannot make a token younger. One that jumps ahead makes it
        older, which errs towards minting again instead of sending an expired token.
        """
        return max(self.wall - earlier.wall, self.boot - earlier.boot)


class Freshness(Enum):
    """Permitted use of a token of a certain age."""

    FRESH = "use it"
    ADVISORY = "use it, and let one flight bring its successor"
    MANDATORY = "wait for its successor; use it only if there is none"
    EXPIRED = "never use it"


class Windows(NamedTuple):
    """
    The refresh windows of one token.

    Args:
        issued: The time from which its lifetime counts: before the token request was sent.
        lifetime: Lifetime in seconds.
        advisory: Age in seconds from which it is refreshed in the background.
        mandatory: Age in seconds from which callers wait for the successor.
    """

    issued: Instant
    lifetime: float
    advisory: float
    mandatory: float

    def freshness_at(self, now: Instant) -> Freshness:
        """Return the permitted use of the token at `now`."""
        age = now.since(self.issued)
        if age < self.advisory:
            return Freshness.FRESH
        if age < self.mandatory:
            return Freshness.ADVISORY
        return Freshness.MANDATORY if age < self.lifetime else Freshness.EXPIRED


class WindowPolicy(NamedTuple):
    """
    The lead times before expiry; they are scaled down for short-lived tokens.

    Args:
        refresh_lead: Seconds before expiry from which a token is refreshed in the background.
        expiry_margin: Seconds before expiry from which callers wait for the successor.
    """

    refresh_lead: float = 300.0
    expiry_margin: float = 30.0

    def windows(
        self, issued: Instant, lifetime: float, *, mint_seconds: float, chance: float
    ) -> Windows:
        """
        Compute the windows of a token.

        The lead is at most a quarter of the lifetime, or twice the minting time if that is longer.
        Up to a fifth is added at random, so that a fleet does not refresh at once. The lead is
        never more than half of the lifetime.

        Args:
            issued: The time from which the token's lifetime counts.
            lifetime: Lifetime in seconds.
            mint_seconds: Smoothed duration of minting in seconds.
            chance: The jitter, a random number in [0, 1).
        """
        lead = max(min(self.refresh_lead, lifetime / 4), 2 * mint_seconds)
        lead = min(lead * (1 + 0.2 * chance), lifetime / 2)
        mandatory = self.mandatory_age(lifetime)
        return Windows(issued, lifetime, min(lifetime - lead, mandatory), mandatory)

    def mandatory_age(self, lifetime: float) -> float:
        """Return the age in seconds at which the mandatory refresh window begins."""
        return lifetime - min(self.expiry_margin, lifetime / 10)
