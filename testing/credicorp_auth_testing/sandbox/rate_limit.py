"""Token bucket: a rate limit with a burst."""

from __future__ import annotations

import math
import threading
import time


class TokenBucket:
    """
    A bucket that refills continuously; each request takes one token.

    Args:
        rate: Tokens added per second.
        burst: Capacity of the bucket in tokens.
    """

    def __init__(self, rate: float, burst: int) -> None:
        self.rate = rate
        self.burst = burst
        self._lock = threading.Lock()
        self._drops = float(burst)
        self._filled_at = time.monotonic()

    def take(self) -> bool:
        """Take one token; return false if the bucket is empty."""
        with self._lock:
            self._fill()
            if self._drops < 1:
                return False
            self._drops -= 1
            return True

    def _fill(self) -> None:
        now = time.monotonic()
        self._drops = min(self.burst, self._drops + (now - self._filled_at) * self.rate)
        self._filled_at = now

    def headers(self) -> dict[str, str]:
        """Return the rate-limit headers of every response; the reset is in seconds from now."""
        with self._lock:
            self._fill()
            remaining = int(self._drops)
            reset = max(1, math.ceil((self.burst - self._drops) / self.rate))
        return {
            "RateLimit-Limit": str(self.burst),
            "RateLimit-Remaining": str(remaining),
            "RateLimit-Reset": str(reset),
        }
