"""Counters of the sandbox's requests, for the assertions of tests."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import Any


class Counters:
    """Counters, and the times of the token requests."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._times: list[float] = []
        self._in_flight = 0

    def add(self, name: str) -> None:
        """Increment a counter."""
        with self._lock:
            self._counts[name] += 1

    def token_request_begins(self) -> None:
        """Count a token request, and the maximum of concurrent ones."""
        with self._lock:
            self._counts["token_requests"] += 1
            self._times.append(time.time())
            self._in_flight += 1
            most = max(self._in_flight, self._counts["most_token_requests_in_flight"])
            self._counts["most_token_requests_in_flight"] = most

    def token_request_ends(self) -> None:
        """Record the end of a token request."""
        with self._lock:
            self._in_flight -= 1

    def __getitem__(self, name: str) -> int:
        with self._lock:
            return self._counts[name]

    def times(self) -> list[float]:
        """Return the times of the token requests, in epoch seconds."""
        with self._lock:
            return list(self._times)

    def as_dict(self) -> dict[str, Any]:
        """Return all counts by name, and the times, ready for JSON."""
        with self._lock:
            return {**self._counts, "token_request_times": list(self._times)}

    def reset(self) -> None:
        """Reset all counters."""
        with self._lock:
            self._counts.clear()
            self._times.clear()
