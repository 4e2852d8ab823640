"""The World of asking about a token: one endpoint, and how the client stands with it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from attrs import evolve

from credicorp_auth.engine.addresses import EndpointLocator
from credicorp_auth.engine.cool_downs import COOL_DOWNS
from credicorp_auth.engine.fork import renew_after_fork
from credicorp_auth.lifecycle.client import endpoint_key
from credicorp_auth.lifecycle.standing import Failed, Served, Standing

if TYPE_CHECKING:
    from credicorp_auth.engine.discovery import Discovery
    from credicorp_auth.engine.real_world import RealWorld
    from credicorp_auth.lifecycle.client import ClientCredentials
    from credicorp_auth.lifecycle.standing import Fact
    from credicorp_auth.oauth.endpoint_address import EndpointAddress
    from credicorp_auth.oauth.http import HttpResponse


class RealInquiryWorld:
    """
    Performs what the story of asking about a token asks for.

    Args:
        world: That of the client's tokens: its clocks, secret and transport serve here as well.
        endpoint: The address, or what discovers it.
        member: What the endpoint is called in metadata.
        client_id: Who asks; None where the secret source supplies it.
        source: Where the address came from, as a hint names it.
    """

    def __init__(
        self,
        world: RealWorld,
        endpoint: str | Discovery,
        member: str,
        client_id: str | None,
        *,
        source: str,
    ) -> None:
        self._world, self._endpoint = world, endpoint
        self._locator = EndpointLocator(endpoint, member, source)
        self._standing = Standing()
        self._lock = threading.Lock()
        place = endpoint if isinstance(endpoint, str) else endpoint.url
        self._place = f"{member} {place}"
        self._cool_down_key = endpoint_key(self._place, client_id or "")
        self.clock = world.clock
        self.now, self.random = world.now, world.random
        self.settle_on, self.send, self.tell = world.settle_on, world.send, world.tell
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
        credentials = self._world.fetch_secret(past_cache=past_cache)
        # A cool-down is meant for one client, and only now it is known which one this is.
        self._cool_down_key = endpoint_key(self._place, credentials.client_id)
        return credentials

    def recall(self) -> Standing:
        """Return how the client stands with the endpoint, in this process."""
        return COOL_DOWNS.heeded_by(self._standing, self._cool_down_key)

    def remember(self, fact: Fact) -> None:
        """Keep what the endpoint did."""
        moment = self.clock.boot()
        with self._lock:
            before, after = self._standing, self._standing.after(fact, moment)
            if isinstance(fact, Failed) and moment < before.quiet_until:
                # Questions that were under way together and fail together are one failure: counted
                # one by one, a moment's trouble would silence the endpoint for half a minute.
                after = evolve(after, failures=before.failures)
            self._standing = after
        if isinstance(fact, Served):
            self._locator.note_answered()
        if isinstance(fact, Failed) and fact.is_cooldown:
            COOL_DOWNS.start(self._cool_down_key, moment + fact.pause, moment)

    def forgive(self) -> None:
        """Forget that the client was refused: its secret has changed."""
        with self._lock:
            self._standing = self._standing.forgiving(None)

    def after_fork(self) -> None:
        """In the child: a thread of the parent may have held the lock."""
        self._lock = threading.Lock()
