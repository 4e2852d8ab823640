"""Switches of a running sandbox: lifetimes, latencies, rejections and faults."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from attrs import field, fields_dict, frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from credicorp_auth_testing.sandbox.settings import SandboxSettings


@frozen
class Fault:
    """
    A faulty response of an endpoint.

    Args:
        status: HTTP status code.
        headers: Header names to values.
        body: The body, as text or as bytes.
        action: `answer` sends the response; `close` and `reset` end the connection without one.
    """

    status: int = 500
    headers: Mapping[str, str] = field(factory=dict[str, str])
    body: str | bytes = ""
    action: str = "answer"


FAULTY: Final = ("token", "introspection", "revocation")
"""The endpoints that can be made to fail."""


class Switches:
    """
    The switches of one sandbox; set an attribute to switch.

    Args:
        settings: The initial values.
    """

    def __init__(self, settings: SandboxSettings) -> None:
        self.expires_in = settings.expires_in
        self.token_latency = settings.token_latency
        self.jwks_latency = 0.0
        self.introspection_latency = 0.0
        self.unnamed: tuple[str, ...] = ()  # members to leave out of the metadata
        self.narrowed_scope: str | None = None
        self.omit_expires_in = False
        self.api_refuses_all = False
        self.refused_paths: tuple[str, ...] = ()  # API paths that return 401 for any token
        # Status and error code for a client whose secret is wrong; an empty code for none.
        self.client_refusal: tuple[int, str] | None = None
        self._lock = threading.Lock()
        self._faults: dict[str, deque[Fault]] = {name: deque() for name in FAULTY}
        self._refusal = (0.0, 429, 0)

    def switch(self, changes: Mapping[str, Any]) -> None:
        """
        Set several switches by name.

        Raises:
            KeyError: There is no such switch.
        """
        for name, value in changes.items():
            if name.startswith("_") or name not in vars(self):
                raise KeyError(name)
            setattr(self, name, value)

    def refuse(self, seconds: float, *, status: int = 429, retry_after: int = 2) -> None:
        """Let the token endpoint return 429, or 503, for this many seconds."""
        with self._lock:
            self._refusal = (time.monotonic() + seconds, status, retry_after)

    def fail_next(self, faults: Iterable[Fault], *, at: str = "token") -> None:
        """
        Apply these faults to the next requests, one each, in place of those of an earlier call.

        Args:
            faults: The faults.
            at: The endpoint: one of `FAULTY`.
        """
        with self._lock:
            self._faults[at] = deque(faults)

    def next_fault(self, at: str = "token") -> Fault | None:
        """Return the fault for the current request; None for a regular response."""
        with self._lock:
            if self._faults[at]:
                return self._faults[at].popleft()
            until, status, retry_after = self._refusal
        if at != "token" or time.monotonic() >= until:
            return None
        body = '{"error": "temporarily_unavailable", "error_description": "rate limited"}'
        headers = {"Content-Type": "application/json", "Retry-After": str(retry_after)}
        return Fault(status, headers, body)


FAULT_FIELDS = tuple(fields_dict(Fault))
