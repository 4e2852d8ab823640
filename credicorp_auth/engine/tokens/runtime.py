"""Runtime of the token lifecycle: adapters, clocks, credentials and endpoint state."""

from __future__ import annotations

import secrets
from contextlib import ExitStack
from random import SystemRandom
from typing import TYPE_CHECKING, Final

from credicorp_auth.engine.adapter_call import call_adapter
from credicorp_auth.engine.cooldowns import COOLDOWNS
from credicorp_auth.engine.endpoint_locator import EndpointLocator
from credicorp_auth.engine.event_emitter import EventEmitter
from credicorp_auth.engine.single_flight.cell import Cell
from credicorp_auth.engine.single_flight.gate import Gate
from credicorp_auth.engine.storage.token_cache import CACHE_TIMEOUT, TokenCache
from credicorp_auth.errors import Closed
from credicorp_auth.http.messages import HttpResponse
from credicorp_auth.http.retry import plausible_cooldown
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
    from credicorp_auth.oauth.endpoint import EndpointAddress
    from credicorp_auth.oauth.scope import Scope
    from credicorp_auth.plugin.api import Cache, Lease, Provider, Transport

_DICE: Final = SystemRandom()  # a copy of a process, such as a restored one, draws other numbers


class ServerRuntime:
    """
    Performs the I/O of the token lifecycle and keeps the endpoint state.

    Args:
        client: The client whose tokens are obtained.
        transport: The transport adapter and its provider.
        cache: The cache adapter and its provider.
        cipher: Encrypts cache entries; None keeps them in plain text.
        credentials: The cache of the client's credentials.
        observers: Called with each event, on the thread that emits it.
        clock: The wall clock and the boot clock.
        locator: Finds the token endpoint; by default the address in the client's template.
        cache_timeout: Seconds that a call of the cache may take.
    """

    def __init__(  # noqa: PLR0913 - the composition of an engine
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
        cache_timeout: float = CACHE_TIMEOUT,
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
            secrets=self.all_secrets,
            timeout=cache_timeout,
        )
        self.credentials = credentials
        credentials.emit = self.emit
        self.clock = clock

        self._state = Cell(EndpointState())
        self._cooldown_key = endpoint_key(client.template.token_url, client.client_id or "")
        self.closing = Gate()

    def now(self) -> Instant:
        """Return the time by both clocks."""
        return self.clock.now()

    def random(self) -> float:
        """Return a number in [0, 1)."""
        return _DICE.random()

    def new_record_id(self) -> str:
        """Return a random id for a cache record."""
        return secrets.token_hex(16)

    def pause(self, seconds: float) -> None:
        """Wait; raise `Closed` if the engine is closed meanwhile."""
        if self.clock.wait(self.closing, seconds):
            raise Closed("the CredicorpAuth was closed while a token was being obtained")

    def read_cache(self, key: str) -> StoredToken | Unusable | None:
        """Return the cached token or `Unusable`; None if there is none or the cache fails."""
        return self.cache.read(key)

    def write_cache(self, key: str, stored: StoredToken) -> None:
        """Write a token to the cache; a cache failure is an event, not an error."""
        self.cache.write(key, stored)

    def discard(self, key: str, record_id: str) -> None:
        """Drop one record from the cache, by its id."""
        self.cache.discard(key, record_id)

    def lease(self, key: str) -> Lease:
        """Request the fleet's minting lease and renew it until it is released."""
        return self.cache.lease(key)

    def release(self, lease: Lease) -> None:
        """Release a lease."""
        self.cache.release(lease)

    def load_shared_cooldown(self) -> None:
        """Apply a cooldown that another process has written to the shared cache."""
        until = self.cache.read_cooldown(self._cooldown_key)
        left = plausible_cooldown(until, self.clock.wall())
        if left > 0:
            now = self.clock.boot()
            COOLDOWNS.start(self._cooldown_key, now + left, now)

    def fetch_secret(self, *, past_cache: bool) -> ClientCredentials:
        """Return the client id and secret of one version."""
        credentials = self.credentials.fetch(past_cache=past_cache)
        if self._client.client_id is None:
            # A cooldown applies to one client, whose id is known only now.
            url = self._client.template.token_url
            self._cooldown_key = endpoint_key(url, credentials.client_id)
        return credentials

    def accept_version(self, credentials: ClientCredentials) -> None:
        """Use these credentials until the source is read again: the server accepts them."""
        self.credentials.accept_version(credentials)

    def send(self, request: HttpRequest, *, timeout: float) -> HttpResponse:
        """Send a request through the chosen transport."""
        return call_adapter(
            self.transport_provider,
            lambda: self.transport.send(request, timeout=timeout),
            expected=(HttpResponse,),
            stage="transport.send",
            secrets=lambda: (*self.all_secrets(), *request.secrets()),
        )

    def locate_endpoint(self, seconds: float = 0.0) -> EndpointAddress:
        """
        Return the address of the token endpoint and the setting that it comes from.

        Args:
            seconds: The longest wait for metadata; 0 returns their own address if they are not
                read yet.
        """
        return self._locator.find(seconds) if seconds > 0 else self._locator.known()

    def known_secrets(self) -> tuple[Secret, ...]:
        """
        Return the credentials that the engine holds, so that events do not show them.

        A value that is part of the client id, the token endpoint's address or the scope is left
        out: the settings show it anyway, and an event without it would be unreadable.
        """
        asked = self._client.template
        shown = f"{self._client.client_id} {asked.token_url} {asked.scope}"
        return tuple(each for each in self.all_secrets() if each.reveal() not in shown)

    def all_secrets(self) -> tuple[Secret, ...]:
        """Return all of them, for texts of third parties, which need not be readable."""
        source = self.credentials.provider.secrets()
        return self._client.template.secrets_beside(*source, *self.credentials.known())

    def recall(self) -> EndpointState:
        """Return the token endpoint's state for this client, with the cooldowns of this process."""
        return COOLDOWNS.applies_to(self._state.get(), self._cooldown_key)

    def remember(self, outcome: EndpointOutcome) -> None:
        """Record an outcome in the endpoint state; share a cooldown through the cache."""
        now = self.clock.boot()
        self._state.update(lambda state: state.after(outcome, now))
        if isinstance(outcome, Succeeded):
            self._locator.note_response()
        if isinstance(outcome, Failed) and outcome.is_cooldown:
            COOLDOWNS.start(self._cooldown_key, now + outcome.pause, now)
            until = self.clock.wall() + outcome.pause
            self.cache.write_cooldown(self._cooldown_key, self.new_record_id(), until)

    def forgive(self, scope: Scope | None) -> None:
        """Forget the refusals of a scope and of the client; all of them if the scope is None."""
        self._state.update(lambda state: state.forgiving(scope))

    def emit(self, name: str, **fields: str | float | bool | None) -> None:
        """Emit an event to the log and every observer."""
        self.emitter.emit(name, **fields)

    def after_fork(self) -> None:
        """Keep the state in the forked child; drop what the adapters hold."""
        for part in (self.transport, self.cache, self.credentials.source):
            part.after_fork()

    def close(self) -> None:
        """
        End all pauses and close the adapters.

        Raises:
            AdapterBroken: An adapter cannot be closed; the others are closed all the same.
        """
        self.closing.open()
        with ExitStack() as parts:
            for kind, provider, part in (
                ("secrets", self.credentials.provider, self.credentials.source),
                ("cache", self.cache.provider, self.cache),
                ("transport", self.transport_provider, self.transport),
            ):
                parts.callback(
                    call_adapter,
                    provider,
                    part.close,
                    expected=object,
                    stage=f"{kind}.close",
                    secrets=self.all_secrets,
                )
