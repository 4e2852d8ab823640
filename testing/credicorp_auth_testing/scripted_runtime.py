"""Runtime with scripted responses that records its calls, for tests of the lifecycle."""

from __future__ import annotations

import json
from collections import deque
from typing import TYPE_CHECKING, Any

from attrs import frozen

from credicorp_auth.engine.storage.record import (
    CorruptEntry,
    read_stored_token,
    write_stored_token,
)
from credicorp_auth.http.messages import HttpResponse
from credicorp_auth.http.secret import Secret, SecretBytes
from credicorp_auth.lifecycle.client import ClientCredentials
from credicorp_auth.lifecycle.endpoint_state import EndpointState, Succeeded
from credicorp_auth.lifecycle.runtime import Unusable
from credicorp_auth.lifecycle.windows import Instant
from credicorp_auth.oauth.endpoint import EndpointAddress
from credicorp_auth.plugin.api import LeaseState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from credicorp_auth.errors import CredicorpAuthError
    from credicorp_auth.http.messages import HttpRequest
    from credicorp_auth.lifecycle.endpoint_state import EndpointOutcome
    from credicorp_auth.lifecycle.runtime import StoredToken
    from credicorp_auth.plugin.api import Lease


def response(
    status: int = 200, headers: Iterable[tuple[str, str]] = (), **members: Any
) -> HttpResponse:
    """
    Build a JSON response of an authorization server.

    Args:
        status: HTTP status code.
        headers: Further headers, as pairs.
        **members: The members of the JSON object.
    """
    body = json.dumps(members).encode()
    return HttpResponse(status, [("Content-Type", "application/json"), *headers], SecretBytes(body))


def token_response(value: str = "token-1", **members: Any) -> HttpResponse:
    """Build a response that grants a token; `expires_in` defaults to an hour."""
    granted: dict[str, Any] = {
        "access_token": value,
        "token_type": "Bearer",
        "expires_in": 3600,
        **members,
    }
    return response(**granted)


@frozen
class ScriptedLease:
    """
    A lease in a fixed state.

    Args:
        state: The state.
    """

    state: LeaseState
    number: int = 0

    def renew(self, *, timeout: float) -> bool:  # noqa: ARG002 - the port's
        """Return true: a scripted lease never expires."""
        return True

    def release(self, *, timeout: float) -> None:
        """Do nothing: no lease is held."""


class ScriptedRuntime:
    """
    A scripted runtime that records every call.

    Args:
        responses: Results of `send`, in order: a response, or an error to raise.
        secrets: Results of the secret source, in order; the last one repeats. A string is a secret
            that is also its version, and "new|old" is one with a fallback. An error is raised.
        chance: The result of `random`.
        send_seconds: Duration of each request in seconds.
        leases: States of the requested leases, in order.

    .. versionadded:: 1.0.0
    """

    def __init__(
        self,
        responses: Iterable[HttpResponse | CredicorpAuthError] = (),
        *,
        secrets: Iterable[str | CredicorpAuthError] = ("secret-1",),
        chance: float = 0.0,
        send_seconds: float = 0.0,
        leases: Iterable[LeaseState] = (),
    ) -> None:
        self.asked: list[str] = []
        self.sent: list[HttpRequest] = []
        self.emitted: list[str] = []
        self.outcomes: list[EndpointOutcome] = []
        self.cache: dict[str, bytes] = {}
        self.state = EndpointState()
        self.clock = Instant(1_800_000_000.0, 1_000.0)
        self._responses = deque(responses)
        self._secrets = deque(secrets)
        self._leases = deque(leases)
        self._chance = chance
        self._send_seconds = send_seconds
        self._records = 0
        self._numbers = 0

    def advance(self, seconds: float) -> None:
        """Advance the clock."""
        self.clock = Instant(self.clock.wall + seconds, self.clock.boot + seconds)

    def now(self) -> Instant:
        """Return the current time; this call is too frequent to record."""
        return self.clock

    def random(self) -> float:
        """Return the scripted random number."""
        return self._chance

    def new_record_id(self) -> str:
        """Return the next record id: 32 digits that count up."""
        self._records += 1
        return f"{self._records:032x}"

    def pause(self, seconds: float) -> None:
        """Advance the clock at once."""
        self.asked.append(f"pause {seconds:g}")
        self.advance(seconds)

    def read_cache(self, key: str) -> StoredToken | Unusable | None:
        """Return the stored token, if it is still a valid record."""
        self.asked.append("read_cache")
        entry = self.cache.get(key)
        if entry is None:
            return None
        try:
            return read_stored_token(entry, key, max_lifetime=86_400.0)
        except CorruptEntry:
            return Unusable.DAMAGED

    def write_cache(self, key: str, stored: StoredToken) -> None:
        """Store a token, in the encoding of a real cache."""
        self.asked.append("write_cache")
        self.cache[key] = write_stored_token(key, stored)

    def discard(self, key: str, record_id: str) -> None:
        """Delete that record."""
        self.asked.append("discard")
        if record_id.encode() in self.cache.get(key, b""):
            del self.cache[key]

    def lease(self, key: str) -> Lease:  # noqa: ARG002 - there is one key
        """Return the next scripted lease; without a script, the cache is not shared."""
        if not self._leases:
            return ScriptedLease(LeaseState.FAILED)
        self._numbers += 1
        state = self._leases.popleft()
        self.asked.append(f"lease {state.name.lower()}")
        return ScriptedLease(state, self._numbers)

    def release(self, lease: Lease) -> None:
        """Record the release of a lease."""
        if lease.state is LeaseState.ACQUIRED:
            self.asked.append("release")

    def load_shared_cooldown(self) -> None:
        """Record that the shared cooldown was read, if the cache is shared."""
        if self._numbers:
            self.asked.append("load_shared_cooldown")

    def fetch_secret(self, *, past_cache: bool) -> ClientCredentials:
        """Return the next scripted secret."""
        self.asked.append("fetch_secret past cache" if past_cache else "fetch_secret")
        secret = self._secrets.popleft() if len(self._secrets) > 1 else self._secrets[0]
        if isinstance(secret, str):
            return self._credentials(*secret.split("|"))
        raise secret

    def _credentials(self, version: str, *fallbacks: str) -> ClientCredentials:
        fallback = self._credentials(*fallbacks) if fallbacks else None
        return ClientCredentials("client-1", Secret(version), version, fallback=fallback)

    def accept_version(self, credentials: ClientCredentials) -> None:
        """Record the secret version that the server accepted."""
        self.asked.append(f"settle on {credentials.version}")

    def send(self, request: HttpRequest, *, timeout: float) -> HttpResponse:
        """Return the next scripted response, after the scripted time."""
        self.asked.append(f"send within {timeout:g}")
        self.sent.append(request)
        self.advance(self._send_seconds)
        given = self._responses.popleft()
        if isinstance(given, HttpResponse):
            return given
        raise given

    def find_endpoint(self, seconds: float) -> EndpointAddress:
        """Return the one introspection endpoint."""
        self.asked.append(f"find_endpoint within {seconds:g}")
        return EndpointAddress("https://as.example/inquire", "`introspection_url`", self._served)

    def locate_endpoint(self, seconds: float = 0.0) -> EndpointAddress:  # noqa: ARG002 - as the port
        """Return the one token endpoint."""
        return EndpointAddress("https://as.example/token", "`token_url`", self._served)

    @property
    def _served(self) -> bool:
        return any(isinstance(outcome, Succeeded) for outcome in self.outcomes)

    def check_peer(self, response: HttpResponse, url: str) -> None:
        """Accept every response: it comes from the script."""

    def recall(self) -> EndpointState:
        """Return the state so far."""
        return self.state

    def remember(self, outcome: EndpointOutcome) -> None:
        """Apply an outcome to the state."""
        self.outcomes.append(outcome)
        self.state = self.state.after(outcome, self.clock.boot)

    def emit(self, name: str, **_fields: str | float | bool | None) -> None:
        """Record an event."""
        self.emitted.append(name)
