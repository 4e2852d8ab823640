"""A token bucket: so many requests at once, so many a second after that."""

from __future__ import annotations

import math
import threading
import time


class TokenBucket:
    """
    A bucket that fills continuously, and loses one drop with each request.

    Args:
        rate: Drops a second.
        burst: Drops it holds.
    """

    def __init__(self, rate: float, burst: int) -> None:
        self.rate = rate
        self.burst = burst
        self._lock = threading.Lock()
        self._drops = float(burst)
        self._filled_at = time.monotonic()

    def take(self) -> bool:
        """Take one drop; say whether there was one."""
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
        """Return the headers that every answer carries; the reset is in seconds from now."""
        with self._lock:
            self._fill()
            remaining = int(self._drops)
            reset = max(1, math.ceil((self.burst - self._drops) / self.rate))
        return {
            "RateLimit-Limit": str(self.burst),
            "RateLimit-Remaining": str(remaining),
            "RateLimit-Reset": str(reset),
        }
