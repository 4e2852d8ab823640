"""
One host of the fleet: a busy process that asks for a token before each of its calls.

Driven, as they are: who boards a flight (`engine/boarding.py`), the story it lives
(`lifecycle/renew.py` and all that it calls), and what it leaves behind (`engine/landing.py`).
Modelled: that calls come at random, and the World. Calls that could change nothing, since the rules
would hand out the held token or raise the remembered error, are left out.
"""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from timeline import BOOT

from credicorp_auth.engine.boarding import Boarding
from credicorp_auth.engine.clock import Clock
from credicorp_auth.engine.cool_downs import CoolDowns
from credicorp_auth.engine.flight import live
from credicorp_auth.engine.landing import Landing
from credicorp_auth.engine.lease_keeper import NoLease
from credicorp_auth.engine.slot import Holders, Slot
from credicorp_auth.engine.waiter import ThreadWaiter
from credicorp_auth.errors import CredicorpAuthError
from credicorp_auth.lifecycle.client import Client, ClientCredentials
from credicorp_auth.lifecycle.obtain import obtain_token
from credicorp_auth.lifecycle.renew import renew_token
from credicorp_auth.lifecycle.standing import Failed, Standing
from credicorp_auth.oauth.endpoint_address import EndpointAddress
from credicorp_auth.oauth.retry import believe_cooldown
from credicorp_auth.oauth.scope import Scope
from credicorp_auth.oauth.secret import Secret
from credicorp_auth.oauth.token_endpoint import TokenRequest
from credicorp_auth.ports import Provider

if TYPE_CHECKING:
    from fleet import Fleet

    from credicorp_auth.engine.boarding import TakeOff
    from credicorp_auth.lifecycle.standing import Fact
    from credicorp_auth.lifecycle.world import StoredToken
    from credicorp_auth.oauth.http import HttpRequest, HttpResponse
    from credicorp_auth.ports import Lease

TIMEOUT: Final = 10.0  # seconds a flight may take: the library's default
CALL_SECONDS: Final = 0.5  # between two calls of a host, on average
FROZEN_SECONDS: Final = 20.0  # that a holder of the lease stands still
SCOPE: Final = Scope("applications:write")
CLIENT: Final = Client("fleet", TokenRequest("https://localhost/oauth/token", scope=SCOPE))
_CREDENTIALS: Final = ClientCredentials("fleet", Secret("of-no-use"), "1")
_ENDPOINT: Final = "endpoint"


class HostWorld:
    """
    The World of a host: what `engine/real_world.py` makes of adapters, made of a model.

    Each host has a standing and cool-downs of its own; cache, endpoint, time and chance are the
    fleet's.
    """

    closing = threading.Event()  # never set; the engine looks
    transport_provider = Provider("fleet")
    is_shared = True  # the cache

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._cool_downs = CoolDowns()
        self._standing = Standing()
        self._lease: Lease = NoLease()
        self.now = fleet.timeline.now
        self.pause = fleet.timeline.pause
        self.random = fleet.dice.random
        self.cache = self.clock = self  # the engine asks for `.cache.provider` and `.clock.wall`
        self.provider = self.transport_provider

    def wall(self) -> float:
        """Return epoch seconds."""
        return self.now().wall

    def new_record_id(self) -> str:
        """Return the next record id."""
        return self._fleet.new_record_id()

    def read_cache(self, _key: str) -> StoredToken | None:
        """Return what the fleet shares; there is one key."""
        return self._fleet.cache.read()

    def write_cache(self, _key: str, stored: StoredToken) -> None:
        """Share a token."""
        self._fleet.cache.write(stored)

    def discard(self, _key: str, _record_id: str) -> None:
        """No resource turns tokens away here."""

    def lease(self, _key: str) -> Lease:
        """Ask for the right to mint."""
        self._lease = self._fleet.cache.lease() if self._fleet.leases else NoLease()
        return self._lease

    def release(self, lease: Lease) -> None:
        """Give it back."""
        lease.release()

    def heed_others(self) -> None:
        """Take note of the shared cool-down, as the real world does."""
        left = believe_cooldown(self._fleet.cache.read_cool_down(), self.wall())
        if left > 0:
            moment = self.now().boot
            self._cool_downs.start(_ENDPOINT, moment + left, moment)

    def fetch_secret(self, *, past_cache: bool) -> ClientCredentials:  # noqa: ARG002 - it never changes
        """Return id and secret."""
        return _CREDENTIALS

    def settle_on(self, credentials: ClientCredentials) -> None:
        """No secret is rotated here."""

    def send(self, _request: HttpRequest, *, timeout: float) -> HttpResponse:
        """Send a request, unless this is the holder whose process is frozen just now."""
        if self._fleet.freezes(self._lease):
            self.pause(FROZEN_SECONDS)
        return self._fleet.endpoint.answer(timeout)

    def locate_endpoint(self) -> EndpointAddress:
        """Return the one endpoint of the fleet."""
        return EndpointAddress(CLIENT.template.token_url, "`token_url`")

    def recall(self) -> Standing:
        """Return how the client stands with the endpoint, as this host knows it."""
        return self._cool_downs.heeded_by(self._standing, _ENDPOINT)

    def remember(self, fact: Fact) -> None:
        """Keep what the endpoint did, and share a cool-down, as the real world does."""
        now = self.now()
        self._standing = self._standing.after(fact, now.boot)
        if isinstance(fact, Failed) and fact.is_cooldown:
            self._cool_downs.start(_ENDPOINT, now.boot + fact.pause, now.boot)
            self._fleet.cache.write_cool_down(now.wall + fact.pause)

    def tell(self, name: str, **fields: str | float | bool | None) -> None:
        """Nobody listens."""


class Host:
    """
    Asks for tokens, flies, lands, and asks again when it matters.

    Args:
        fleet: What it belongs to.
        index: Its number.
    """

    def __init__(self, fleet: Fleet, index: int) -> None:
        self._fleet = fleet
        self._index = index
        world: Any = HostWorld(fleet)
        self._world: HostWorld = world
        clock = Clock(lambda: world.now().wall, lambda: world.now().boot)
        self._slot = Slot(SCOPE, clock, Holders())
        self._boarding = Boarding(world, TIMEOUT)
        self._landing = Landing(CLIENT, world)
        self._served_until = fleet.timeline.moment

    def call(self) -> None:
        """Ask for a token; where that starts a flight, go on when it has landed."""
        try:
            boarded = self._boarding.board(self._slot, None, ThreadWaiter)
        except CredicorpAuthError:
            take_off = None
        else:
            take_off = boarded.take_off
        if take_off is None:
            self._await_next_call()
        else:
            self._fleet.timeline.start(partial(self._fly, take_off))

    def _fly(self, take_off: TakeOff) -> None:
        story = obtain_token if self._slot.held is None else renew_token
        outcome = live(partial(story, CLIENT, self._world, take_off.errand))
        self._landing.land(self._slot, take_off.flight, outcome)
        self.note_gap()
        self._await_next_call()

    def note_gap(self) -> None:
        """Tell the ledger of the time without a token that ends now, if there was any."""
        moment, held = self._fleet.timeline.moment, self._slot.held
        if moment > self._served_until:
            self._fleet.ledger.note_gap(self._index, self._served_until, moment)
            self._served_until = moment
        if held is not None:
            expiry = held.windows.issued.boot - BOOT + held.windows.lifetime
            self._served_until = max(self._served_until, expiry)

    def _await_next_call(self) -> None:
        timeline = self._fleet.timeline
        moment = max(timeline.moment, self._next_that_matters() - BOOT)
        timeline.at(moment + self._fleet.dice.expovariate(1 / CALL_SECONDS), self.call)

    def _next_that_matters(self) -> float:
        """Return the moment of the boot clock from which a call may start a flight."""
        quiet, held = self._world.recall().quiet_until, self._slot.held
        tokenless = min(quiet - TIMEOUT, self._slot.next_look)
        if held is None:
            return tokenless
        windows = held.windows
        issued = windows.issued.boot
        return min(
            max(issued + windows.advisory, self._slot.next_refresh, quiet),
            max(issued + windows.mandatory, quiet),
            max(issued + windows.lifetime, tokenless),
        )
