"""Runtime of introspection and revocation: one endpoint and its state for one client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from credicorp_auth.engine.cooldowns import COOLDOWNS
from credicorp_auth.engine.endpoint_locator import EndpointLocator
from credicorp_auth.engine.single_flight.cell import Cell
from credicorp_auth.lifecycle.client import endpoint_key
from credicorp_auth.lifecycle.endpoint_state import EndpointState, Failed, Succeeded

if TYPE_CHECKING:
    from credicorp_auth.engine.keys.discovery import Discovery
    from credicorp_auth.engine.tokens.runtime import ServerRuntime
    from credicorp_auth.http.messages import HttpResponse
    from credicorp_auth.lifecycle.client import ClientCredentials
    from credicorp_auth.lifecycle.endpoint_state import EndpointOutcome
    from credicorp_auth.oauth.endpoint import EndpointAddress


class ServerQueryRuntime:
    """
    Performs the I/O of introspection or revocation and keeps the endpoint state.

    Args:
        runtime: The client's token runtime; its clocks, credentials and transport are shared.
        endpoint: The address of the endpoint, or the discovery that finds it.
        member: The metadata member that names the endpoint.
        client_id: The OAuth client id; None if the secret source supplies it.
        source: The setting that the address comes from, as hints name it.
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
        self._state = Cell(EndpointState())
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

    def find_endpoint(self, seconds: float) -> EndpointAddress:
        """Return the endpoint's address; wait up to `seconds` for metadata."""
        return self._locator.find(seconds)

    def has_responded(self) -> bool:
        """Return whether the endpoint has sent a valid response before, in this process."""
        return self._locator.known().has_responded

    def check_peer(self, response: HttpResponse, url: str) -> None:
        """Reject a response from a private network at a discovered address (DNS rebinding)."""
        if not isinstance(self._endpoint, str):
            self._endpoint.check_peer(response, url)

    def fetch_secret(self, *, past_cache: bool) -> ClientCredentials:
        """Return the client id and secret of one version."""
        credentials = self._runtime.fetch_secret(past_cache=past_cache)
        # A cooldown applies to one client, whose id may be known only now.
        self._cooldown_key = endpoint_key(self._place, credentials.client_id)
        return credentials

    def recall(self) -> EndpointState:
        """Return the endpoint state for this client, with the cooldowns of this process."""
        return COOLDOWNS.applies_to(self._state.get(), self._cooldown_key)

    def remember(self, outcome: EndpointOutcome) -> None:
        """Record an outcome in the endpoint state."""
        now = self.clock.boot()

        def after(before: EndpointState) -> EndpointState:
            state = before.after(outcome, now)
            if isinstance(outcome, Failed) and now < before.cooldown_until:
                # Concurrent requests that fail together count as one failure. Counted one by one,
                # a short outage would start a backoff of half a minute.
                return state._replace(failures=before.failures)
            return state

        self._state.update(after)
        if isinstance(outcome, Succeeded):
            self._locator.note_response()
        if isinstance(outcome, Failed) and outcome.is_cooldown:
            COOLDOWNS.start(self._cooldown_key, now + outcome.pause, now)

    def forgive(self) -> None:
        """Forget that the endpoint refused the client: its secret has changed."""
        self._state.update(lambda state: state.forgiving(None))
