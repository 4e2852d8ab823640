"""Simulated token endpoint: a token bucket at its edge, latency behind it, and 429 storms."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from credicorp_auth.errors import DeadlinePassed
from credicorp_auth.http.messages import HttpResponse
from credicorp_auth_testing.scripted_runtime import token_response

if TYPE_CHECKING:
    import random

    from ledger import Ledger
    from timeline import Timeline

    from credicorp_auth.http.secret import SecretBytes

EDGE_SECONDS: Final = 0.02  # until the edge rejects a request
MEDIAN_SECONDS: Final = 0.096  # until a token is issued: the status page's p50
SPREAD: Final = 0.726  # of the logarithm, so that 99 of 100 take at most 0.52 s, its p99
STORM_SECONDS: Final = 30  # the Retry-After of a storm's 429 responses


class Endpoint:
    """
    A token endpoint with a rate limit.

    Args:
        timeline: The simulated clock.
        dice: The random number generator.
        ledger: The counters of requests.
        tier: Requests a second that it serves, and saves up at most; None for no limit.
        lifetime: Lifetime of its tokens in seconds.
    """

    def __init__(
        self,
        timeline: Timeline,
        dice: random.Random,
        ledger: Ledger,
        *,
        tier: float | None,
        lifetime: float,
    ) -> None:
        self._timeline = timeline
        self._dice = dice
        self._ledger = ledger
        self._tier = tier
        self._saved, self._saved_at = tier or 0.0, 0.0
        self._storm_seconds = 0.0
        self._storm_until = -math.inf
        self._granted = token_response(expires_in=lifetime)

    def arm_storm(self, seconds: float) -> None:
        """Reject every request for this many seconds, from the next request on."""
        self._storm_seconds = seconds

    def response(self, timeout: float) -> HttpResponse:
        """Respond to one request; pause the calling task until the response is complete."""
        instant = self._timeline.instant
        retry_after = self._retry_after(instant)
        self._ledger.note_request(instant, served=retry_after is None)
        if retry_after is not None:
            self._timeline.pause(EDGE_SECONDS)
            return busy(retry_after, self._granted.body)
        seconds = self._dice.lognormvariate(math.log(MEDIAN_SECONDS), SPREAD)
        self._timeline.pause(min(seconds, timeout))
        if seconds >= timeout:
            raise DeadlinePassed("the token endpoint took too long")
        return self._granted

    def _retry_after(self, instant: float) -> int | None:
        """Return the Retry-After seconds of a 429; None if the request is served."""
        if self._storm_seconds:
            self._storm_until = instant + self._storm_seconds
            self._storm_seconds = 0.0
        if instant < self._storm_until:
            return STORM_SECONDS
        if self._tier is None:
            return None
        self._saved = min(self._tier, self._saved + (instant - self._saved_at) * self._tier)
        self._saved_at = instant
        if self._saved < 1:
            # Whole seconds until the bucket holds a request again: exact, and the same for all.
            return math.ceil((1 - self._saved) / self._tier)
        self._saved -= 1
        return None


def busy(retry_after: int, body: SecretBytes) -> HttpResponse:
    """Return a 429 response; its body does not matter."""
    return HttpResponse(429, [("Retry-After", str(retry_after))], body)
