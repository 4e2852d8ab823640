"""What any shared cache may give back, strangers' included: it breaks no call, and costs one mint."""

from __future__ import annotations

import base64
import json

import pytest
from attrs import evolve

from credicorp_auth import Secret, errors
from credicorp_auth.engine.cooldowns import COOLDOWNS
from credicorp_auth.engine.storage.lease import keep_lease
from credicorp_auth.engine.storage.record import write_cooldown
from credicorp_auth.lifecycle.client import endpoint_key
from credicorp_auth.plugin.api import CacheCapabilities, LeaseState
from credicorp_auth.settings.schema import Settings
from credicorp_auth.wiring.engines import build_engine
from credicorp_auth_memory import CacheOptions, MemoryCache
from credicorp_auth_testing.clock import MovableClock
from credicorp_auth_testing.fakes import ListedSecrets, ScriptedTransport, wait_idle
from credicorp_auth_testing.scripted_runtime import ScriptedLease, response

pytestmark = pytest.mark.slow

SEALING = Secret(base64.b64encode(b"k" * 32).decode())
QUIET = endpoint_key("https://as.example/oauth/token", "poisoned")
CLEAN = 1
"""Mints of five engines, one after another, whose cache nobody has meddled with."""


class StrangersCache(MemoryCache):
    """A cache that processes share, and that judges nothing of what it is given."""

    def __init__(self, encryption_key=None):
        super().__init__(CacheOptions())
        self.capabilities_ = CacheCapabilities(
            shared=True, leases=True, encryption_key=encryption_key
        )
        self.kept = {}
        self.number = 0
        self.gives = lambda: ScriptedLease(LeaseState.ACQUIRED, self.count())

    capabilities = property(lambda self: self.capabilities_)

    def count(self):
        """Count up, as leases do."""
        self.number += 1
        return self.number

    def read(self, key, *, timeout):
        return self.kept.get(key, (None, 0))[0]

    def write(self, key, entry, *, lifetime, number=0, timeout):
        """Keep it, unless what is there has a larger number, no matter what that is."""
        if not 0 < number < self.kept.get(key, (None, 0))[1]:
            self.kept[key] = (entry, number)

    def lease(self, _key, *, seconds, timeout):
        """Give what the test says."""
        return self.gives()

    def close(self):
        """Stay open: it is not one engine's."""


class Fleet:
    """Engines that share a stranger's cache, each one as in a process of its own."""

    def __init__(self, *, encrypted):
        self.cache = StrangersCache(SEALING if encrypted else None)
        self.clock, self.transport, self.emitted = MovableClock(), ScriptedTransport(), []
        self.engines = []
        self.call()
        (self.key,) = self.cache.kept
        self.sound = self.cache.kept.pop(self.key)[0]
        self.transport.calls.clear()

    def build(self):
        COOLDOWNS._until.clear()
        engine = build_engine(
            Settings(
                base_url="https://as.example",
                client_id="poisoned",
                transport=self.transport,
                cache=self.cache,
                secrets=ListedSecrets(),
                observers=[lambda event: self.emitted.append(event.name)],
            ),
            clock=self.clock,
        )
        self.engines.append(engine)
        return engine

    def call(self):
        return self.build().get_token().value.reveal()

    def mints(self):
        return len(self.transport.calls)

    def tamper(self, **members):
        """Put the sound entry into the cache with other members, under a number made up."""
        entry = json.dumps({**json.loads(self.sound), **members}).encode()
        self.cache.kept[self.key] = (entry, 2**70)


@pytest.fixture
def build_fleet():
    built = []

    def build(*, encrypted=False):
        built.append(Fleet(encrypted=encrypted))
        return built[-1]

    yield build
    for engine in (each for fleet in built for each in fleet.engines):
        engine.close()
    wait_idle()


@pytest.fixture
def fleet(build_fleet):
    return build_fleet()


def assert_costs_nothing(fleet):
    """Five engines have one token, none of them waits for its deadline, and one mints."""
    began = fleet.clock.boot()
    tokens = [fleet.call() for _ in range(5)]

    assert 1 == len(set(tokens))
    assert CLEAN == fleet.mints()
    assert fleet.clock.boot() - began < 8  # of the 10 s of a call


@pytest.mark.parametrize("encrypted", [False, True])
@pytest.mark.parametrize("number", [1, 2**53 - 1, 2**63 - 1, 10**30])
@pytest.mark.parametrize("entry", [b"", b"garbage", b"[" * 5000, b"\xff" * 300_000])
def test_fault_379_an_entry_that_is_none_of_ours(build_fleet, entry, number, encrypted):
    """379: no matter what it is, and no matter which number keeps it there, the first token takes its place."""
    fleet = build_fleet(encrypted=encrypted)
    fleet.cache.kept[fleet.key] = (entry, number)

    assert_costs_nothing(fleet)


@pytest.mark.parametrize(
    "members",
    [
        pytest.param({"number": 2**53}, id="a number beyond the largest"),
        pytest.param({"number": 7.0}, id="a number that is no whole one"),
        pytest.param({"number": -1}, id="a number below nothing"),
        pytest.param({"lifetime": 86_400.5}, id="a life longer than any is believed"),
        pytest.param({"lifetime": 1e12}, id="a life of thousands of years"),
        pytest.param({"lifetime": float("inf")}, id="a life without end"),
        pytest.param({"issued_at": 1_800_000_061.0}, id="an issue more than a minute ahead"),
        pytest.param({"issued_at": 1e15}, id="an issue at the end of time"),
        pytest.param({"issued_at": float("nan")}, id="an issue that is no number"),
        pytest.param({"issued_at": 1.0, "number": 2**53 - 1}, id="a dead token, the newest of all"),
    ],
)
def test_fault_381_a_record_out_of_bounds(fleet, members):
    """135, 381: it counts as absent, and the first token takes its place."""
    fleet.tamper(**members)

    assert_costs_nothing(fleet)


def test_fault_381_a_token_under_the_largest_number_serves_and_is_followed(fleet):
    """381, 384: a number that no lease has had keeps no newer token away, here or elsewhere."""
    fleet.tamper(number=2**53 - 1)
    holders = [fleet.build() for _ in range(3)]
    before = [each.get_token().value.reveal() for each in holders]
    fleet.clock.advance(3590)
    after = [each.get_token().value.reveal() for each in holders]

    assert [1, 1] == [len(set(before)), len(set(after))]
    assert before[0] != after[0] == fleet.call()
    assert CLEAN == fleet.mints()


@pytest.mark.parametrize(("lifetime", "age"), [(60, 51), (3600, 3400)])
def test_fault_384_an_early_successor_takes_the_place_of_a_token_with_a_made_up_number(
    fleet, lifetime, age
):
    """384: in the advisory window the held token is replaced, though its number is the larger one."""
    fleet.transport = ScriptedTransport(expires_in=lifetime)
    fleet.tamper(number=2**53 - 1, lifetime=float(lifetime), access_token="theirs")
    engine = fleet.build()
    held = engine.get_token()
    fleet.clock.advance(age)
    engine.get_token()
    wait_idle()
    successor = engine.get_token()

    assert successor.value.reveal() != held.value.reveal()
    assert successor.value.reveal() == fleet.call()
    assert CLEAN == fleet.mints()


def test_fault_384_a_lease_that_another_holds_for_ever(fleet):
    """384: nobody waits for it until its deadline; the first goes without, the rest read what it brings."""
    fleet.cache.gives = lambda: ScriptedLease(LeaseState.HELD)

    assert_costs_nothing(fleet)


def test_fault_384_a_lease_held_for_ever_does_not_make_anybody_ask_in_a_cool_down(fleet):
    """384: a caller that gives up waiting for the holder still leaves the endpoint alone as it asked."""
    fleet.cache.gives = lambda: ScriptedLease(LeaseState.HELD)
    entry = write_cooldown(QUIET, fleet.clock.wall() + 200)
    fleet.cache.kept[QUIET] = (entry, 0)

    with pytest.raises(errors.DeadlinePassed, match="mints for all"):
        fleet.call()
    assert 0 == fleet.mints()


@pytest.mark.parametrize(
    "number", [0, 1, -1, True, 2**53, 2**63, 10**40, 7.5, float("nan"), "7", None]
)
def test_fault_384_leases_whose_numbers_are_none(fleet, number):
    """384: a number out of bounds, or that never grows, is as good as none."""
    fleet.cache.gives = lambda: ScriptedLease(LeaseState.ACQUIRED, number)
    assert_costs_nothing(fleet)
    engine = fleet.build()
    old = engine.get_token()
    engine.invalidate(old)
    wait_idle()
    new = engine.get_token()

    assert new.value.reveal() != old.value.reveal()
    assert [new.value.reveal()] * 2 == [fleet.call(), fleet.call()]
    assert CLEAN + 1 == fleet.mints()


@pytest.mark.parametrize("state", ["ACQUIRED", None, 1])
def test_fault_384_a_lease_in_no_state_is_none(state):
    """384: what is neither acquired nor held has failed; it is neither renewed nor given back."""
    lease = keep_lease(ScriptedLease(state, 7), lambda _verb, call, _expected: call(), 5)

    assert (LeaseState.FAILED, 0) == (lease.state, lease.number)


@pytest.mark.parametrize("left", [361.0, 3600.0, 9e14, float("nan"), float("inf")])
def test_fault_382_a_cool_down_beyond_bounds_is_absent_and_replaced(fleet, left):
    """382: nobody heeds it; one that the endpoint really asks for takes its place, and is heeded."""
    record = {"credicorp_auth": 1, "key": QUIET, "cooldown_until": fleet.clock.wall() + left}
    fleet.cache.kept[QUIET] = (json.dumps(record).encode(), 2**70)
    assert_costs_nothing(fleet)

    fleet.cache.kept.pop(fleet.key)
    fleet.transport = ScriptedTransport([response(429, [("Retry-After", "200")])])
    with pytest.raises(errors.TokenEndpointBusy):
        fleet.call()
    with pytest.raises(errors.TokenEndpointBusy) as raised:
        fleet.call()
    assert 199 < raised.value.retry_after <= 200
    assert 1 == fleet.mints()


@pytest.mark.parametrize(("left", "heeded"), [(300.0, 300.0), (359.0, 300.0)])
def test_fault_382_a_cool_down_within_bounds_is_heeded_for_300_s_at_most(fleet, left, heeded):
    """382: as far as a server can have asked for, by a clock that may be a minute ahead."""
    fleet.cache.kept[QUIET] = (write_cooldown(QUIET, fleet.clock.wall() + left), 0)

    with pytest.raises(errors.TokenEndpointBusy) as raised:
        fleet.call()
    assert heeded == raised.value.retry_after


def test_a_held_token_is_superseded_by_one_issued_much_later_whatever_the_numbers(fleet):
    """384: within a minute the numbers decide, beyond it the moment of issue."""
    engine = fleet.build()
    engine.get_token()
    entry = engine._default
    first = evolve(entry.held, issuance=entry.held.issuance._replace(number=9))
    later = {}
    for seconds in (59.0, 61.0):
        issued = first.windows.issued._replace(boot=first.windows.issued.boot + seconds)
        later[seconds] = evolve(
            first,
            windows=first.windows._replace(issued=issued),
            issuance=first.issuance._replace(number=8),
        )

    assert not later[59.0].supersedes(first)
    assert first.supersedes(later[59.0])
    assert later[61.0].supersedes(first)
    assert not first.supersedes(later[61.0])
