"""The World of the stories, made of adapters, clocks and memory."""

from __future__ import annotations

import random
import secrets
import threading
from typing import TYPE_CHECKING

from credicorp_auth.engine.adapter_call import call_adapter
from credicorp_auth.engine.cool_downs import COOL_DOWNS
from credicorp_auth.engine.stored_token import (
    CorruptEntry,
    read_stored_token,
    write_stored_token,
)
from credicorp_auth.engine.teller import Teller
from credicorp_auth.errors import Closed, CredicorpAuthError, TokenEndpointBusy
from credicorp_auth.lifecycle.client import Client, ClientCredentials, endpoint_key
from credicorp_auth.lifecycle.standing import Failed, Standing
from credicorp_auth.oauth.http import HttpResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from credicorp_auth.engine.clock import Clock
    from credicorp_auth.engine.secret_keeper import SecretKeeper
    from credicorp_auth.events import Event
    from credicorp_auth.lifecycle.standing import Fact
    from credicorp_auth.lifecycle.windows import Instant
    from credicorp_auth.lifecycle.world import StoredToken
    from credicorp_auth.oauth.http import HttpRequest
    from credicorp_auth.oauth.scope import Scope
    from credicorp_auth.ports import Cache, Provider, Transport


class RealWorld:
    """
    Performs what a story asks for.

    Args:
        client: Whose stories are lived.
        transport: Carries requests; with its provider.
        cache: Keeps tokens; with its provider.
        keeper: Knows the credentials.
        observers: Called with each event, on the thread that tells it.
        clock: The clocks.
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
    ) -> None:
        self._client = client
        self.transport, self.transport_provider = transport
        self.cache, self.cache_provider = cache
        self.keeper = keeper
        self.clock = clock
        self.teller = Teller(observers)
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

    def read_cache(self, key: str) -> StoredToken | None:
        """Return what the cache has, if it can be had and read."""
        entry = self._ask_cache("read", lambda: self.cache.read(key), expected=(bytes, type(None)))
        if not isinstance(entry, bytes):
            return None
        try:
            return read_stored_token(entry, key, max_lifetime=self._client.policy.max_lifetime)
        except CorruptEntry as fault:
            self.tell("cache.corrupt", cache=str(self.cache_provider), reason=str(fault))
            return None

    def write_cache(self, key: str, stored: StoredToken) -> None:
        """Put a token into the cache, if it can be put there."""
        entry = write_stored_token(key, stored)
        lifetime = stored.grant.lifetime - (self.clock.wall() - stored.issued_at)
        self._ask_cache(
            "write",
            lambda: self.cache.write(key, entry, lifetime=max(lifetime, 0.0)),
            expected=(type(None),),
        )

    def discard(self, key: str, record_id: str) -> None:
        """Drop that very record from the cache."""
        self._ask_cache(
            "discard",
            lambda: self.cache.discard(key, expected=record_id.encode("ascii")),
            expected=(bool,),
        )

    def _ask_cache(
        self, verb: str, call: Callable[[], object], *, expected: tuple[type, ...]
    ) -> object:
        try:
            return call_adapter(self.cache_provider, call, expected=expected)
        except CredicorpAuthError as error:
            # A broken cache never breaks a call: it has nothing, and keeps nothing.
            self.tell("cache.trouble", cache=str(self.cache_provider), verb=verb, code=error.code)
            return None

    def fetch_secret(self, *, past_cache: bool) -> ClientCredentials:
        """Return id and secret of one version."""
        credentials, was_read = self.keeper.fetch(past_cache=past_cache)
        if was_read:
            self.tell("secret.fetched", client_id=credentials.client_id)
        return credentials

    def send(self, request: HttpRequest, *, timeout: float) -> HttpResponse:
        """Send a request through the chosen transport."""
        return call_adapter(
            self.transport_provider,
            lambda: self.transport.send(request, timeout=timeout),
            expected=(HttpResponse,),
        )

    def recall(self) -> Standing:
        """Return how the client stands with the token endpoint, in this process."""
        standing = self._standing
        until = COOL_DOWNS.until(self._cool_down_key)
        return standing if until <= standing.quiet_until else standing.quiet_at_least(until)

    def remember(self, fact: Fact) -> None:
        """Keep what the token endpoint did."""
        moment = self.clock.boot()
        with self._lock:
            self._standing = self._standing.after(fact, moment)
        if isinstance(fact, Failed) and isinstance(fact.error, TokenEndpointBusy):
            COOL_DOWNS.start(self._cool_down_key, moment + fact.pause, moment)

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
        for adapter in (self.transport, self.cache, self.keeper.source):
            adapter.after_fork()

    def close(self) -> None:
        """Wake whoever pauses, and close the adapters."""
        self.closing.set()
        for adapter in (self.transport, self.cache, self.keeper.source):
            adapter.close()
