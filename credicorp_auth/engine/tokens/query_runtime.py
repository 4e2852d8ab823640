"""The runtime of asking about a token: one endpoint, and how the client stands with it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from attrs import evolve

from credicorp_auth.engine.cooldowns import COOLDOWNS
from credicorp_auth.engine.endpoint_locator import EndpointLocator
from credicorp_auth.engine.fork import renew_after_fork
from credicorp_auth.lifecycle.client import endpoint_key
from credicorp_auth.lifecycle.endpoint_state import EndpointState, Failed, Succeeded

if TYPE_CHECKING:
    from credicorp_auth.engine.keys.discovery import Discovery
    from credicorp_auth.engine.tokens.runtime import ServerRuntime
    from credicorp_auth.http.messages import HttpResponse
    from credicorp_auth.lifecycle.client import ClientCredentials
    from credicorp_auth.lifecycle.endpoint_state import EndpointOutcome
    from credicorp_auth.oauth.endpoint_address import EndpointAddress


class ServerQueryRuntime:
    """
    Performs what the story of asking about a token asks for.

    Args:
        runtime: That of the client's tokens: its clocks, secret and transport serve here as well.
        endpoint: The address, or what discovers it.
        member: What the endpoint is called in metadata.
        client_id: Who asks; None where the secret source supplies it.
        source: Where the address came from, as a hint names it.
    """

    def __init__(
        self,
        runtime: ServerRuntime,
        endpoint: str | Discovery,
        member: str,
        client_id: str | None,
        *,
        source: str,
    ) -> None:
        self._runtime, self._endpoint = runtime, endpoint
        self._locator = EndpointLocator(endpoint, member, source)
        self._state = EndpointState()
        self._lock = threading.Lock()
        place = endpoint if isinstance(endpoint, str) else endpoint.url
        self._place = f"{member} {place}"
        self._cooldown_key = endpoint_key(self._place, client_id or "")
        self.clock = runtime.clock
        self.now, self.random = runtime.now, runtime.random
        self.accept_version, self.send, self.emit = (
            runtime.accept_version,
            runtime.send,
            runtime.emit,
        )
        renew_after_fork(self)

    def find_endpoint(self, seconds: float) -> EndpointAddress:
        """Return the address of the endpoint."""
        return self._locator.find(seconds)

    def has_answered(self) -> bool:
        """Say whether the endpoint has answered properly before, in this process."""
        return self._locator.known().has_answered

    def check_peer(self, response: HttpResponse, url: str) -> None:
        """Refuse an answer out of a network where a discovered address may not lead."""
        if not isinstance(self._endpoint, str):
            self._endpoint.check_peer(response, url)

    def fetch_secret(self, *, past_cache: bool) -> ClientCredentials:
        """Return id and secret of one version."""
        credentials = self._runtime.fetch_secret(past_cache=past_cache)
        # A cool-down is meant for one client, and only now it is known which one this is.
        self._cooldown_key = endpoint_key(self._place, credentials.client_id)
        return credentials

    def recall(self) -> EndpointState:
        """Return how the client stands with the endpoint, in this process."""
        return COOLDOWNS.applies_to(self._state, self._cooldown_key)

    def remember(self, outcome: EndpointOutcome) -> None:
        """Keep what the endpoint did."""
        now = self.clock.boot()
        with self._lock:
            before, after = self._state, self._state.after(outcome, now)
            if isinstance(outcome, Failed) and now < before.cooldown_until:
                # Questions that were under way together and fail together are one failure: counted
                # one by one, a moment's trouble would silence the endpoint for half a minute.
                after = evolve(after, failures=before.failures)
            self._state = after
        if isinstance(outcome, Succeeded):
            self._locator.note_answered()
        if isinstance(outcome, Failed) and outcome.is_cooldown:
            COOLDOWNS.start(self._cooldown_key, now + outcome.pause, now)

    def forgive(self) -> None:
        """Forget that the client was refused: its secret has changed."""
        with self._lock:
            self._state = self._state.forgiving(None)

    def after_fork(self) -> None:
        """In the child: a thread of the parent may have held the lock."""
        self._lock = threading.Lock()
