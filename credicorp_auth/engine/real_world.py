"""The World of the stories, made of adapters, clocks and memory."""

from __future__ import annotations

import random
import secrets
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

from credicorp_auth.engine.adapter_call import call_adapter
from credicorp_auth.engine.addresses import EndpointLocator
from credicorp_auth.engine.cool_downs import COOL_DOWNS
from credicorp_auth.engine.teller import Teller
from credicorp_auth.engine.token_cache import TokenCache
from credicorp_auth.errors import Closed
from credicorp_auth.lifecycle.client import Client, ClientCredentials, endpoint_key
from credicorp_auth.lifecycle.standing import Failed, Served, Standing
from credicorp_auth.oauth.http import HttpResponse
from credicorp_auth.oauth.retry import believe_cooldown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from credicorp_auth.engine.clock import Clock
    from credicorp_auth.engine.seal import Seal
    from credicorp_auth.engine.secret_keeper import SecretKeeper
    from credicorp_auth.events import Event
    from credicorp_auth.lifecycle.standing import Fact
    from credicorp_auth.lifecycle.windows import Instant
    from credicorp_auth.lifecycle.world import StoredToken, Unusable
    from credicorp_auth.oauth.endpoint_address import EndpointAddress
    from credicorp_auth.oauth.http import HttpRequest
    from credicorp_auth.oauth.scope import Scope
    from credicorp_auth.oauth.secret import Secret
    from credicorp_auth.ports import Cache, Lease, Provider, Transport


class RealWorld:
    """
    Performs what a story asks for.

    Args:
        client: Whose stories are lived.
        transport: Carries requests; with its provider.
        cache: Keeps tokens; with its provider.
        seal: Seals what the cache keeps, or None.
        keeper: Knows the credentials.
        observers: Called with each event, on the thread that tells it.
        clock: The clocks.
        locator: Knows the token endpoint; the address in the client's template if not given.
    """

    def __init__(  # noqa: PLR0913 - the one place where the parts of an engine meet
        self,
        client: Client,
        *,
        transport: tuple[Transport, Provider],
        cache: tuple[Cache, Provider],
        keeper: SecretKeeper,
        observers: Sequence[Callable[[Event], object]],
        clock: Clock,
        seal: Seal | None = None,
        locator: EndpointLocator | None = None,
    ) -> None:
        self._client = client
        self._locator = locator or EndpointLocator(
            client.template.token_url, "token_endpoint", "`token_url`"
        )
        self.transport, self.transport_provider = transport
        self.teller = Teller(observers, self.known_secrets)
        self.cache = TokenCache(
            *cache,
            clock=clock,
            tell=self.tell,
            max_lifetime=client.policy.max_lifetime,
            seal=seal,
        )
        self.keeper = keeper
        keeper.tell = self.tell
        self.clock = clock

        self._standing = Standing()
        self._lock = threading.Lock()
        self._cool_down_key = endpoint_key(client.template.token_url, client.client_id or "")
        self.closing = threading.Event()

    def now(self) -> Instant:
        """Return the time by both clocks."""
        return self.clock.now()

    def random(self) -> float:
        """Return a number in [0, 1)."""
        return random.random()  # noqa: S311 - it spreads callers out; nothing is secret about it

    def new_record_id(self) -> str:
        """Return a random name for a cache record."""
        return secrets.token_hex(16)

    def pause(self, seconds: float) -> None:
        """Wait, unless the engine is closed meanwhile."""
        if self.clock.wait(self.closing, seconds):
            raise Closed("the CredicorpAuth was closed while a token was being obtained")

    def read_cache(self, key: str) -> StoredToken | Unusable | None:
        """Return what the cache has, if it can be had and read."""
        return self.cache.read(key)

    def write_cache(self, key: str, stored: StoredToken) -> None:
        """Put a token into the cache, if it can be put there."""
        self.cache.write(key, stored)

    def discard(self, key: str, record_id: str) -> None:
        """Drop that very record from the cache."""
        self.cache.discard(key, record_id)

    def lease(self, key: str) -> Lease:
        """Ask for the right to mint for all who share the cache, and keep it while we work."""
        return self.cache.lease(key)

    def release(self, lease: Lease) -> None:
        """Give a lease back."""
        lease.release()

    def heed_others(self) -> None:
        """Take note of a cool-down that another who shares the cache was told."""
        until = self.cache.read_cool_down(self._cool_down_key)
        left = believe_cooldown(until, self.clock.wall())
        if left > 0:
            moment = self.clock.boot()
            COOL_DOWNS.start(self._cool_down_key, moment + left, moment)

    def fetch_secret(self, *, past_cache: bool) -> ClientCredentials:
        """Return id and secret of one version."""
        credentials = self.keeper.fetch(past_cache=past_cache)
        if self._client.client_id is None:
            # A cool-down is meant for one client, and only now it is known which one this is.
            url = self._client.template.token_url
            self._cool_down_key = endpoint_key(url, credentials.client_id)
        return credentials

    def settle_on(self, credentials: ClientCredentials) -> None:
        """Fetch these from now on, until the source is read again."""
        self.keeper.settle_on(credentials)

    def send(self, request: HttpRequest, *, timeout: float) -> HttpResponse:
        """Send a request through the chosen transport."""
        return call_adapter(
            self.transport_provider,
            lambda: self.transport.send(request, timeout=timeout),
            expected=(HttpResponse,),
        )

    def locate_endpoint(self) -> EndpointAddress:
        """Return which address is asked for tokens, and where it came from."""
        return self._locator.known()

    def known_secrets(self) -> tuple[Secret, ...]:
        """
        Return the credentials that the engine holds, so that nothing it tells shows them.

        A value that is part of the client id, an address or the scope is none: the settings show
        it anyway, and an event without it could not be read.
        """
        asked = self._client.template
        shown = f"{self._client.client_id} {asked.token_url} {asked.scope}"
        held = asked.secrets_beside(*self.keeper.known())
        return tuple(each for each in held if each.reveal() not in shown)

    def recall(self) -> Standing:
        """Return how the client stands with the token endpoint, in this process."""
        return COOL_DOWNS.heeded_by(self._standing, self._cool_down_key)

    def remember(self, fact: Fact) -> None:
        """Keep what the token endpoint did."""
        moment = self.clock.boot()
        with self._lock:
            self._standing = self._standing.after(fact, moment)
        if isinstance(fact, Served):
            self._locator.note_answered()
        if isinstance(fact, Failed) and fact.is_cooldown:
            COOL_DOWNS.start(self._cool_down_key, moment + fact.pause, moment)
            until = self.clock.wall() + fact.pause
            self.cache.write_cool_down(self._cool_down_key, self.new_record_id(), until)

    def forgive(self, scope: Scope | None) -> None:
        """Forget refusals: something has changed."""
        with self._lock:
            self._standing = self._standing.forgiving(scope)

    def tell(self, name: str, **fields: str | float | bool | None) -> None:
        """Tell the log and every observer; an observer that fails is itself an event."""
        self.teller.tell(name, **fields)

    def after_fork(self) -> None:
        """In the child: keep what is known, drop locks and sockets."""
        self._lock = threading.Lock()
        closed, self.closing = self.closing.is_set(), threading.Event()
        if closed:
            self.closing.set()
        self.keeper.after_fork()
        for part in (self.transport, self.cache, self.keeper.source):
            part.after_fork()

    def close(self) -> None:
        """
        Wake whoever pauses, and close the adapters.

        Raises:
            AdapterBroken: One cannot be closed; the others are.
        """
        self.closing.set()
        with ExitStack() as parts:
            for provider, part in (
                (self.keeper.provider, self.keeper.source),
                (self.cache.provider, self.cache),
                (self.transport_provider, self.transport),
            ):
                parts.callback(call_adapter, provider, part.close, expected=object)
