"""
One host of the fleet: a busy process that requests a token before each of its calls.

The library's own code decides who joins a call (`engine/tokens/admission.py`), runs the refresh
(`lifecycle/refresh.py` and all that it calls) and completes it (`engine/tokens/completion.py`).
The random arrival of calls and the runtime are modelled. Calls that cannot change anything are
skipped: the engine would return the held token or raise the stored error.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve
from timeline import BOOT

from credicorp_auth.engine.cooldowns import Cooldowns
from credicorp_auth.engine.single_flight.in_flight import run_guarded
from credicorp_auth.engine.storage.lease import NoLease
from credicorp_auth.engine.tokens.admission import NOTHING, Admissions
from credicorp_auth.engine.tokens.completion import Completion
from credicorp_auth.engine.tokens.entry import Held
from credicorp_auth.engine.tokens.token_engine import RECHECK
from credicorp_auth.engine.tokens.token_entries import TokenEntries
from credicorp_auth.http.retry import plausible_cooldown
from credicorp_auth.http.secret import Secret
from credicorp_auth.lifecycle.client import Client, ClientCredentials
from credicorp_auth.lifecycle.endpoint_state import EndpointState, Failed
from credicorp_auth.lifecycle.obtain import obtain_token, refresh_token_entry
from credicorp_auth.lifecycle.runtime import TokenRequirements
from credicorp_auth.oauth.endpoint import EndpointAddress
from credicorp_auth.oauth.scope import Scope
from credicorp_auth.oauth.token_endpoint import TokenRequest
from credicorp_auth.plugin.api import Provider

if TYPE_CHECKING:
    from shared_systems import SharedSystems

    from credicorp_auth.http.messages import HttpRequest, HttpResponse
    from credicorp_auth.lifecycle.endpoint_state import EndpointOutcome
    from credicorp_auth.lifecycle.runtime import StoredToken
    from credicorp_auth.plugin.api import Lease

TIMEOUT: Final = 10.0  # seconds, the library's default
CALL_SECONDS: Final = 0.5  # mean time between two calls of a host
FROZEN_SECONDS: Final = 20.0  # that a lease holder freezes
SCOPE: Final = Scope("applications:write")
CLIENT: Final = Client("fleet", TokenRequest("https://localhost/oauth/token", scope=SCOPE))
_CREDENTIALS: Final = ClientCredentials("fleet", Secret("of-no-use"), "1")
_ENDPOINT: Final = "endpoint"


class HostRuntime:
    """
    The runtime of a host: a model in place of the adapters of `engine/tokens/runtime.py`.

    Each host has its own endpoint state and cooldowns. The cache, the endpoint, the clock and the
    random numbers are shared by the fleet.
    """

    transport_provider = Provider("fleet")
    is_shared = True  # the cache

    def __init__(self, systems: SharedSystems) -> None:
        self._systems = systems
        self._cool_downs = Cooldowns()
        self._state = EndpointState()
        self._lease: Lease = NoLease()
        self.now = systems.timeline.now
        self.pause = systems.timeline.pause
        self.random = systems.dice.random
        self.cache = self.clock = self  # the engine asks for `.cache.provider` and `.clock.wall`
        self.provider = self.transport_provider

    def wall(self) -> float:
        """Return epoch seconds."""
        return self.now().wall

    def new_record_id(self) -> str:
        """Return the next record id."""
        return self._systems.new_record_id()

    def read_cache(self, _key: str) -> StoredToken | None:
        """Return the token of the shared cache, which holds a single key."""
        return self._systems.cache.read()

    def write_cache(self, _key: str, stored: StoredToken) -> None:
        """Write a token to the shared cache."""
        self._systems.cache.write(stored)

    def discard(self, _key: str, _record_id: str) -> None:
        """Do nothing: no resource rejects tokens here."""

    def lease(self, _key: str) -> Lease:
        """Request the lease to mint."""
        self._lease = self._systems.cache.lease() if self._systems.leases else NoLease()
        return self._lease

    def release(self, lease: Lease) -> None:
        """Release the lease."""
        lease.release(timeout=5)

    def load_shared_cooldown(self) -> None:
        """Load the shared cooldown, as the real runtime does."""
        left = plausible_cooldown(self._systems.cache.read_cooldown(), self.wall())
        if left > 0:
            instant = self.now().boot
            self._cool_downs.start(_ENDPOINT, instant + left, instant)

    def fetch_secret(self, *, past_cache: bool) -> ClientCredentials:  # noqa: ARG002 - it never changes
        """Return the client credentials."""
        return _CREDENTIALS

    def accept_version(self, credentials: ClientCredentials) -> None:
        """Do nothing: no secret is rotated here."""

    def send(self, _request: HttpRequest, *, timeout: float) -> HttpResponse:
        """Send a request, unless this host holds the lease and is frozen now."""
        if self._systems.freezes(self._lease):
            self.pause(FROZEN_SECONDS)
        return self._systems.endpoint.response(timeout)

    def locate_endpoint(self, _seconds: float = 0.0) -> EndpointAddress:
        """Return the fleet's token endpoint."""
        return EndpointAddress(CLIENT.template.token_url, "`token_url`")

    def recall(self) -> EndpointState:
        """Return this host's endpoint state."""
        return self._cool_downs.applies_to(self._state, _ENDPOINT)

    def remember(self, outcome: EndpointOutcome) -> None:
        """Record the endpoint's outcome, and share a cooldown, as the real runtime does."""
        now = self.now()
        self._state = self._state.after(outcome, now.boot)
        if isinstance(outcome, Failed) and outcome.is_cooldown:
            self._cool_downs.start(_ENDPOINT, now.boot + outcome.pause, now.boot)
            self._systems.cache.write_cooldown(now.wall + outcome.pause)

    def emit(self, name: str, **fields: str | float | bool | None) -> None:
        """Do nothing: there are no listeners."""


class Host:
    """
    A host that requests tokens and runs the calls that it starts.

    Args:
        systems: The systems that all hosts share.
        index: The host's number.
    """

    def __init__(self, systems: SharedSystems, index: int) -> None:
        self._systems = systems
        self._index = index
        runtime: Any = HostRuntime(systems)
        self._runtime: HostRuntime = runtime
        self._entry = TokenEntries(SCOPE, 2, may_publish=False).default
        self._admissions = Admissions(runtime)
        self._completion = Completion(CLIENT, runtime)
        self._served_until = systems.timeline.instant

    def call(self) -> None:
        """Request a token; if that starts an in-flight call, continue when it completes."""
        now, state = self._runtime.now(), self._entry.state.get()
        decision = self._admissions.decide(SCOPE, state, now, now.boot + TIMEOUT, NOTHING)
        if decision.waits or decision.refreshes:
            run = partial(self._run_call, now.boot + TIMEOUT, cache_only=decision.cache_only)
            self._systems.timeline.start(run)
        else:
            self._await_next_call()

    def _run_call(self, deadline: float, *, cache_only: bool) -> None:
        now, state = self._runtime.now().boot, self._entry.state.get()
        if cache_only:
            next_recheck = now + RECHECK
            self._entry.change(lambda state: evolve(state, next_recheck=next_recheck))
        requirements = TokenRequirements(
            SCOPE,
            deadline,
            newer_than=None if state.held is None else state.held.issuance,
            refusal=self._runtime.recall().refusal_of(SCOPE, now),
            cache_only=cache_only,
        )
        operation = obtain_token if state.held is None else refresh_token_entry
        outcome = run_guarded(partial(operation, CLIENT, self._runtime, requirements))
        result = self._completion.complete(self._entry, outcome)
        if isinstance(result, Held):
            self._entry.hold(result)
        self.note_gap()
        self._await_next_call()

    def note_gap(self) -> None:
        """Record the time without a token that ends now, if there was any."""
        instant, held = self._systems.timeline.instant, self._entry.held
        if instant > self._served_until:
            self._systems.ledger.note_gap(self._index, self._served_until, instant)
            self._served_until = instant
        if held is not None:
            expiry = held.windows.issued.boot - BOOT + held.windows.lifetime
            self._served_until = max(self._served_until, expiry)

    def _await_next_call(self) -> None:
        timeline = self._systems.timeline
        instant = max(timeline.instant, self._next_that_matters() - BOOT)
        timeline.at(instant + self._systems.dice.expovariate(1 / CALL_SECONDS), self.call)

    def _next_that_matters(self) -> float:
        """Return the boot time from which a request may start an in-flight call."""
        quiet, held = self._runtime.recall().cooldown_until, self._entry.held
        state = self._entry.state.get()
        tokenless = min(quiet - TIMEOUT, state.next_recheck)
        if held is None:
            return tokenless
        windows = held.windows
        issued = windows.issued.boot
        return min(
            max(issued + windows.advisory, state.next_refresh, quiet),
            max(issued + windows.mandatory, quiet),
            max(issued + windows.lifetime, tokenless),
        )
