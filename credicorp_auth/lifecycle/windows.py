"""How fresh a token is: the windows of its life, fixed at issue and read by two clocks."""

from __future__ import annotations

from enum import Enum
from typing import Final

from attrs import frozen

MAX_SKEW: Final = 60.0  # seconds by which the clocks of two hosts may differ


@frozen
class Instant:
    """
    One point in time, as both clocks see it.

    Args:
        wall: Epoch seconds; it may jump, but means the same on every host.
        boot: Seconds since the machine started, sleep included; it never jumps.
    """

    wall: float
    boot: float

    def since(self, earlier: Instant) -> float:
        """
        Return the seconds that have passed since `earlier`: what the faster clock says.

        A wall clock that jumps back cannot make a token younger, and one that jumps ahead makes
        it older: both err towards minting again rather than sending an expired token.
        """
        return max(self.wall - earlier.wall, self.boot - earlier.boot)


class Freshness(Enum):
    """What may be done with a token of a certain age."""

    FRESH = "use it"
    ADVISORY = "use it, and let one flight bring its successor"
    MANDATORY = "wait for its successor; use it only if there is none"
    EXPIRED = "never use it"


@frozen
class Windows:
    """
    The windows of one token's life.

    Args:
        issued: From when its life counts: before the token request was sent.
        lifetime: Seconds of life.
        advisory: Age in seconds from which a successor is sought.
        mandatory: Age in seconds from which callers wait for the successor.
    """

    issued: Instant
    lifetime: float
    advisory: float
    mandatory: float

    def freshness_at(self, now: Instant) -> Freshness:
        """Return what may be done with the token now."""
        age = now.since(self.issued)
        if age < self.advisory:
            return Freshness.FRESH
        if age < self.mandatory:
            return Freshness.ADVISORY
        return Freshness.MANDATORY if age < self.lifetime else Freshness.EXPIRED


@frozen
class WindowPolicy:
    """
    How long before expiry to act, for tokens that live long enough; others are scaled.

    Args:
        refresh_lead: Seconds before expiry at which a successor is sought.
        expiry_margin: Seconds before expiry from which callers wait for it.
    """

    refresh_lead: float = 300.0
    expiry_margin: float = 30.0

    def windows(
        self, issued: Instant, lifetime: float, *, mint_seconds: float, chance: float
    ) -> Windows:
        """
        Fix the windows of a token.

        The lead is a quarter of the life at most, unless minting is so slow that it must begin
        earlier; up to a fifth is added at random, so that a fleet does not refresh at once; and
        half of the life is never touched.

        Args:
            issued: From when the token's life counts.
            lifetime: Seconds of life.
            mint_seconds: How long minting takes, smoothed.
            chance: A number in [0, 1).
        """
        lead = max(min(self.refresh_lead, lifetime / 4), 2 * mint_seconds)
        lead = min(lead * (1 + 0.2 * chance), lifetime / 2)
        mandatory = self.mandatory_age(lifetime)
        return Windows(issued, lifetime, min(lifetime - lead, mandatory), mandatory)

    def mandatory_age(self, lifetime: float) -> float:
        """Return the age in seconds from which a token of that lifetime is held out no more."""
        return lifetime - min(self.expiry_margin, lifetime / 10)
