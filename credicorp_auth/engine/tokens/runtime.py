"""The runtime of the stories, made of adapters, clocks and memory."""

from __future__ import annotations

import random
import secrets
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

from credicorp_auth.engine.adapter_call import call_adapter
from credicorp_auth.engine.cooldowns import COOLDOWNS
from credicorp_auth.engine.endpoint_locator import EndpointLocator
from credicorp_auth.engine.event_emitter import EventEmitter
from credicorp_auth.engine.storage.token_cache import TokenCache
from credicorp_auth.errors import Closed
from credicorp_auth.http.messages import HttpResponse
from credicorp_auth.http.retry import believe_cooldown
from credicorp_auth.lifecycle.client import Client, ClientCredentials, endpoint_key
from credicorp_auth.lifecycle.endpoint_state import EndpointState, Failed, Succeeded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from credicorp_auth.engine.clock import Clock
    from credicorp_auth.engine.storage.credential_cache import CredentialCache
    from credicorp_auth.engine.storage.encryption import EntryCipher
    from credicorp_auth.events import Event
    from credicorp_auth.http.messages import HttpRequest
    from credicorp_auth.http.secret import Secret
    from credicorp_auth.lifecycle.endpoint_state import EndpointOutcome
    from credicorp_auth.lifecycle.runtime import StoredToken, Unusable
    from credicorp_auth.lifecycle.windows import Instant
    from credicorp_auth.oauth.endpoint_address import EndpointAddress
    from credicorp_auth.oauth.scope import Scope
    from credicorp_auth.plugin.api import Cache, Lease, Provider, Transport


class ServerRuntime:
    """
    Performs what a story asks for.

    Args:
        client: Whose stories are lived.
        transport: Carries requests; with its provider.
        cache: Keeps tokens; with its provider.
        cipher: Seals what the cache keeps, or None.
        credentials: Knows the credentials.
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
        credentials: CredentialCache,
        observers: Sequence[Callable[[Event], object]],
        clock: Clock,
        cipher: EntryCipher | None = None,
        locator: EndpointLocator | None = None,
    ) -> None:
        self._client = client
        self._locator = locator or EndpointLocator(
            client.template.token_url, "token_endpoint", "`token_url`"
        )
        self.transport, self.transport_provider = transport
        self.emitter = EventEmitter(observers, self.known_secrets)
        self.cache = TokenCache(
            *cache,
            clock=clock,
            emit=self.emit,
            max_lifetime=client.policy.max_lifetime,
            cipher=cipher,
        )
        self.credentials = credentials
        credentials.emit = self.emit
        self.clock = clock

        self._state = EndpointState()
        self._lock = threading.Lock()
        self._cooldown_key = endpoint_key(client.template.token_url, client.client_id or "")
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

    def load_shared_cooldown(self) -> None:
        """Take note of a cool-down that another who shares the cache was told."""
        until = self.cache.read_cooldown(self._cooldown_key)
        left = believe_cooldown(until, self.clock.wall())
        if left > 0:
            now = self.clock.boot()
            COOLDOWNS.start(self._cooldown_key, now + left, now)

    def fetch_secret(self, *, past_cache: bool) -> ClientCredentials:
        """Return id and secret of one version."""
        credentials = self.credentials.fetch(past_cache=past_cache)
        if self._client.client_id is None:
            # A cool-down is meant for one client, and only now it is known which one this is.
            url = self._client.template.token_url
            self._cooldown_key = endpoint_key(url, credentials.client_id)
        return credentials

    def accept_version(self, credentials: ClientCredentials) -> None:
        """Fetch these from now on, until the source is read again."""
        self.credentials.accept_version(credentials)

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
        held = asked.secrets_beside(*self.credentials.known())
        return tuple(each for each in held if each.reveal() not in shown)

    def recall(self) -> EndpointState:
        """Return how the client stands with the token endpoint, in this process."""
        return COOLDOWNS.applies_to(self._state, self._cooldown_key)

    def remember(self, outcome: EndpointOutcome) -> None:
        """Keep what the token endpoint did."""
        now = self.clock.boot()
        with self._lock:
            self._state = self._state.after(outcome, now)
        if isinstance(outcome, Succeeded):
            self._locator.note_answered()
        if isinstance(outcome, Failed) and outcome.is_cooldown:
            COOLDOWNS.start(self._cooldown_key, now + outcome.pause, now)
            until = self.clock.wall() + outcome.pause
            self.cache.write_cooldown(self._cooldown_key, self.new_record_id(), until)

    def forgive(self, scope: Scope | None) -> None:
        """Forget refusals: something has changed."""
        with self._lock:
            self._state = self._state.forgiving(scope)

    def emit(self, name: str, **fields: str | float | bool | None) -> None:
        """Tell the log and every observer; an observer that fails is itself an event."""
        self.emitter.emit(name, **fields)

    def after_fork(self) -> None:
        """In the child: keep what is known, drop locks and sockets."""
        self._lock = threading.Lock()
        closed, self.closing = self.closing.is_set(), threading.Event()
        if closed:
            self.closing.set()
        self.credentials.after_fork()
        for part in (self.transport, self.cache, self.credentials.source):
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
                (self.credentials.provider, self.credentials.source),
                (self.cache.provider, self.cache),
                (self.transport_provider, self.transport),
            ):
                parts.callback(call_adapter, provider, part.close, expected=object)
